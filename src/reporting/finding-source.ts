import type { ConfigFileSource } from '../inputs/types.ts';
import type { Finding } from '../reconcile/findings.ts';

/** Keys are the property names of resources/server/server-properties.ts. */
const inputByServerProperty: ReadonlyMap<string, string> = new Map([
  ['region', 'region'],
  ['version', 'postgres-version'],
  ['sku', 'sku-name'],
  ['storage size', 'storage-size-gb'],
  ['storage auto-grow', 'storage-auto-grow'],
  ['backup retention', 'backup-retention-days'],
  ['geo-redundant backup', 'geo-redundant-backup'],
  ['high availability', 'high-availability'],
  ['availability zone', 'availability-zone'],
  ['password authentication', 'password-auth'],
  ['Entra authentication', 'microsoft-entra-auth'],
  ['public access', 'public-access'],
  ['cluster size', 'cluster-size'],
  ['maintenance window', 'maintenance-window'],
  ['tags', 'tags'],
]);

/** The input that declares the resource or property of a finding. */
export function inputNameOf({ resource, property, expected, actual }: Finding): string {
  switch (resource) {
    case 'resource group':
      return 'resource-group';
    case 'server':
      return inputByServerProperty.get(property) ?? 'server-name';
    case 'server parameter':
      return 'server-parameters';
    case 'extension allow-list':
    case 'extension':
      return 'extensions';
    case 'firewall rule':
      // Azure's address for any Azure service, which allowed-ip-ranges does not accept.
      return expected === AZURE_SERVICES_ADDRESS || actual === AZURE_SERVICES_ADDRESS
        ? 'allow-azure-services'
        : 'allowed-ip-ranges';
    case 'role':
      return 'app-username';
    case 'database':
      return property === 'charset' || property === 'collation' ? property : 'database';
  }
}

const AZURE_SERVICES_ADDRESS = '0.0.0.0';

/**
 * Line of a finding's input in the config-file, starting at 1: that of the named item (`input.name`) if the file has it,
 * else that of the input. Undefined where the file does not have the input.
 */
export function findConfigLine(finding: Finding, { lines }: ConfigFileSource): number | undefined {
  const input = inputNameOf(finding);
  return lines.get(`${input}.${finding.name}`) ?? lines.get(input);
}
