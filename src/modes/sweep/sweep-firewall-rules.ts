import { getErrorMessage } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import { isTemporaryRuleOfRun, parseTemporaryRuleName } from '../../common/resource-names.ts';
import { type GitHubApi, GitHubRequestError } from '../../github/api.ts';
import { ActionState } from '../../github/state.ts';
import type { SweepConfig } from '../../inputs/types.ts';
import type { ModeContext, WritableControlPlane } from '../context.ts';

/**
 * Removes temporary firewall rules of this repository whose run has ended, which a post that was never run has left. A
 * run that GitHub does not know is unknown, not ended (design.md); other repositories' rules are theirs.
 * @param failures gets an error for each that could not be asked for or removed
 */
export async function sweepFirewallRules(
  ctx: ModeContext<SweepConfig>,
  { reader, writer }: WritableControlPlane,
  gitHub: GitHubApi,
  failures: Error[],
): Promise<void> {
  const { run } = ctx;
  const onFailure = (error: unknown): readonly [] => {
    run.signal.throwIfAborted();
    recordFailure(run, failures, error);
    return [];
  };
  for (const { name } of await reader.listFirewallRules().catch(onFailure)) {
    const sweepOne = async (): Promise<void> => {
      if (await shouldRemoveRule(ctx, gitHub, name, failures)) await removeRule(ctx, writer, name);
    };
    await sweepOne().catch(onFailure);
  }
}

/** Tells of a failure that does not stop the rest, and keeps its whole text for the list at the end. */
export function recordFailure(run: RunContext, failures: Error[], error: unknown): void {
  failures.push(error instanceof Error ? error : new Error(getErrorMessage(error)));
  run.warning(getErrorMessage(error));
}

async function shouldRemoveRule(
  { runtime, config, reporter }: ModeContext<SweepConfig>,
  gitHub: GitHubApi,
  name: string,
  failures: Error[],
): Promise<boolean> {
  const run = parseTemporaryRuleName(name);
  if (run === undefined || run.repositoryId !== config.repository.id) return false;
  if (isTemporaryRuleOfRun(runtime.runIdentity, name) || new ActionState(runtime).isRuleOfThisJob(name))
    return false;
  const ended = await gitHub.hasRunEnded(run);
  if (ended.status === 'present' && ended.value) return true;
  const reason = ended.status === 'unknown' ? ended.error.message : `run ${run.runId} has not ended`;
  reporter.recordSkipped({ resource: 'firewall rule', name, reason });
  if (
    ended.status === 'unknown' &&
    !(ended.error instanceof GitHubRequestError && ended.error.status === 404)
  )
    failures.push(ended.error);
  return false;
}

async function removeRule(
  { config, reporter }: ModeContext<SweepConfig>,
  writer: WritableControlPlane['writer'],
  name: string,
): Promise<void> {
  const change = {
    resource: 'firewall rule',
    name,
    action: 'delete',
    details: 'left by a run that has ended',
  } as const;
  if (config.dryRun) return reporter.recordDryRunDrop(change);
  reporter.onApplyStart(change);
  await writer.deleteFirewallRule(name);
  reporter.onApplied(change);
}
