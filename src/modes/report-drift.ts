import { actionError, getErrorMessage } from '../common/errors.ts';
import { GitHubApi, GitHubRequestError } from '../github/api.ts';
import { syncIssue } from '../github/sync-issue.ts';
import type { CheckConfig, EnsureConfig } from '../inputs/types.ts';
import type { DriftCheckResult } from '../reporting/drift-check.ts';
import { driftMarker, planIssueStep } from '../reporting/drift-issue.ts';
import { writeDriftReports } from '../reporting/drift-report.ts';
import type { ModeContext } from './context.ts';

/**
 * Writes the files that `drift-report` asks for.
 * @throws `report-not-written`
 */
export async function writeDriftReport(ctx: ModeContext<CheckConfig | EnsureConfig>): Promise<void> {
  const { driftReportPaths } = ctx.config;
  if (driftReportPaths.length === 0) return;
  await writeDriftReports(driftReportPaths, toDriftCheck(ctx)).catch((error: unknown) => {
    throw actionError('report-not-written', { reason: getErrorMessage(error) }, { cause: error });
  });
}

/** Keeps the one issue that `drift-issue` asks for. That it cannot be kept is no reason to fail: the check is done. */
export async function syncDriftIssue(ctx: ModeContext<CheckConfig>): Promise<void> {
  const { run, config } = ctx;
  if (!config.driftIssue) return;
  const check = toDriftCheck(ctx);
  const gitHub = new GitHubApi(config.gitHubToken, config.repository.name, run);
  try {
    const marker = driftMarker(check.server, check.database);
    const { action, number } = await syncIssue(gitHub, marker, (body) => planIssueStep(check, body));
    run.info(
      number === undefined
        ? 'There is no issue about drift, and none is needed.'
        : `Issue #${number}: ${action}.`,
    );
  } catch (error) {
    if (!(error instanceof GitHubRequestError)) throw error;
    run.warning(`The issue about drift could not be kept up to date. ${error.message}`);
  }
}

function toDriftCheck({
  runtime,
  config,
  reporter,
}: ModeContext<CheckConfig | EnsureConfig>): DriftCheckResult {
  return {
    server: config.server.name,
    serverId: reporter.serverId,
    database: config.database?.name,
    findings: reporter.remainingFindings,
    wideOpenRules: reporter.internetOpenRules,
    checkedAt: new Date(),
    repository: runtime.event.repository.name,
    runUrl: runtime.runUrl,
    configSource: config.configSource,
    workflowFile: runtime.workflowFile,
  };
}
