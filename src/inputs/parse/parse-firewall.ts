import { AZURE_SERVICES_RANGE, parseAddressRange } from '../../common/addresses.ts';
import {
  AZURE_SERVICES_RULE_NAME,
  declaredRuleName,
  isTemporaryRuleName,
} from '../../common/resource-names.ts';
import type { InputReader } from '../input-reader.ts';
import type { Config, DeclaredRule, FirewallConfig } from '../types.ts';
import { validateFirewallRuleName } from '../validators.ts';

/** The inputs about the firewall. */
export function parseFirewall(inputs: InputReader, mode: Config['mode']): FirewallConfig {
  const declaredRules = inputs.get('allowed-ip-ranges').flatMap((item) => parseDeclaredRule(inputs, item));
  if (inputs.get('allow-azure-services')) {
    declaredRules.push({ name: AZURE_SERVICES_RULE_NAME, hasExplicitName: false, ...AZURE_SERVICES_RANGE });
  }
  // ARM ignores the case of names.
  const names = declaredRules.map(({ name }) => name.toLowerCase());
  const duplicate = declaredRules.find((_, i) => names.indexOf(names[i] ?? '') !== i);
  if (duplicate)
    inputs.addError(
      `allowed-ip-ranges names '${duplicate.name}' twice: remove one of them, or give it another name`,
    );
  const runnerIp = inputs.get('runner-ip');
  return {
    // A check never opens the firewall.
    runnerIp: mode === 'check' ? undefined : runnerIp,
    keepRule: inputs.get('keep-firewall-rule') ?? false,
    // A drop needs no declared rule.
    declaredRules: mode === 'drop' ? [] : declaredRules,
  };
}

/** @param item a range, or `name=range` */
function parseDeclaredRule(inputs: InputReader, item: string): DeclaredRule[] {
  const separatorIndex = item.indexOf('=');
  const name = separatorIndex < 0 ? undefined : item.slice(0, separatorIndex).trim();
  const range = parseAddressRange(item.slice(separatorIndex + 1).trim());
  inputs.validate('allowed-ip-ranges', name, (given) =>
    isTemporaryRuleName(given)
      ? `names a rule '${given}', but names with this prefix are for temporary rules: choose another`
      : validateFirewallRuleName(given),
  );
  if (typeof range === 'string') {
    inputs.addError(`allowed-ip-ranges: ${range}`);
    return [];
  }
  if (name === '') inputs.addError(`allowed-ip-ranges: '${item}' has no name before '='`);
  return [{ name: name ?? declaredRuleName(range), hasExplicitName: name !== undefined, ...range }];
}
