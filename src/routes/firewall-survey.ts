import type { AzureReader } from '../azure/reader.ts';
import { isWideOpen } from '../config/addresses.ts';
import type { CheckConfig } from '../config/config.ts';
import type { RunIdentity } from '../config/names.ts';
import type { GitHubApi } from '../github/api.ts';
import { present, type Told, unknown } from '../plan/types.ts';
import { rangeOf, written } from '../resources/firewall-rule.ts';
import type { RuleSurveyor } from '../resources/undeclared-rules.ts';
import type { Act } from './control-plane.ts';

/** Looks at the firewall without touching it: whose rules are there, and whether it is a wall at all. */
export function firewallSurvey(
  act: Act<CheckConfig>,
  reader: AzureReader,
  gitHub: GitHubApi,
): RuleSurveyor & { warnOfWideOpen(): Promise<void> } {
  return {
    firewallRulesSeen: () => reader.firewallRulesSeen(),
    hasEnded: (run) => hasEnded(act, gitHub, run),
    warnOfWideOpen: () => warnOfWideOpen(act, reader),
  };
}

/** Only runs of this repository can be asked for; this one, whose earlier steps may have opened a way, is going on. */
async function hasEnded(
  { workflow, config }: Act<CheckConfig>,
  gitHub: GitHubApi,
  run: RunIdentity,
): Promise<Told<boolean>> {
  const { repositoryId, runId, runAttempt } = workflow.identity;
  if (run.repositoryId !== config.repository.id)
    return unknown(new Error('It belongs to another repository.'));
  if (run.runId === runId && run.runAttempt === runAttempt && run.repositoryId === repositoryId)
    return present(false);
  return await gitHub.runEnded(run);
}

/** A firewall that lets everybody in is none, whether somebody declared it or not. */
async function warnOfWideOpen(
  { workflow, config, story }: Act<CheckConfig>,
  reader: AzureReader,
): Promise<void> {
  // That the list could not be read is told already.
  for (const rule of await reader.firewallRulesSeen().catch(() => [])) {
    const range = rangeOf(rule);
    if (!isWideOpen(range)) continue;
    const { name = '' } = rule;
    story.wideOpen.push(name);
    workflow.error(
      `Firewall rule '${name}' lets the whole internet reach server '${config.server.name}' (${written(range)}): only the passwords protect it. Delete the rule, and declare the ranges that need access with allowed-ip-ranges.`,
      { title: 'The firewall is wide open' },
    );
  }
}
