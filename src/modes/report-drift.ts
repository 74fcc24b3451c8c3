import { actionError, getErrorMessage } from '../common/errors.ts';
import { GitHubRequestError } from '../github/api.ts';
import type { IssueOutcome } from '../github/sync-issue.ts';
import type { CheckConfig, EnsureConfig } from '../inputs/types.ts';
import type { ReportedFinding } from '../reconcile/findings.ts';
import type { DriftCheckResult } from '../reporting/drift-check.ts';
import type { ModeContext } from './context.ts';

/** What a run has found. */
export interface DriftResult {
  /** Azure's resource id; undefined if the server does not exist or could not be read. */
  readonly serverId: string | undefined;
  readonly findings: readonly ReportedFinding[];
  /** Names of firewall rules that admit the whole internet. */
  readonly internetOpenRules: readonly string[];
}

/**
 * Writes the files that `drift-report` names.
 * @throws `report-not-written`
 */
export async function writeDriftReport(
  ctx: ModeContext<CheckConfig | EnsureConfig>,
  result: DriftResult,
): Promise<void> {
  const { driftReportPaths } = ctx.config;
  if (driftReportPaths.length === 0) return;
  const { writeDriftReports } = await import('../reporting/drift-report.ts');
  await writeDriftReports(driftReportPaths, toDriftCheck(ctx, result)).catch((error: unknown) => {
    throw actionError('report-not-written', { reason: getErrorMessage(error) }, { cause: error });
  });
}

/** Creates, updates or closes the issue (`drift-issue`). Only warns if that fails, because the check is complete. */
export async function syncDriftIssue(ctx: ModeContext<CheckConfig>, result: DriftResult): Promise<void> {
  const { run, config, gitHub } = ctx;
  if (!config.driftIssue) return;
  const [{ syncIssue }, { driftMarker, planIssueStep }] = await Promise.all([
    import('../github/sync-issue.ts'),
    import('../reporting/drift-issue.ts'),
  ]);
  const check = toDriftCheck(ctx, result);
  try {
    const marker = driftMarker(check.server, check.database);
    run.info(describeIssue(await syncIssue(gitHub, marker, (body) => planIssueStep(check, body))));
  } catch (error) {
    if (!(error instanceof GitHubRequestError)) throw error;
    run.warning(`The issue about drift could not be updated. ${error.message}`);
  }
}

function describeIssue({ action, number }: IssueOutcome): string {
  if (number === undefined) return 'No drift; no open issue';
  return action === 'unchanged'
    ? `Issue #${number} about drift is unchanged`
    : `${action.charAt(0).toUpperCase()}${action.slice(1)} issue #${number} about drift`;
}

const toDriftCheck = (
  { runtime, config }: ModeContext<CheckConfig | EnsureConfig>,
  { serverId, findings, internetOpenRules }: DriftResult,
): DriftCheckResult => ({
  server: config.server.name,
  serverId,
  database: config.database?.name,
  findings,
  wideOpenRules: internetOpenRules,
  checkedAt: new Date(),
  repository: runtime.event.repository.name,
  runUrl: runtime.runUrl,
  configSource: config.configSource,
  workflowFile: runtime.workflowFile,
});
