import { count } from '../common/count.ts';
import { type ErrorCode, getErrorMessage } from '../common/errors.ts';
import { formatDuration } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import { factsOf } from './facts.ts';
import { FINDING_COLUMNS, findingCells, UNKNOWN_COLUMNS, unknownCells } from './finding-texts.ts';
import { headlineOf } from './headline.ts';
import {
  blockquote,
  type Cell,
  code,
  renderDetails,
  renderLink,
  renderPhrase,
  renderTable,
} from './markdown.ts';
import { driftOf, type RunSummary, unknownOf } from './run-summary.ts';
import type { Phase } from './timeline.ts';

/** The job summary in Markdown: a verdict, four facts, what needs attention, and the rest folded. */
export function renderSummary(summary: RunSummary): string {
  const { icon, phrase } = headlineOf(summary);
  const facts = factsOf(summary);
  const { changes, skipped, phases, durationMs } = summary;
  const sections = [
    `### ${icon} ${renderPhrase(phrase)}`,
    renderError(summary),
    renderTable(
      facts.map(({ name }) => name),
      [facts.map(({ cell }) => cell)],
    ),
    renderRows(
      FINDING_COLUMNS,
      driftOf(summary).map((finding) => findingCells(finding)),
    ),
    renderRows(
      UNKNOWN_COLUMNS,
      unknownOf(summary).map((finding) => unknownCells(finding)),
    ),
    renderRows(
      ['Would drop', 'Name', 'Details'],
      summary.dryRunDrops.map((d) => [d.resource, code(d.name), d.details]),
    ),
    renderFolded(
      count(changes.length, 'change'),
      ['Change', 'Resource', 'Name', 'Details'],
      changes.map((c) => [c.action, c.resource, code(c.name), c.details]),
    ),
    renderFolded(
      `${skipped.length} kept`,
      ['Kept', 'Name', 'Reason'],
      skipped.map((s) => [s.resource, code(s.name), s.reason]),
    ),
    renderFolded(`Time: ${formatDuration(durationMs)}`, ['Phase', 'Time', 'Share'], timeRows(phases)),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

/** The message of the error. The table shows what the message of `drifted` lists. */
function renderError({ error, errorCode, errorUrl }: RunSummary): string {
  const message = error === undefined || errorCode === 'drifted' ? '' : blockquote(error);
  const link = errorCode && renderLink(`What to do about \`${errorCode}\``, errorUrl);
  return [message, link].filter(Boolean).join('\n\n');
}

/** Maximum number of rows of a table: GitHub rejects a summary of more than 1 MiB. */
const MAX_TABLE_ROWS = 200;

function renderRows(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return '';
  const hiddenCount = rows.length - MAX_TABLE_ROWS;
  return `${renderTable(columns, rows.slice(0, MAX_TABLE_ROWS))}${hiddenCount > 0 ? `\n\n… and ${hiddenCount} more.` : ''}`;
}

const renderFolded = (
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): string => (rows.length === 0 ? '' : renderDetails(title, renderRows(columns, rows)));

/** Characters of the bar of a phase that takes the whole time. */
const BAR_WIDTH = 20;

function timeRows(phases: readonly Phase[]): readonly (readonly Cell[])[] {
  const total = phases.reduce((sum, { start, end }) => sum + end - start, 0);
  return phases.map(({ name, start, end, failed }) => {
    const share = total === 0 ? 0 : (end - start) / total;
    const bar = '▇'.repeat(Math.round(share * BAR_WIDTH));
    return [
      failed ? `${name} (failed)` : name,
      formatDuration(end - start),
      `${bar} ${Math.round(share * 100)} %`.trim(),
    ];
  });
}

/** The verdict and what remains, for the ends that have no {@link RunSummary}. */
const SHORT_ENDS = {
  skipped: { verdict: '⏭️ Skipped', effect: 'Nothing was requested or changed.' },
  'failed at start': { verdict: '❌ Not started', effect: 'Nothing was requested or changed.' },
  'post failed': { verdict: '❌ The end of the job failed', effect: 'Something of this run may remain.' },
} as const;

type ShortEnd = keyof typeof SHORT_ENDS;

/**
 * The job summary of a run that ended before its first request, or of a post part that failed.
 * @param reason the notice, or the message of the error
 * @param errorCode of the error
 */
export function renderShortSummary(end: ShortEnd, reason: string, errorCode?: ErrorCode): string {
  const { verdict, effect } = SHORT_ENDS[end];
  const title = errorCode === undefined ? verdict : `${verdict}: ${renderPhrase([code(errorCode)])}`;
  return `### ${title}\n\n${effect}\n\n${blockquote(reason)}\n`;
}

/** The last line of the log of such a run. */
export function shortLastLine(end: ShortEnd, errorCode?: ErrorCode): string {
  const { verdict, effect } = SHORT_ENDS[end];
  return `${verdict}${errorCode === undefined ? '' : `: ${errorCode}`}. ${effect}`;
}

/** Adds to the job's summary. A failure is only a line of the debug log, because it must not hide the run's result. */
export function writeSummary(runtime: ActionsRuntime, markdown: string): void {
  try {
    runtime.appendSummary(markdown);
  } catch (error) {
    runtime.debug(`The summary could not be written: ${getErrorMessage(error)}`);
  }
}
