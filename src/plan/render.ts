import { duration } from '../waiting.ts';
import { code, quote, table } from './markdown.ts';
import type { Phase } from './timeline.ts';
import { type Change, type Finding, isDrift, type Kept, type Standing } from './types.ts';

/** All that the summary tells of a run. */
export interface Report {
  readonly mode: string;
  readonly server: string;
  readonly host: string | undefined;
  readonly database: string | undefined;
  /** The address for which a firewall rule was asked; undefined where none was needed. */
  readonly openedFor: string | undefined;
  /** Whether that rule stays after the job. */
  readonly keepsRule: boolean;
  readonly changes: readonly Change[];
  /** What would be dropped, where nothing is (`dry-run`). */
  readonly wouldDrop: readonly Omit<Change, 'action'>[];
  /** What a sweep left, and why. */
  readonly kept: readonly Kept[];
  /** Firewall rules that let the whole internet in. */
  readonly wideOpen: readonly string[];
  /** Differences that were left as they are. */
  readonly left: readonly Standing[];
  readonly phases: readonly Phase[];
  /** The error's text where the run failed. */
  readonly error: string | undefined;
}

/** One line of the log or of a list for a change. */
export const changeLine = ({ resource, name, action, details }: Change): string =>
  `${action} ${resource} ${name}${details === '' ? '' : ` (${details})`}`;

/** One line for a finding. */
export function findingLine({ resource, name, property, expected, actual, kind }: Finding): string {
  const what = [kind, resource, name, property].filter(Boolean).join(' ');
  return kind === 'unknown' ? `${what}: ${actual}` : `${what}: declared ${expected}, actually ${actual}`;
}

/** The job summary's Markdown: what was found, what was changed, and where the time went. */
export function summaryMarkdown(report: Report): string {
  const { server, database, changes, wouldDrop, kept, left, error } = report;
  const title = `### ${signOf(report)} PostgreSQL on Azure: ${code(database ?? server)}`;
  const known = left.filter(isDrift);
  const done = tableOf(
    ['Changed', 'Name', 'Action', 'Details'],
    changes.map((c) => [c.resource, c.name, c.action, c.details]),
  );
  const nothing = error === undefined && left.length === 0 && wouldDrop.length === 0 ? nothingTo(report) : '';
  const parts = [
    title,
    facts(report),
    report.wideOpen.length === 0
      ? ''
      : `**The whole internet may try to log in**, by firewall rule ${report.wideOpen.slice(0, 5).map(code).join(', ')}.`,
    error === undefined ? '' : quote(error),
    done || nothing,
    tableOf(
      ['Would be dropped', 'Name', 'Details'],
      wouldDrop.map((d) => [d.resource, d.name, d.details]),
    ),
    tableOf(
      ['Kept', 'Name', 'Why'],
      kept.map((k) => [k.resource, k.name, k.reason]),
    ),
    tableOf(
      ['Differs', 'Name', 'Property', 'Declared', 'Actual', 'What would fix it'],
      known.map((f) => [f.resource, f.name, f.property, f.expected, f.actual, f.remedy]),
    ),
    tableOf(
      ['Not known', 'Name', 'Property', 'Why', 'What to do'],
      left.filter((f) => !isDrift(f)).map((f) => [f.resource, f.name, f.property, f.actual, f.remedy]),
    ),
    timeline(report.phases),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

/** Rows that a summary shows of a table: GitHub drops a summary of more than 1 MiB whole. */
const shownRows = 200;

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const more = rows.length - shownRows;
  return `${table(heads, rows.slice(0, shownRows))}${more > 0 ? `\n\n… and ${more} more.` : ''}`;
}

function signOf(report: Report): string {
  const { error, left, wideOpen } = report;
  if (error !== undefined) return '❌';
  return wideOpen.length > 0 || left.some(isDrift) || isUnseen(report) ? '⚠️' : '✅';
}

function nothingTo(report: Report): string {
  if (report.mode === 'check') return 'Everything is as declared.';
  if (report.mode === 'ensure') return 'Nothing had to be changed.';
  return isUnseen(report) ? 'Nothing was looked at or dropped: see the log.' : 'There was nothing to drop.';
}

/** Whether a drop or a sweep ended before it saw a running server. */
const isUnseen = ({ mode, host }: Report): boolean =>
  (mode === 'drop' || mode === 'sweep') && host === undefined;

function facts({ server, host, openedFor, keepsRule, mode }: Report): string {
  if (mode === 'check') return `Server ${code(server)} was checked; nothing was changed.`;
  const until = keepsRule ? ', and stays' : ' until the job ends';
  const way =
    openedFor === undefined
      ? 'no firewall rule had to be made for this runner'
      : `a firewall rule for this runner (${code(openedFor)}) was asked for${until}`;
  return `Server ${code(server)}${host === undefined ? '' : ` at ${code(host)}`}; ${way}.`;
}

function timeline(phases: readonly Phase[]): string {
  const start = phases[0]?.start ?? 0;
  const rows = phases.map(({ name, start: from, end, failed }) => {
    const took = duration(end - from).replaceAll(':', ' ');
    return `  ${name} (${took}) :${failed ? 'crit, ' : ''}${from - start}, ${Math.max(end - start, from - start + 1)}`;
  });
  return rows.length === 0
    ? ''
    : ['```mermaid', 'gantt', '  dateFormat x', '  axisFormat %M:%S', ...rows, '```'].join('\n');
}
