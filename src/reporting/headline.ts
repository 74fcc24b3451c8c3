import { count } from '../common/count.ts';
import { formatDuration } from '../common/polling.ts';
import { code, type Phrase, phraseToText } from './markdown.ts';
import {
  driftOf,
  dropsOf,
  endedWithoutServer,
  isCheckComplete,
  type PublishedLogin,
  type RunSummary,
  unknownOf,
} from './run-summary.ts';

/** The verdict of a run. */
export interface Headline {
  readonly icon: '✅' | '⚠️' | '❌';
  /** Without a full stop. */
  readonly phrase: Phrase;
}

/** The verdict in words, with the code of an error and the time: `✅ Database relecloud is ready (6.1 s)`. */
export function headlineOf(summary: RunSummary): Headline {
  const { durationMs, error, errorCode = 'unexpected' } = summary;
  const words =
    error === undefined ? describeSuccess(summary) : [...describeFailure(summary), ':', code(errorCode)];
  return { icon: iconOf(summary), phrase: [...words, `(${formatDuration(durationMs)})`] };
}

/** The last line of the log: the verdict, and what to use or to read next. */
export function lastLineOf(summary: RunSummary): string {
  const { icon, phrase } = headlineOf(summary);
  return [`${icon} ${phraseToText(phrase)}.`, describeNext(summary)].filter(Boolean).join(' ');
}

function iconOf(summary: RunSummary): Headline['icon'] {
  if (summary.error !== undefined) return '❌';
  const isWarning =
    summary.wideOpenRules.length > 0 || driftOf(summary).length > 0 || endedWithoutServer(summary);
  return isWarning ? '⚠️' : '✅';
}

function describeSuccess(summary: RunSummary): Phrase {
  const { mode, server } = summary;
  if (mode === 'ensure') return describeReady(summary);
  if (mode === 'check') return describeCheck(summary);
  if (endedWithoutServer(summary)) return ['Nothing was checked or dropped on', code(server)];
  return mode === 'drop' ? describeDrop(summary) : describeSweep(summary);
}

function describeReady(summary: RunSummary): Phrase {
  const { database = '' } = summary;
  const differences = driftOf(summary).length;
  const exception = differences === 0 ? '' : `, with ${count(differences, 'difference')}`;
  return ['Database', code(database), `is ready${exception}`];
}

function describeCheck(summary: RunSummary): Phrase {
  const server = code(summary.server);
  const differences = driftOf(summary).length;
  const unchecked = unknownOf(summary).length;
  if (differences > 0)
    return [
      count(differences, 'difference'),
      'on',
      server,
      ...(unchecked === 0 ? [] : [`, ${unchecked} not checked`]),
    ];
  if (summary.wideOpenRules.length > 0) return [server, 'is as declared, but open to the whole internet'];
  return unchecked === 0
    ? [server, 'is as declared']
    : [server, `has no drift, but ${count(unchecked, 'resource')} could not be checked`];
}

function describeDrop(summary: RunSummary): Phrase {
  const { database = '', isDryRun } = summary;
  const drops = dropsOf(summary);
  const name = code(database);
  if (drops.length === 0) return [isDryRun ? 'Dry run: nothing' : 'Nothing', 'to drop of database', name];
  if (isDryRun) return [`Dry run: ${count(drops.length, 'resource')} of database`, name, 'would be dropped'];
  return hasDroppedDatabase(summary)
    ? ['Database', name, 'is dropped']
    : [
        `${count(drops.length, 'resource')} of database`,
        name,
        drops.length === 1 ? 'is dropped' : 'are dropped',
      ];
}

function describeSweep(summary: RunSummary): Phrase {
  const { isDryRun, skipped } = summary;
  const { length: drops } = dropsOf(summary);
  const server = code(summary.server);
  const areKept = skipped.length === 1 ? 'is kept' : 'are kept';
  if (drops === 0)
    return [
      isDryRun ? 'Dry run: nothing to drop on' : 'Nothing to drop on',
      server,
      ...(skipped.length === 0 ? [] : [`, ${count(skipped.length, 'resource')} ${areKept}`]),
    ];
  const dropped = isDryRun ? 'would be dropped' : drops === 1 ? 'is dropped' : 'are dropped';
  const kept = skipped.length === 0 ? '' : `, ${skipped.length} ${areKept}`;
  return [`${isDryRun ? 'Dry run: ' : ''}${count(drops, 'resource')} on`, server, `${dropped}${kept}`];
}

const hasDroppedDatabase = (summary: RunSummary): boolean =>
  dropsOf(summary).some(({ resource }) => resource === 'database');

/** What the run has not achieved. */
function describeFailure(summary: RunSummary): Phrase {
  const { mode, database = '', errorCode } = summary;
  const server = code(summary.server);
  switch (mode) {
    case 'ensure':
      return ['Database', code(database), 'is not ready'];
    case 'check':
      if (errorCode === 'check-incomplete') return [server, 'was not checked completely'];
      return isCheckComplete(summary) ? describeCheck(summary) : [server, 'was not checked'];
    case 'drop':
      return hasDroppedDatabase(summary)
        ? ['Database', code(database), 'is dropped, but not everything of it']
        : ['Database', code(database), 'is not dropped'];
    case 'sweep':
      return ['The sweep of', server, 'is not complete'];
  }
}

function describeNext(summary: RunSummary): string {
  const { error, errorUrl, login } = summary;
  if (error !== undefined) return `See the error above${errorUrl === undefined ? '.' : `, and ${errorUrl}`}`;
  if (login !== undefined) return describeLogin(login);
  if (driftOf(summary).length > 0) return 'See above what to do about each.';
  return endedWithoutServer(summary) ? 'See the reason above.' : '';
}

function describeLogin({ user, isAdministrator, variables }: PublishedLogin): string {
  const names =
    variables.length === 0 ? 'the outputs of this step, such as database-url' : variables.join(', ');
  return `Later steps get ${names}, and log in as ${user}${isAdministrator ? ', the administrator' : ''}.`;
}
