import type { CheckConfig, EnsureConfig } from '../config/config.ts';
import { writeDriftFiles } from '../drift-files.ts';
import { fail, messageOf } from '../errors.ts';
import { GitHubApi, GitHubUnknown } from '../github/api.ts';
import { keepIssue } from '../github/issue.ts';
import { driftMarker, issueStep } from '../plan/drift-issue.ts';
import type { DriftCheck } from '../plan/drift-report.ts';
import type { Act } from './control-plane.ts';

/**
 * Writes the files that `drift-report` asks for.
 * @throws `report-not-written`
 */
export async function writeDriftReport(act: Act<CheckConfig | EnsureConfig>): Promise<void> {
  const { driftReport } = act.config;
  if (driftReport.length === 0) return;
  await writeDriftFiles(driftReport, driftCheckOf(act)).catch((error: unknown) => {
    throw fail('report-not-written', { reason: messageOf(error) }, { cause: error });
  });
}

/** Keeps the one issue that `drift-issue` asks for. That it cannot be kept is no reason to fail: the check is done. */
export async function keepDriftIssue(act: Act<CheckConfig>): Promise<void> {
  const { run, config } = act;
  if (!config.driftIssue) return;
  const check = driftCheckOf(act);
  const gitHub = new GitHubApi(config.gitHubToken, config.repository.name, run);
  try {
    const marker = driftMarker(check.server, check.database);
    const { action, number } = await keepIssue(gitHub, marker, (body) => issueStep(check, body));
    run.info(
      number === undefined
        ? 'There is no issue about drift, and none is needed.'
        : `Issue #${number}: ${action}.`,
    );
  } catch (error) {
    if (!(error instanceof GitHubUnknown)) throw error;
    run.warning(`The issue about drift could not be kept up to date. ${error.message}`);
  }
}

function driftCheckOf({ workflow, config, story }: Act<CheckConfig | EnsureConfig>): DriftCheck {
  return {
    server: config.server.name,
    serverId: story.serverId,
    database: config.database?.name,
    findings: story.staying,
    wideOpen: story.wideOpen,
    at: new Date(),
    repository: workflow.event.repository.name,
    run: workflow.runUrl,
    declaredIn: config.declaredIn,
    workflow: workflow.workflowFile,
  };
}
