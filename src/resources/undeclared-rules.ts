import type { FirewallRule } from '@azure/arm-postgresql-flexible';
import type { AddressRange } from '../config/addresses.ts';
import type { Config, DeclaredRule } from '../config/config.ts';
import {
  isKeptRuleName,
  isTemporaryRuleName,
  type RunIdentity,
  runOfTemporaryRule,
} from '../config/names.ts';
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
      const asked = new Map<string, Promise<Told<boolean>>>();
      const rules = (await surveyor.firewallRulesSeen()).map(async (rule): Promise<StoredRule> => {
        const { name = '' } = rule;
        return { name, ...rangeOf(rule), ended: await endOfRun(surveyor, name, asked) };
      });
      return [present(await Promise.all(rules))];
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

/** Asked once for each run; undefined where the name is no temporary rule's of ours. */
async function endOfRun(
  surveyor: RuleSurveyor,
  name: string,
  asked: Map<string, Promise<Told<boolean>>>,
): Promise<Told<boolean> | undefined> {
  const run = runOfTemporaryRule(name);
  if (run === undefined) return undefined;
  const key = [run.repositoryId, run.runId, run.runAttempt].join('/');
  const answer = asked.get(key) ?? surveyor.hasEnded(run);
  asked.set(key, answer);
  return await answer;
}

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
  const remedy = isTemporaryRuleName(name)
    ? 'its run has ended: mode: sweep removes it'
    : 'declare it with allowed-ip-ranges, or delete it';
  return [{ finding: { ...finding, kind: 'unexpected' }, remedy }];
}
