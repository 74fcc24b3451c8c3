import type { FirewallRule } from '@azure/arm-postgresql-flexible';
import type { AddressRange } from '../../common/addresses.ts';
import {
  isPersistentRuleName,
  parseTemporaryRuleName,
  type RunIdentity,
} from '../../common/resource-names.ts';
import type { Config, DeclaredRule } from '../../inputs/types.ts';
import { type Diff, type Lookup, type Observed, present, unknown } from '../../reconcile/findings.ts';
import type { ResourceHandler } from '../../reconcile/resource-handler.ts';
import { formatRange, matchesDeclaration, toAddressRange } from './firewall-rule-handler.ts';

interface DeclaredFirewallRules {
  readonly declared: readonly DeclaredRule[];
  /** Whether rules that stay after their job (`keep-firewall-rule`) are wanted. */
  readonly allowsPersistentRules: boolean;
}

/** A stored rule; of a temporary one, whether the run that made it has ended. */
export interface AuditedFirewallRule extends AddressRange {
  readonly name: string;
  readonly ended: Lookup<boolean> | undefined;
}

/** What has to be asked about firewall rules: ARM for all, GitHub for whose run a temporary one is. */
export interface FirewallAuditSource {
  listFirewallRules(): Promise<readonly FirewallRule[]>;
  hasRunEnded(run: RunIdentity): Promise<Lookup<boolean>>;
}

/**
 * Firewall rules that nobody declared, which are holes (design.md). Looked at by `check` alone, and never closed: whose
 * they are, nobody told. A temporary rule counts once its run has ended.
 */
export const undeclaredFirewallRuleHandler: ResourceHandler<
  DeclaredFirewallRules,
  readonly AuditedFirewallRule[],
  FirewallAuditSource,
  never
> = {
  resource: 'firewall rule',

  desired: (config: Config): readonly DeclaredFirewallRules[] =>
    config.mode === 'check'
      ? [{ declared: config.firewall.declaredRules, allowsPersistentRules: config.firewall.keepRule }]
      : [],

  nameOf: () => '',

  async observe(source): Promise<readonly Observed<readonly AuditedFirewallRule[]>[]> {
    try {
      return [present(await addRunStates(source, await source.listFirewallRules()))];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return [unknown(error)];
    }
  },

  diff({ declared, allowsPersistentRules }, observed): readonly Diff[] {
    if (observed.status !== 'present') return [];
    return observed.value
      .filter((rule) => !declared.some((declaredRule) => matchesDeclaration(declaredRule, rule)))
      .filter(({ name }) => !(allowsPersistentRules && isPersistentRuleName(name)))
      .flatMap(undeclaredRuleDiff);
  },

  apply: () => Promise.reject(new Error('undeclared firewall rules are only looked at')),
};

/** Questions to GitHub at once, which takes a hundred of everybody. */
const GITHUB_CONCURRENCY = 4;

/** Each run is asked for once, however many rules it has left. */
async function addRunStates(
  source: FirewallAuditSource,
  stored: readonly FirewallRule[],
): Promise<readonly AuditedFirewallRule[]> {
  const rules = stored.map((rule) => ({ ...toAddressRange(rule), name: rule.name ?? '' }));
  const runs = new Map<string, RunIdentity>();
  for (const { name } of rules) {
    const run = parseTemporaryRuleName(name);
    if (run !== undefined) runs.set(name, run);
  }
  const runStates = new Map<string, Lookup<boolean>>();
  const queue = [...new Map([...runs.values()].map((run) => [runKey(run), run]))];
  const runWorker = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift())
      runStates.set(entry[0], await source.hasRunEnded(entry[1]));
  };
  await Promise.all(Array.from({ length: GITHUB_CONCURRENCY }, runWorker));
  return rules.map((rule) => {
    const run = runs.get(rule.name);
    return { ...rule, ended: run && runStates.get(runKey(run)) };
  });
}

const runKey = ({ repositoryId, runId, runAttempt }: RunIdentity): string =>
  [repositoryId, runId, runAttempt].join('/');

function undeclaredRuleDiff(rule: AuditedFirewallRule): readonly Diff[] {
  const { name, ended } = rule;
  if (ended?.status === 'present' && !ended.value) return [];
  const finding = {
    resource: 'firewall rule',
    name,
    property: 'range',
    expected: 'absent',
    actual: formatRange(rule),
  } as const;
  if (ended?.status === 'unknown') {
    const reason = `${formatRange(rule)}: whether the run that made it has ended is unknown. ${ended.error.message}`;
    const remedy = 'goes with its run, or by mode: sweep in its repository';
    return [{ finding: { ...finding, actual: reason, kind: 'unknown' }, remedy }];
  }
  const remedy =
    ended === undefined
      ? 'declare it with allowed-ip-ranges, or delete it'
      : 'its run has ended: mode: sweep removes it';
  return [{ finding: { ...finding, kind: 'unexpected' }, remedy }];
}
