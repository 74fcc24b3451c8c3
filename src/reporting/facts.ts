import { count } from '../common/count.ts';
import { formatDuration } from '../common/polling.ts';
import { type Cell, code, type Phrase } from './markdown.ts';
import { driftOf, dropsOf, isCheckComplete, type RunSummary, unknownOf } from './run-summary.ts';

/** One of the facts that the summary shows below its headline. */
export interface Fact {
  readonly name: string;
  readonly cell: Cell;
}

/** The four facts of a mode, for a table with one row. */
export function factsOf(summary: RunSummary): readonly Fact[] {
  const facts = (...entries: readonly (readonly [name: string, lines: readonly Phrase[]])[]) =>
    entries.map(([name, lines]) => ({ name, cell: { lines } }));
  switch (summary.mode) {
    case 'ensure':
      return facts(
        ['Server', serverLines(summary)],
        ['Later steps log in as', loginLines(summary)],
        ['Migrations', migrationLines(summary)],
        ['Firewall', ruleLines(summary)],
      );
    case 'check':
      return facts(
        ['Server', serverLines(summary)],
        ['Compared with', [summary.configFile === undefined ? ['the inputs'] : [code(summary.configFile)]]],
        ['Result', resultLines(summary)],
        ['Firewall', openRuleLines(summary)],
      );
    case 'drop':
    case 'sweep':
      return facts(
        ['Server', serverLines(summary)],
        [summary.isDryRun ? 'Would drop' : 'Dropped', dropLines(summary)],
        ['Kept', [[summary.skipped.length === 0 ? 'nothing' : count(summary.skipped.length, 'resource')]]],
        ['Firewall', ruleLines(summary)],
      );
  }
}

function serverLines({ server, serverProperties, remainingFindings }: RunSummary): readonly Phrase[] {
  const isMissing = remainingFindings.some(
    ({ resource, kind }) => resource === 'server' && kind === 'missing',
  );
  const unknown = [isMissing ? 'does not exist' : 'not reached'];
  return [[code(server)], ...(serverProperties ?? unknown).map((property) => [property])];
}

function loginLines({ login }: RunSummary): readonly Phrase[] {
  if (login === undefined) return [['no connection was published']];
  const { user, isAdministrator } = login;
  return [[code(user)], [isAdministrator ? 'the administrator of the server' : 'the application role']];
}

function migrationLines({ hasMigrationCommand, phases }: RunSummary): readonly Phrase[] {
  if (!hasMigrationCommand) return [['no migration command']];
  const phase = phases.find(({ name }) => name === 'Migrate');
  if (phase === undefined) return [['did not run']];
  const time = formatDuration(phase.end - phase.start);
  return [[phase.failed ? `failed after ${time}` : `succeeded in ${time}`]];
}

function ruleLines({ temporaryRuleAddress: address, keepRule, error }: RunSummary): readonly Phrase[] {
  if (address === undefined)
    return [[`no rule ${error === undefined ? 'needed' : 'requested'} for this runner`]];
  const isOpen = error === undefined;
  return [
    [`${keepRule ? 'persistent' : 'temporary'} rule ${isOpen ? 'for' : 'requested for'} this runner`],
    [code(address)],
    ...(keepRule ? [] : [['until the job ends']]),
  ];
}

function dropLines(summary: RunSummary): readonly Phrase[] {
  const drops = dropsOf(summary);
  return [[drops.length === 0 ? 'nothing' : count(drops.length, 'resource')]];
}

function resultLines(summary: RunSummary): readonly Phrase[] {
  if (!isCheckComplete(summary)) return [['not compared'], ['nothing was changed']];
  const unchecked = unknownOf(summary).length;
  const differences = driftOf(summary).length;
  return [
    [differences === 0 ? 'no difference' : count(differences, 'difference')],
    ...(unchecked === 0 ? [] : [[`${unchecked} not checked`]]),
    ['nothing was changed'],
  ];
}

/** Rules of {@link RunSummary.wideOpenRules} in a fact. */
const MAX_RULES = 5;

function openRuleLines(summary: RunSummary): readonly Phrase[] {
  const { wideOpenRules, serverProperties } = summary;
  if (wideOpenRules.length > 0)
    return [
      ['open to the whole internet:'],
      ...wideOpenRules.slice(0, MAX_RULES).map((name) => [code(name)]),
      ...(wideOpenRules.length > MAX_RULES ? [[`and ${wideOpenRules.length - MAX_RULES} more`]] : []),
    ];
  const isKnown =
    serverProperties !== undefined &&
    isCheckComplete(summary) &&
    !unknownOf(summary).some(({ resource }) => resource === 'firewall rule' || resource === 'server');
  return [[isKnown ? 'not open to the whole internet' : 'not checked']];
}
