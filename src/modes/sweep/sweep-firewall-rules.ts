import { addSubject, getErrorMessage } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import { isTemporaryRuleOfRun, parseTemporaryRuleName } from '../../common/resource-names.ts';
import { GitHubRequestError } from '../../github/api.ts';
import type { SweepConfig } from '../../inputs/types.ts';
import type { ModeContext, WritableControlPlane } from '../context.ts';

/**
 * Deletes temporary firewall rules of this repository whose run has ended without its post step. A run that GitHub does
 * not return is unknown and not ended. Rules of other repositories are left unchanged.
 * @param failures receives an error for each rule whose run is unknown, or that cannot be deleted
 */
export async function sweepFirewallRules(
  ctx: ModeContext<SweepConfig>,
  { reader, writer }: WritableControlPlane,
  failures: Error[],
): Promise<void> {
  const { run } = ctx;
  const onFailure =
    (subject: string) =>
    (error: unknown): readonly [] => {
      run.signal.throwIfAborted();
      recordFailure(run, failures, addSubject(subject, error));
      return [];
    };
  for (const { name } of await reader.listFirewallRules().catch(onFailure('the firewall rules'))) {
    const sweepOne = async (): Promise<void> => {
      if (await shouldDeleteRule(ctx, name, failures)) await deleteRule(ctx, writer, name);
    };
    await sweepOne().catch(onFailure(`firewall rule '${name}'`));
  }
}

/** Logs a failure that does not stop the sweep, and adds it to the list for the final error. It names its subject. */
export function recordFailure(run: RunContext, failures: Error[], error: Error): void {
  failures.push(error);
  run.warning(getErrorMessage(error));
}

async function shouldDeleteRule(
  { runtime, config, state, gitHub, reporter }: ModeContext<SweepConfig>,
  name: string,
  failures: Error[],
): Promise<boolean> {
  const run = parseTemporaryRuleName(name);
  if (run === undefined || run.repositoryId !== config.repository.id) return false;
  if (isTemporaryRuleOfRun(runtime.runIdentity, name) || state.isRuleOfThisJob(name)) return false;
  const ended = await gitHub.hasRunEnded(run);
  if (ended.status === 'present' && ended.value) return true;
  const reason = ended.status === 'unknown' ? ended.error.message : `run ${run.runId} has not ended`;
  reporter.recordSkipped({ resource: 'firewall rule', name, reason });
  if (
    ended.status === 'unknown' &&
    !(ended.error instanceof GitHubRequestError && ended.error.status === 404)
  )
    failures.push(addSubject(`firewall rule '${name}'`, ended.error));
  return false;
}

async function deleteRule(
  { config, reporter }: ModeContext<SweepConfig>,
  writer: WritableControlPlane['writer'],
  name: string,
): Promise<void> {
  const change = {
    resource: 'firewall rule',
    name,
    action: 'delete',
    details: 'its run has ended',
  } as const;
  if (config.dryRun) return reporter.recordDryRunDrop(change);
  reporter.onApplyStart(change);
  await writer.deleteFirewallRule(name);
  reporter.onApplied(change);
}
