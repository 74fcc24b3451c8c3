import type { AzureReader } from '../../azure/reader.ts';
import { isWideOpenRange } from '../../common/addresses.ts';
import type { RunIdentity } from '../../common/resource-names.ts';
import type { GitHubApi } from '../../github/api.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import { type Lookup, present, unknown } from '../../reconcile/findings.ts';
import { formatRange } from '../../resources/firewall-rule/firewall-rule-handler.ts';
import type { FirewallAuditSource } from '../../resources/firewall-rule/undeclared-firewall-rules.ts';
import type { ModeContext } from '../context.ts';

/** Looks at the firewall without touching it: whose rules are there, and whether it is a wall at all. */
export function createFirewallAudit(
  ctx: ModeContext<CheckConfig>,
  reader: AzureReader,
  gitHub: GitHubApi,
): FirewallAuditSource & { warnAboutOpenFirewall(): Promise<void> } {
  return {
    listFirewallRules: () => reader.listFirewallRulesOnce(),
    hasRunEnded: (run) => hasRunEnded(ctx, gitHub, run),
    warnAboutOpenFirewall: () => warnAboutOpenFirewall(ctx, reader),
  };
}

/** Only runs of this repository can be asked for; this one, whose earlier steps may have opened a way, is going on. */
async function hasRunEnded(
  { runtime, config }: ModeContext<CheckConfig>,
  gitHub: GitHubApi,
  run: RunIdentity,
): Promise<Lookup<boolean>> {
  const { repositoryId, runId, runAttempt } = runtime.runIdentity;
  if (run.repositoryId !== config.repository.id)
    return unknown(new Error('It belongs to another repository.'));
  if (run.runId === runId && run.runAttempt === runAttempt && run.repositoryId === repositoryId)
    return present(false);
  return await gitHub.hasRunEnded(run);
}

/** A firewall that lets everybody in is none, whether somebody declared it or not. */
async function warnAboutOpenFirewall(
  { runtime, config, reporter }: ModeContext<CheckConfig>,
  reader: AzureReader,
): Promise<void> {
  // That the list could not be read is told already.
  for (const rule of await reader.listFirewallRulesOnce().catch(() => [])) {
    if (!isWideOpenRange(rule)) continue;
    const { name } = rule;
    reporter.internetOpenRules.push(name);
    runtime.error(
      `Firewall rule '${name}' lets the whole internet reach server '${config.server.name}' (${formatRange(rule)}): only the passwords protect it. Delete the rule, and declare the ranges that need access with allowed-ip-ranges.`,
      { title: 'The firewall is wide open' },
    );
  }
}
