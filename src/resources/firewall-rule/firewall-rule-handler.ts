import type { AzureReader, StoredFirewallRule } from '../../azure/reader.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { type AddressRange, isSameRange } from '../../common/addresses.ts';
import { isTemporaryRuleName } from '../../common/resource-names.ts';
import type { Config, DeclaredRule } from '../../inputs/types.ts';
import { absent, type Diff, type Observed, present, unknown } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';

/** The declared firewall rules. The rule for this runner is not among them (src/connect/runner-firewall-rule.ts). */
export const firewallRuleHandler: ResourceHandler<DeclaredRule, AddressRange, AzureReader, AzureWriter> = {
  resource: 'firewall rule',

  desired: ({ firewall }: Config): readonly DeclaredRule[] => firewall.declaredRules,

  nameOf: ({ name }) => name,

  async observe(reader, desired): Promise<readonly Observed<AddressRange>[]> {
    try {
      const stored = await reader.listFirewallRulesOnce();
      return desired.map((rule) => findDeclaredRule(rule, stored));
    } catch (error) {
      // An aborted request says nothing about the rules.
      if (!(error instanceof Error) || error.name === 'AbortError') throw error;
      return desired.map(() => unknown(error));
    }
  },

  diff(rule, observed): readonly Diff[] {
    const finding = {
      resource: 'firewall rule',
      name: rule.name,
      property: 'range',
      expected: formatRange(rule),
    } as const;
    const change = { resource: 'firewall rule', name: rule.name } as const;
    if (observed.status === 'unknown') return [];
    if (observed.status === 'absent') {
      return [
        {
          finding: { ...finding, actual: 'absent', kind: 'missing' },
          change: { ...change, action: 'create', details: formatRange(rule) },
        },
      ];
    }
    if (isSameRange(rule, observed.value)) return [];
    const details = `${formatRange(observed.value)} → ${formatRange(rule)}`;
    return [
      {
        finding: { ...finding, actual: formatRange(observed.value), kind: 'changed' },
        change: { ...change, action: 'update', details },
      },
    ];
  },

  async apply(writer, _change, rule): Promise<ApplyResult> {
    await writer.putFirewallRule(rule.name, rule);
    return 'applied';
  },
};

/**
 * The stored rule of this name; for a declared rule without an explicit name, any rule of the same range. Temporary rules do
 * not count, because they are deleted with their run. ARM's names are case-insensitive.
 */
function findDeclaredRule(rule: DeclaredRule, stored: readonly StoredFirewallRule[]): Observed<AddressRange> {
  const persistentRules = stored.filter(({ name }) => !isTemporaryRuleName(name));
  const sameNameRule = persistentRules.find(({ name }) => name.toLowerCase() === rule.name.toLowerCase());
  const sameRangeRule = rule.hasExplicitName
    ? undefined
    : persistentRules.find((other) => isSameRange(rule, other));
  const found = sameRangeRule ?? sameNameRule;
  return found ? present({ start: found.start, end: found.end }) : absent;
}

/** Whether a stored rule is this declared rule: by name, or, if the declared rule has no explicit name, by range. */
export function matchesDeclaration(declared: DeclaredRule, stored: StoredFirewallRule): boolean {
  if (isTemporaryRuleName(stored.name)) return false;
  const isSameName = stored.name.toLowerCase() === declared.name.toLowerCase();
  return isSameName || (!declared.hasExplicitName && isSameRange(declared, stored));
}

/** For findings and log lines; `?` for an address that ARM does not name. */
export const formatRange = ({ start, end }: AddressRange): string =>
  start === end ? `${start ?? '?'}` : `${start ?? '?'}-${end ?? '?'}`;
