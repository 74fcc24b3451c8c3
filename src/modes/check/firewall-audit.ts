import type { AzureReader } from '../../azure/reader.ts';
import { isWideOpenRange } from '../../common/addresses.ts';
import type { RunIdentity } from '../../common/resource-names.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import { type Lookup, present, unknown } from '../../reconcile/findings.ts';
import { formatRange } from '../../resources/firewall-rule/firewall-rule-handler.ts';
import type { FirewallAuditSource } from '../../resources/firewall-rule/undeclared-firewall-rules.ts';
import type { ModeContext } from '../context.ts';

/** Reads the firewall rules, and for temporary ones whether their run has ended. */
export const createFirewallAuditSource = (
  ctx: ModeContext<CheckConfig>,
  reader: AzureReader,
): FirewallAuditSource => ({
  signal: ctx.run.signal,
  listFirewallRules: () => reader.listFirewallRulesOnce(),
  hasRunEnded: (run) => hasRunEnded(ctx, run),
});

async function hasRunEnded(
  { runtime, config, gitHub }: ModeContext<CheckConfig>,
  run: RunIdentity,
): Promise<Lookup<boolean>> {
  const { repositoryId, runId, runAttempt } = runtime.runIdentity;
  // The token can read only the runs of its own repository.
  if (run.repositoryId !== config.repository.id)
    return unknown(new Error('It belongs to another repository.'));
  // An earlier step of this run may have created the rule.
  if (run.runId === runId && run.runAttempt === runAttempt && run.repositoryId === repositoryId)
    return present(false);
  return await gitHub.hasRunEnded(run);
}

/**
 * Annotates each firewall rule that admits the whole internet, even a declared one.
 * @returns the names of these rules
 */
export async function warnAboutOpenFirewall(
  { runtime, config, reporter }: ModeContext<CheckConfig>,
  reader: AzureReader,
): Promise<readonly string[]> {
  const internetOpenRules: string[] = [];
  // A failed listing is already a finding.
  for (const rule of await reader.listFirewallRulesOnce().catch(() => [])) {
    if (!isWideOpenRange(rule)) continue;
    const { name } = rule;
    internetOpenRules.push(name);
    reporter.recordInternetOpenRule(name);
    runtime.error(
      `Firewall rule '${name}' admits the whole internet to server '${config.server.name}' (${formatRange(rule)}): only passwords protect it. Delete the rule, and declare the ranges that need access with allowed-ip-ranges.`,
      { title: 'The firewall admits the whole internet' },
    );
  }
  return internetOpenRules;
}
