import type { FirewallRule } from '@azure/arm-postgresql-flexible';
import type { AddressRange } from '../config/addresses.ts';
import type { Config, DeclaredRule } from '../config/config.ts';
import { isKeptRuleName, type RunIdentity, runOfTemporaryRule } from '../config/names.ts';
import type { Kind } from '../plan/engine.ts';
import { type Difference, type Observed, present, type Told, unknown } from '../plan/types.ts';
import { isDeclaredBy, rangeOf, written } from './firewall-rule.ts';

interface Desired {
  readonly declared: readonly DeclaredRule[];
  /** Whether rules that stay after their job (`keep-firewall-rule`) are wanted. */
  readonly keepsRules: boolean;
}

/** A stored rule; of a temporary one, whether the run that made it has ended. */
export interface StoredRule extends AddressRange {
  readonly name: string;
  readonly ended: Told<boolean> | undefined;
}

/** What has to be asked about firewall rules: ARM for all, GitHub for whose run a temporary one is. */
export interface RuleSurveyor {
  firewallRulesSeen(): Promise<readonly FirewallRule[]>;
  hasEnded(run: RunIdentity): Promise<Told<boolean>>;
}

/**
 * Firewall rules that nobody declared, which are holes (design.md). Looked at by `check` alone, and never closed: whose
 * they are, nobody told. A temporary rule counts once its run has ended.
 */
export const undeclaredRules: Kind<Desired, readonly StoredRule[], RuleSurveyor, never> = {
  resource: 'firewall rule',

  desired: (config: Config): readonly Desired[] =>
    config.mode === 'check'
      ? [{ declared: config.firewall.declared, keepsRules: config.firewall.keepRule }]
      : [],

  nameOf: () => '',

  async observe(surveyor): Promise<readonly Observed<readonly StoredRule[]>[]> {
    try {
      return [present(await withEnds(surveyor, await surveyor.firewallRulesSeen()))];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return [unknown(error)];
    }
  },

  diff({ declared, keepsRules }, observed): readonly Difference[] {
    if (observed.status !== 'present') return [];
    return observed.value
      .filter((rule) => !declared.some((one) => isDeclaredBy(one, rule)))
      .filter(({ name }) => !(keepsRules && isKeptRuleName(name)))
      .flatMap(unexpected);
  },

  apply: () => Promise.reject(new Error('undeclared firewall rules are only looked at')),
};

/** Questions to GitHub at once, which takes a hundred of everybody. */
const lanes = 4;

/** Each run is asked for once, however many rules it has left. */
async function withEnds(
  surveyor: RuleSurveyor,
  stored: readonly FirewallRule[],
): Promise<readonly StoredRule[]> {
  const rules = stored.map((rule) => ({ ...rangeOf(rule), name: rule.name ?? '' }));
  const runs = new Map<string, RunIdentity>();
  for (const { name } of rules) {
    const run = runOfTemporaryRule(name);
    if (run !== undefined) runs.set(name, run);
  }
  const ends = new Map<string, Told<boolean>>();
  const queue = [...new Map([...runs.values()].map((run) => [keyOf(run), run]))];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      ends.set(next[0], await surveyor.hasEnded(next[1]));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return rules.map((rule) => {
    const run = runs.get(rule.name);
    return { ...rule, ended: run && ends.get(keyOf(run)) };
  });
}

const keyOf = ({ repositoryId, runId, runAttempt }: RunIdentity): string =>
  [repositoryId, runId, runAttempt].join('/');

function unexpected(rule: StoredRule): readonly Difference[] {
  const { name, ended } = rule;
  if (ended?.status === 'present' && !ended.value) return [];
  const finding = {
    resource: 'firewall rule',
    name,
    property: 'range',
    expected: 'absent',
    actual: written(rule),
  } as const;
  if (ended?.status === 'unknown') {
    const reason = `${written(rule)}: whether the run that made it has ended is unknown. ${ended.error.message}`;
    const remedy = 'goes with its run, or by mode: sweep in its repository';
    return [{ finding: { ...finding, actual: reason, kind: 'unknown' }, remedy }];
  }
  const remedy =
    ended === undefined
      ? 'declare it with allowed-ip-ranges, or delete it'
      : 'its run has ended: mode: sweep removes it';
  return [{ finding: { ...finding, kind: 'unexpected' }, remedy }];
}
