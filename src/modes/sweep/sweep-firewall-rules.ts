import type { StoredFirewallRule } from '../../azure/reader.ts';
import { isSameRange } from '../../common/addresses.ts';
import { count } from '../../common/count.ts';
import { addSubject, getErrorMessage } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import {
  isPersistentRuleName,
  isTemporaryRuleOfRun,
  parsePersistentRuleName,
  parseTemporaryRuleName,
} from '../../common/resource-names.ts';
import { GitHubRequestError } from '../../github/api.ts';
import type { SweepConfig } from '../../inputs/types.ts';
import { toSqlError } from '../../postgres/pg-errors.ts';
import { formatRange, matchesDeclaration } from '../../resources/firewall-rule/firewall-rule-handler.ts';
import type { ModeContext, WritableControlPlane } from '../context.ts';

/**
 * Deletes temporary firewall rules of this repository whose run has ended without its post step, and persistent ones that
 * are older than `kept-rules-older-than`. A run that GitHub does not return is unknown and not ended. Rules of other
 * repositories are left unchanged.
 * @param failures receives an error for each rule whose run is unknown, or that cannot be deleted
 */
export async function sweepFirewallRules(
  ctx: ModeContext<SweepConfig>,
  { reader, writer }: WritableControlPlane,
  failures: Error[],
): Promise<void> {
  const { run, config, reporter } = ctx;
  const onFailure =
    (subject: string) =>
    (error: unknown): readonly [] => {
      run.signal.throwIfAborted();
      recordFailure(run, failures, subject, error);
      return [];
    };
  const now = new Date();
  const rules = await reader.listFirewallRulesOnce().catch(onFailure('the firewall rules'));
  for (const rule of rules) {
    const { name } = rule;
    const sweepOne = async (): Promise<void> => {
      if (await hasRunOfRuleEnded(ctx, name, failures))
        return await deleteRule(ctx, writer, name, 'its run has ended');
      const decision = decideOnPersistentRule(config, rule, now);
      if (decision?.action === 'delete') await deleteRule(ctx, writer, name, decision.reason);
      if (decision?.action === 'skip')
        reporter.recordSkipped({ resource: 'firewall rule', name, reason: decision.reason });
    };
    await sweepOne().catch(onFailure(`firewall rule '${name}'`));
  }
  run.info(
    rules.length === 0 ? 'No firewall rule to check' : `Checked ${count(rules.length, 'firewall rule')}`,
  );
}

/** Whether to delete a rule of `keep-firewall-rule`, and why. */
interface RuleDecision {
  readonly action: 'delete' | 'skip';
  readonly reason: string;
}

const DAY_MS = 86_400_000;

/**
 * Decides by the rule's name, because Azure stores neither who created a rule nor when. The age counts from the end of the
 * day in the name, so that it is never overestimated.
 * @returns undefined for a rule that is not one of this repository's persistent rules
 */
export function decideOnPersistentRule(
  { repository, firewall, keptRulesOlderThanMs }: SweepConfig,
  stored: StoredFirewallRule,
  now: Date,
): RuleDecision | undefined {
  const skip = (reason: string): RuleDecision => ({ action: 'skip', reason });
  if (!isPersistentRuleName(stored.name)) return undefined;
  if (firewall.declaredRules.some((declared) => matchesDeclaration(declared, stored))) return undefined;
  const rule = parsePersistentRuleName(stored.name);
  if (rule === undefined)
    return skip(
      'its name has no repository and no day, so its owner and its age are unknown: delete it in the Azure portal if no job needs it',
    );
  const { repositoryId, createdOn, address } = rule;
  if (repositoryId !== repository.id) return undefined;
  if (!isSameRange(stored, { start: address, end: address }))
    return skip(`its range was changed to ${formatRange(stored)} outside the action`);
  if (keptRulesOlderThanMs === undefined)
    return skip(`it was created on ${createdOn}, and kept-rules-older-than is not set`);
  const ageMs = now.getTime() - (Date.parse(createdOn) + DAY_MS);
  const age = `it was created on ${createdOn}`;
  return ageMs >= keptRulesOlderThanMs
    ? { action: 'delete', reason: age }
    : skip(`${age} and is not older than kept-rules-older-than`);
}

/** Logs a failure that does not stop the sweep, and adds it to the list for the final error. It names its subject. */
export function recordFailure(run: RunContext, failures: Error[], subject: string, thrown: unknown): void {
  const error = addSubject(subject, toSqlError(thrown));
  failures.push(error);
  run.warning(getErrorMessage(error));
}

/** Whether it is a temporary rule of this repository whose run has ended. */
async function hasRunOfRuleEnded(
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
  details: string,
): Promise<void> {
  const change = { resource: 'firewall rule', name, action: 'delete', details } as const;
  reporter.recordPlannedChange(change);
  if (config.dryRun) return;
  reporter.onApplyStart(change);
  await writer.deleteFirewallRule(name);
  reporter.onApplied(change);
}
