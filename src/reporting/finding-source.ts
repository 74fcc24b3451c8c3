import { AZURE_SERVICES_RANGE } from '../common/addresses.ts';
import { serverPropertyEntries } from '../inputs/server-properties.ts';
import type { ConfigFileSource } from '../inputs/types.ts';
import type { Finding } from '../reconcile/findings.ts';

/** Name of the input that declares what a finding is about. */
export function inputNameOf({ resource, property, expected, actual }: Finding): string {
  switch (resource) {
    case 'resource group':
      return 'resource-group';
    case 'server':
      return serverPropertyEntries.find(([, { name }]) => name === property)?.[1].input ?? 'server-name';
    case 'server parameter':
      return 'server-parameters';
    case 'extension allow-list':
    case 'extension':
      return 'extensions';
    case 'firewall rule':
      // Azure's address for any Azure service, which allowed-ip-ranges does not accept.
      return expected === AZURE_SERVICES_RANGE.start || actual === AZURE_SERVICES_RANGE.start
        ? 'allow-azure-services'
        : 'allowed-ip-ranges';
    case 'role':
      return 'app-username';
    case 'database':
      return property === 'charset' || property === 'collation' ? property : 'database';
  }
}

/**
 * Line of a finding's input in the config-file, starting at 1: that of the named item (`input.name`) if the file has it,
 * else that of the input. Undefined if the file does not have the input.
 */
export function findConfigLine(finding: Finding, { lines }: ConfigFileSource): number | undefined {
  const input = inputNameOf(finding);
  return lines.get(`${input}.${finding.name}`) ?? lines.get(input);
}
