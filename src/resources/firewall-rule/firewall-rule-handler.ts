import type { FirewallRule } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../../azure/reader.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { type AddressRange, isSameRange } from '../../common/addresses.ts';
import { isTemporaryRuleName } from '../../common/resource-names.ts';
import type { Config, DeclaredRule } from '../../inputs/types.ts';
import { absent, type Diff, type Observed, present, unknown } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';

/** Declared firewall rules, which stay. The runner's own way in is not among them (postgres/reach.ts). */
export const firewallRuleHandler: ResourceHandler<DeclaredRule, AddressRange, AzureReader, AzureWriter> = {
  resource: 'firewall rule',

  desired: ({ firewall }: Config): readonly DeclaredRule[] => firewall.declaredRules,

  nameOf: ({ name }) => name,

  async observe(reader, desired): Promise<readonly Observed<AddressRange>[]> {
    try {
      const stored = await reader.listFirewallRulesOnce();
      return desired.map((rule) => findDeclaredRule(rule, stored));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
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
 * The rule of this name; for a rule that the user gave no name, any rule of the same range, but no run's temporary one,
 * which does not stay. ARM's names know no case.
 */
function findDeclaredRule(rule: DeclaredRule, stored: readonly FirewallRule[]): Observed<AddressRange> {
  const persistentRules = stored.filter(({ name }) => !isTemporaryRuleName(name ?? ''));
  const sameNameRule = persistentRules.find(({ name }) => name?.toLowerCase() === rule.name.toLowerCase());
  const sameRangeRule = rule.hasExplicitName
    ? undefined
    : persistentRules.find((other) => isSameRange(rule, toAddressRange(other)));
  const found = sameRangeRule ?? sameNameRule;
  return found ? present(toAddressRange(found)) : absent;
}

/** Whether a stored rule is this declared one: by its name, or, where the user gave it none, by its range. */
export function matchesDeclaration(
  declared: DeclaredRule,
  stored: AddressRange & { readonly name: string },
): boolean {
  if (isTemporaryRuleName(stored.name)) return false;
  const sameName = stored.name.toLowerCase() === declared.name.toLowerCase();
  return sameName || (!declared.hasExplicitName && isSameRange(declared, stored));
}

/** The range that ARM stores of a rule. */
export const toAddressRange = ({ startIpAddress, endIpAddress }: FirewallRule): AddressRange => ({
  start: startIpAddress,
  end: endIpAddress,
});

/** As findings tell it. */
export const formatRange = ({ start, end }: AddressRange): string =>
  start === end ? `${start ?? '?'}` : `${start ?? '?'}-${end ?? '?'}`;
