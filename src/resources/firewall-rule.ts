import type { FirewallRule } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { type AddressRange, sameRange } from '../config/addresses.ts';
import type { Config, DeclaredRule } from '../config/config.ts';
import { isTemporaryRuleName } from '../config/names.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { absent, type Difference, type Observed, present, unknown } from '../plan/types.ts';

/** Declared firewall rules, which stay. The runner's own way in is not among them (postgres/reach.ts). */
export const firewallRule: Kind<DeclaredRule, AddressRange, AzureReader, AzureWriter> = {
  resource: 'firewall rule',

  desired: ({ firewall }: Config): readonly DeclaredRule[] => firewall.declared,

  nameOf: ({ name }) => name,

  async observe(reader, desired): Promise<readonly Observed<AddressRange>[]> {
    try {
      const stored = await reader.firewallRulesSeen();
      return desired.map((rule) => find(rule, stored));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return desired.map(() => unknown(error));
    }
  },

  diff(rule, observed): readonly Difference[] {
    const finding = {
      resource: 'firewall rule',
      name: rule.name,
      property: 'range',
      expected: written(rule),
    } as const;
    const change = { resource: 'firewall rule', name: rule.name } as const;
    if (observed.status === 'unknown') return [];
    if (observed.status === 'absent') {
      return [
        {
          finding: { ...finding, actual: 'absent', kind: 'missing' },
          mend: { ...change, action: 'create', details: written(rule) },
        },
      ];
    }
    if (sameRange(rule, observed.value)) return [];
    const details = `${written(observed.value)} → ${written(rule)}`;
    return [
      {
        finding: { ...finding, actual: written(observed.value), kind: 'changed' },
        mend: { ...change, action: 'update', details },
      },
    ];
  },

  async apply(writer, _change, rule): Promise<Applied> {
    await writer.putFirewallRule(rule.name, rule);
    return 'applied';
  },
};

/**
 * The rule of this name; for a rule that the user gave no name, any rule of the same range, but no run's temporary one,
 * which does not stay. ARM's names know no case.
 */
function find(rule: DeclaredRule, stored: readonly FirewallRule[]): Observed<AddressRange> {
  const lasting = stored.filter(({ name }) => !isTemporaryRuleName(name ?? ''));
  const named = lasting.find(({ name }) => name?.toLowerCase() === rule.name.toLowerCase());
  const sameOne = rule.named ? undefined : lasting.find((other) => sameRange(rule, rangeOf(other)));
  const found = sameOne ?? named;
  return found ? present(rangeOf(found)) : absent;
}

/** Whether a stored rule is this declared one: by its name, or, where the user gave it none, by its range. */
export function isDeclaredBy(
  declared: DeclaredRule,
  stored: AddressRange & { readonly name: string },
): boolean {
  if (isTemporaryRuleName(stored.name)) return false;
  const sameName = stored.name.toLowerCase() === declared.name.toLowerCase();
  return sameName || (!declared.named && sameRange(declared, stored));
}

/** The range that ARM stores of a rule. */
export const rangeOf = ({ startIpAddress, endIpAddress }: FirewallRule): AddressRange => ({
  start: startIpAddress,
  end: endIpAddress,
});

/** As findings tell it. */
export const written = ({ start, end }: AddressRange): string =>
  start === end ? `${start ?? '?'}` : `${start ?? '?'}-${end ?? '?'}`;
