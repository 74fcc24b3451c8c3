import type { ErrorCode } from '../common/errors.ts';
import { formatDuration } from '../common/polling.ts';
import { type Change, isDrift, type ReportedFinding, type Skipped } from '../reconcile/findings.ts';
import { blockquote, inlineCode, renderTable } from './markdown.ts';
import type { Phase } from './timeline.ts';

/** Content of the job summary. */
export interface RunSummary {
  readonly mode: string;
  readonly server: string;
  readonly host: string | undefined;
  readonly database: string | undefined;
  /** The runner's address that this run requested a firewall rule for; undefined if none was needed. */
  readonly temporaryRuleAddress: string | undefined;
  /** Whether that rule remains after the job. */
  readonly keepRule: boolean;
  readonly changes: readonly Change[];
  /** What would be dropped without `dry-run`. */
  readonly dryRunDrops: readonly Omit<Change, 'action'>[];
  /** What a sweep skipped, and why. */
  readonly skipped: readonly Skipped[];
  /** Names of the firewall rules that admit the whole internet. */
  readonly wideOpenRules: readonly string[];
  /** Findings that the run did not change. */
  readonly remainingFindings: readonly ReportedFinding[];
  readonly phases: readonly Phase[];
  /** Message of the error if the run failed. */
  readonly error: string | undefined;
  /** Its code; undefined also for an error outside the catalog. */
  readonly errorCode: ErrorCode | undefined;
}

/** The job summary in Markdown: findings, changes, and a timeline of the phases. */
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
      : `**The whole internet can reach this server** through firewall rule ${summary.wideOpenRules.slice(0, 5).map(inlineCode).join(', ')}.`,
    error === undefined ? '' : blockquote(error),
    changesTable || noChangesText,
    renderOptionalTable(
      ['Would drop', 'Name', 'Details'],
      dryRunDrops.map((d) => [d.resource, d.name, d.details]),
    ),
    renderOptionalTable(
      ['Skipped', 'Name', 'Reason'],
      skipped.map((s) => [s.resource, s.name, s.reason]),
    ),
    renderOptionalTable(
      ['Drift', 'Name', 'Property', 'Declared', 'Actual', 'How to fix'],
      drift.map((f) => [f.resource, f.name, f.property, f.expected, f.actual, f.remedy]),
    ),
    renderOptionalTable(
      ['Unknown', 'Name', 'Property', 'Reason', 'How to fix'],
      remainingFindings
        .filter((f) => !isDrift(f))
        .map((f) => [f.resource, f.name, f.property, f.actual, f.remedy]),
    ),
    renderTimeline(summary.phases),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

/** Headlines of the ends that have no {@link RunSummary}. */
const SHORT_SUMMARIES = {
  skipped: '### ⏭️ PostgreSQL on Azure\n\n**The run was skipped.** Nothing was requested or changed.',
  'failed at start':
    '### ❌ PostgreSQL on Azure\n\n**The run failed at its start.** Nothing was requested or changed.',
  'post failed':
    '### ❌ PostgreSQL on Azure\n\n**The post part of the step failed.** Something of this run may remain.',
} as const;

/**
 * The job summary of a run that ended before its first request, or of a post part that failed.
 * @param reason the notice, or the message of the error
 */
export const renderShortSummary = (end: keyof typeof SHORT_SUMMARIES, reason: string): string =>
  `${SHORT_SUMMARIES[end]}\n\n${blockquote(reason)}\n`;

/** Maximum number of rows of a table: GitHub rejects a summary of more than 1 MiB. */
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
  if (summary.mode === 'check') return 'No drift detected.';
  if (summary.mode === 'ensure') return 'No changes were needed.';
  return endedWithoutServer(summary)
    ? 'Nothing was checked or dropped. See the log.'
    : 'There was nothing to drop.';
}

/** Whether a drop or a sweep ended before it found a running server. */
const endedWithoutServer = ({ mode, host }: RunSummary): boolean =>
  (mode === 'drop' || mode === 'sweep') && host === undefined;

/** The result of a failed run in words; empty for a run that succeeded. */
function describeFailure({ error, errorCode }: RunSummary): string {
  if (error === undefined) return '';
  switch (errorCode) {
    case 'cancelled':
      return '**The run was cancelled.** ';
    case 'timed-out':
      return '**The run timed out.** ';
    case 'drifted':
      return '**The check found drift.** ';
    case 'check-incomplete':
      return '**The check is incomplete.** ';
    default:
      return '**The run failed.** ';
  }
}

/** Whether a check has compared everything that it could read. */
const isCheckComplete = ({ error, errorCode = 'unexpected' }: RunSummary): boolean =>
  error === undefined || ['drifted', 'check-incomplete', 'report-not-written'].includes(errorCode);

const headline = (summary: RunSummary): string => `${describeFailure(summary)}${describeRun(summary)}`;

function describeRun(summary: RunSummary): string {
  const { server, host, temporaryRuleAddress, keepRule, mode, error } = summary;
  if (mode === 'check')
    return isCheckComplete(summary)
      ? `Server ${inlineCode(server)} was checked; nothing was changed.`
      : `Nothing was changed on server ${inlineCode(server)}.`;
  const rule = `a ${keepRule ? 'persistent' : 'temporary'} firewall rule`;
  const ruleText =
    temporaryRuleAddress === undefined
      ? `no firewall rule was ${error === undefined ? 'needed' : 'requested'} for this runner`
      : error === undefined
        ? `${rule} admits this runner (${inlineCode(temporaryRuleAddress)})${keepRule ? '' : ' until the job ends'}`
        : `${rule} was requested for this runner (${inlineCode(temporaryRuleAddress)})`;
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
