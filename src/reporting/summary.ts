import { count } from '../common/count.ts';
import { formatDuration } from '../common/polling.ts';
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
