import { formatDuration } from '../common/polling.ts';
import {
  type Change,
  type Finding,
  isDrift,
  type ReportedFinding,
  type Skipped,
} from '../reconcile/findings.ts';
import { blockquote, inlineCode, renderTable } from './markdown.ts';
import type { Phase } from './timeline.ts';

/** All that the summary tells of a run. */
export interface RunSummary {
  readonly mode: string;
  readonly server: string;
  readonly host: string | undefined;
  readonly database: string | undefined;
  /** The address for which a firewall rule was asked; undefined where none was needed. */
  readonly temporaryRuleAddress: string | undefined;
  /** Whether that rule stays after the job. */
  readonly keepRule: boolean;
  readonly changes: readonly Change[];
  /** What would be dropped, where nothing is (`dry-run`). */
  readonly dryRunDrops: readonly Omit<Change, 'action'>[];
  /** What a sweep left, and why. */
  readonly skipped: readonly Skipped[];
  /** Firewall rules that let the whole internet in. */
  readonly wideOpenRules: readonly string[];
  /** Differences that were left as they are. */
  readonly remainingFindings: readonly ReportedFinding[];
  readonly phases: readonly Phase[];
  /** The error's text where the run failed. */
  readonly error: string | undefined;
}

/** One line of the log or of a list for a change. */
export const formatChange = ({ resource, name, action, details }: Change): string =>
  `${action} ${resource} ${name}${details === '' ? '' : ` (${details})`}`;

/** One line for a finding. */
export function formatFinding({ resource, name, property, expected, actual, kind }: Finding): string {
  const subject = [kind, resource, name, property].filter(Boolean).join(' ');
  return kind === 'unknown'
    ? `${subject}: ${actual}`
    : `${subject}: declared ${expected}, actually ${actual}`;
}

/** The job summary's Markdown: what was found, what was changed, and where the time went. */
export function renderSummary(summary: RunSummary): string {
  const { server, database, changes, dryRunDrops, skipped, remainingFindings, error } = summary;
  const title = `### ${statusIcon(summary)} PostgreSQL on Azure: ${inlineCode(database ?? server)}`;
  const drift = remainingFindings.filter(isDrift);
  const changesTable = renderOptionalTable(
    ['Changed', 'Name', 'Action', 'Details'],
    changes.map((c) => [c.resource, c.name, c.action, c.details]),
  );
  const noChangesText =
    error === undefined && remainingFindings.length === 0 && dryRunDrops.length === 0
      ? describeNoChanges(summary)
      : '';
  const sections = [
    title,
    headline(summary),
    summary.wideOpenRules.length === 0
      ? ''
      : `**The whole internet may try to log in**, by firewall rule ${summary.wideOpenRules.slice(0, 5).map(inlineCode).join(', ')}.`,
    error === undefined ? '' : blockquote(error),
    changesTable || noChangesText,
    renderOptionalTable(
      ['Would be dropped', 'Name', 'Details'],
      dryRunDrops.map((d) => [d.resource, d.name, d.details]),
    ),
    renderOptionalTable(
      ['Kept', 'Name', 'Why'],
      skipped.map((k) => [k.resource, k.name, k.reason]),
    ),
    renderOptionalTable(
      ['Differs', 'Name', 'Property', 'Declared', 'Actual', 'What would fix it'],
      drift.map((f) => [f.resource, f.name, f.property, f.expected, f.actual, f.remedy]),
    ),
    renderOptionalTable(
      ['Not known', 'Name', 'Property', 'Why', 'What to do'],
      remainingFindings
        .filter((f) => !isDrift(f))
        .map((f) => [f.resource, f.name, f.property, f.actual, f.remedy]),
    ),
    renderTimeline(summary.phases),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

/** Rows that a summary shows of a table: GitHub drops a summary of more than 1 MiB whole. */
const MAX_TABLE_ROWS = 200;

function renderOptionalTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const hiddenCount = rows.length - MAX_TABLE_ROWS;
  return `${renderTable(columns, rows.slice(0, MAX_TABLE_ROWS))}${hiddenCount > 0 ? `\n\n… and ${hiddenCount} more.` : ''}`;
}

function statusIcon(summary: RunSummary): string {
  const { error, remainingFindings, wideOpenRules } = summary;
  if (error !== undefined) return '❌';
  return wideOpenRules.length > 0 || remainingFindings.some(isDrift) || endedWithoutServer(summary)
    ? '⚠️'
    : '✅';
}

function describeNoChanges(summary: RunSummary): string {
  if (summary.mode === 'check') return 'Everything is as declared.';
  if (summary.mode === 'ensure') return 'Nothing had to be changed.';
  return endedWithoutServer(summary)
    ? 'Nothing was looked at or dropped: see the log.'
    : 'There was nothing to drop.';
}

/** Whether a drop or a sweep ended before it saw a running server. */
const endedWithoutServer = ({ mode, host }: RunSummary): boolean =>
  (mode === 'drop' || mode === 'sweep') && host === undefined;

function headline({ server, host, temporaryRuleAddress, keepRule, mode }: RunSummary): string {
  if (mode === 'check') return `Server ${inlineCode(server)} was checked; nothing was changed.`;
  const lifetime = keepRule ? ', and stays' : ' until the job ends';
  const ruleText =
    temporaryRuleAddress === undefined
      ? 'no firewall rule had to be made for this runner'
      : `a firewall rule for this runner (${inlineCode(temporaryRuleAddress)}) was asked for${lifetime}`;
  return `Server ${inlineCode(server)}${host === undefined ? '' : ` at ${inlineCode(host)}`}; ${ruleText}.`;
}

function renderTimeline(phases: readonly Phase[]): string {
  const start = phases[0]?.start ?? 0;
  const rows = phases.map(({ name, start: phaseStart, end, failed }) => {
    const elapsed = formatDuration(end - phaseStart).replaceAll(':', ' ');
    return `  ${name} (${elapsed}) :${failed ? 'crit, ' : ''}${phaseStart - start}, ${Math.max(end - start, phaseStart - start + 1)}`;
  });
  return rows.length === 0
    ? ''
    : ['```mermaid', 'gantt', '  dateFormat x', '  axisFormat %M:%S', ...rows, '```'].join('\n');
}
