import type { SweepConfig } from '../config/config.ts';
import { isTemporaryRuleOf, runOfTemporaryRule } from '../config/names.ts';
import { messageOf } from '../errors.ts';
import { type GitHubApi, GitHubUnknown } from '../github/api.ts';
import { Journal } from '../github/journal.ts';
import type { Run } from '../waiting.ts';
import type { Act, WritableControlPlane } from './control-plane.ts';

/**
 * Removes temporary firewall rules of this repository whose run has ended, which a post that was never run has left. A
 * run that GitHub does not know is unknown, not ended (design.md); other repositories' rules are theirs.
 * @param failures gets an error for each that could not be asked for or removed
 */
export async function sweepRules(
  act: Act<SweepConfig>,
  { reader, writer }: WritableControlPlane,
  gitHub: GitHubApi,
  failures: Error[],
): Promise<void> {
  const { run } = act;
  const failed = (error: unknown): readonly [] => {
    run.signal.throwIfAborted();
    tellFailure(run, failures, error);
    return [];
  };
  for (const { name = '' } of await reader.firewallRules().catch(failed)) {
    const sweepOne = async (): Promise<void> => {
      if (await isDue(act, gitHub, name, failures)) await remove(act, writer, name);
    };
    await sweepOne().catch(failed);
  }
}

/** Tells of a failure that does not stop the rest, and keeps its whole text for the list at the end. */
export function tellFailure(run: Run, failures: Error[], error: unknown): void {
  failures.push(error instanceof Error ? error : new Error(messageOf(error)));
  run.warning(messageOf(error));
}

async function isDue(
  { workflow, config, story }: Act<SweepConfig>,
  gitHub: GitHubApi,
  name: string,
  failures: Error[],
): Promise<boolean> {
  const run = runOfTemporaryRule(name);
  if (run === undefined || run.repositoryId !== config.repository.id) return false;
  if (isTemporaryRuleOf(workflow.identity, name) || new Journal(workflow).isOfThisJob(name)) return false;
  const ended = await gitHub.runEnded(run);
  if (ended.status === 'present' && ended.value) return true;
  const reason = ended.status === 'unknown' ? ended.error.message : `run ${run.runId} has not ended`;
  story.kept({ resource: 'firewall rule', name, reason });
  if (ended.status === 'unknown' && !(ended.error instanceof GitHubUnknown && ended.error.status === 404))
    failures.push(ended.error);
  return false;
}

async function remove(
  { config, story }: Act<SweepConfig>,
  writer: WritableControlPlane['writer'],
  name: string,
): Promise<void> {
  const change = {
    resource: 'firewall rule',
    name,
    action: 'delete',
    details: 'left by a run that has ended',
  } as const;
  if (config.dryRun) return story.wouldDrop(change);
  story.starting(change);
  await writer.deleteFirewallRule(name);
  story.made(change);
}
