import type { ConfigFileSource } from '../inputs/types.ts';
import type { Finding } from '../reconcile/findings.ts';

/** By the property names of resources/server-properties.ts. */
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

/** Name of the input that declares what a finding is about. */
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
      // Azure's own way of writing any Azure service, which the other input does not take.
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
 * The line of the config-file where the input of a finding stands, the first being 1; the item's own where the file
 * says it by `input.name`. Undefined where the file does not have it.
 */
export function findConfigLine(finding: Finding, { lines }: ConfigFileSource): number | undefined {
  const input = inputNameOf(finding);
  return lines.get(`${input}.${finding.name}`) ?? lines.get(input);
}
