import {
  AZURE_SERVICES_RANGE,
  isIPv4,
  parseAddressRange,
  validatePublicAddress,
} from '../../common/addresses.ts';
import {
  AZURE_SERVICES_RULE_NAME,
  declaredRuleName,
  isTemporaryRuleName,
} from '../../common/resource-names.ts';
import type { InputReader } from '../input-reader.ts';
import { inputSchema } from '../schema.ts';
import type { CloudName, DeclaredRule, FirewallConfig, ServerConfig } from '../types.ts';
import * as validators from '../validators.ts';
import { parseMaintenanceWindow } from './maintenance-window.ts';

/** What stands behind the server's own name in its host name, by cloud (facts.md §4). */
const HOST_SUFFIXES: Readonly<Record<CloudName, string>> = {
  AzureCloud: '.postgres.database.azure.com',
  AzureUSGovernment: '.postgres.database.usgovcloudapi.net',
  AzureChinaCloud: '.postgres.database.chinacloudapi.cn',
};

/** The inputs about the server. */
export function parseServer(inputs: InputReader): ServerConfig {
  const given = inputs
    .required('server-name', 'the short name of the server, or its full host name')
    .toLowerCase();
  const [cloud, suffix = ''] = Object.entries(HOST_SUFFIXES).find(([, s]) => given.endsWith(s)) ?? [];
  const name = given.slice(0, given.length - suffix.length);
  if (
    cloud !== undefined &&
    cloud.toLowerCase() !== (inputs.text('azure-environment') ?? 'AzureCloud').toLowerCase()
  ) {
    inputs.addError(`server-name is a host of ${cloud}, but azure-environment says otherwise`);
  }
  // Where a server's host is an address, only the server itself knows that it is called so.
  const isNameIpAddress = isIPv4(name);
  if (!isNameIpAddress) inputs.validate('server-name', name, validators.validateServerName);
  const resourceGroup = inputs.text('resource-group');
  inputs.validate('resource-group', resourceGroup, validators.validateResourceGroupName);
  const region = inputs.text('region');
  inputs.validate('region', region, validators.validateRegion);
  const skuName = inputs.text('sku-name');
  inputs.validate('sku-name', skuName, validators.validateSkuName);
  const storageSizeGB = inputs.number('storage-size-gb', inputSchema['storage-size-gb']);
  inputs.validate('storage-size-gb', storageSizeGB, (size) =>
    validators.STORAGE_SIZES_GIB.includes(size)
      ? undefined
      : `is ${size}, but Azure offers ${validators.STORAGE_SIZES_GIB.join(', ')}`,
  );
  return {
    name,
    isNameIpAddress,
    resourceGroup,
    region,
    version: inputs.choice('postgres-version', inputSchema['postgres-version'].choices),
    skuName,
    storageSizeGB,
    storageAutoGrow: inputs.boolean('storage-auto-grow'),
    backupRetentionDays: inputs.number('backup-retention-days', inputSchema['backup-retention-days']),
    geoRedundantBackup: inputs.boolean('geo-redundant-backup'),
    highAvailability: inputs.choice('high-availability', inputSchema['high-availability'].choices),
    availabilityZone: inputs.choice('availability-zone', inputSchema['availability-zone'].choices),
    ...parseAccess(inputs),
    clusterSize: inputs.number('cluster-size', inputSchema['cluster-size']),
    maintenanceWindow: parseMaintenanceWindowInput(inputs),
    ...parseTagsAndParameters(inputs),
  };
}

function parseTagsAndParameters(inputs: InputReader): Pick<ServerConfig, 'tags' | 'parameters'> {
  const tags = inputs.pairs('tags');
  const parameters = inputs.pairs('server-parameters');
  inputs.validate('tags', tags, validators.validateTags);
  for (const name of parameters.keys())
    inputs.validate('server-parameters', name, validators.validateParameterName);
  inputs.validate('tags', [...tags.keys()], validateUniqueIgnoringCase);
  inputs.validate('server-parameters', [...parameters.keys()], validateUniqueIgnoringCase);
  return { tags, parameters };
}

/** To Azure they are one name, and only one of the values could count. */
function validateUniqueIgnoringCase(names: readonly string[]): string | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      return `has '${other}' and '${name}', which are one name to Azure, since its case does not count`;
    seen.set(name.toLowerCase(), name);
  }
  return undefined;
}

type AccessConfig = Pick<ServerConfig, 'passwordAuth' | 'entraAuth' | 'publicAccess'>;

function parseAccess(inputs: InputReader): AccessConfig {
  const passwordAuth = inputs.enabledOrDisabled('password-auth');
  const entraAuth = inputs.enabledOrDisabled('microsoft-entra-auth');
  if (passwordAuth === false && entraAuth === false)
    inputs.addError(
      'password-auth and microsoft-entra-auth are both Disabled, so nobody could log in: one has to be Enabled',
    );
  return { passwordAuth, entraAuth, publicAccess: inputs.enabledOrDisabled('public-access') };
}

function parseMaintenanceWindowInput(inputs: InputReader): ServerConfig['maintenanceWindow'] {
  const text = inputs.text('maintenance-window');
  if (text === undefined) return undefined;
  return (
    parseMaintenanceWindow(text) ??
    inputs.addError(
      `maintenance-window is '${text}', but must be a day and a time in UTC, such as Sun 03:30, or system-managed`,
    )
  );
}

/** The inputs about its firewall. */
export function parseFirewall(inputs: InputReader): FirewallConfig {
  const runnerIp = inputs.text('runner-ip');
  inputs.validate('runner-ip', runnerIp, (ip) => {
    const reason = validatePublicAddress(ip);
    return reason && `cannot be used: ${reason}`;
  });
  const declaredRules = inputs.list('allowed-ip-ranges').flatMap((item) => parseDeclaredRule(inputs, item));
  if (inputs.boolean('allow-azure-services')) {
    declaredRules.push({ name: AZURE_SERVICES_RULE_NAME, hasExplicitName: false, ...AZURE_SERVICES_RANGE });
  }
  // ARM's names know no case.
  const names = declaredRules.map(({ name }) => name.toLowerCase());
  const duplicate = declaredRules.find((_, i) => names.indexOf(names[i] ?? '') !== i);
  if (duplicate) inputs.addError(`allowed-ip-ranges names '${duplicate.name}' twice`);
  return { runnerIp, keepRule: inputs.boolean('keep-firewall-rule') ?? false, declaredRules };
}

function parseDeclaredRule(inputs: InputReader, item: string): DeclaredRule[] {
  const separatorIndex = item.indexOf('=');
  const name = separatorIndex < 0 ? undefined : item.slice(0, separatorIndex).trim();
  const range = parseAddressRange(item.slice(separatorIndex + 1).trim());
  inputs.validate('allowed-ip-ranges', name, (given) =>
    isTemporaryRuleName(given)
      ? `names a rule '${given}', but names that begin so are for temporary rules: choose another`
      : validators.validateFirewallRuleName(given),
  );
  if (typeof range === 'string') {
    inputs.addError(`allowed-ip-ranges: ${range}`);
    return [];
  }
  if (name === '') inputs.addError(`allowed-ip-ranges: '${item}' has no name before '='`);
  return [{ name: name ?? declaredRuleName(range), hasExplicitName: name !== undefined, ...range }];
}
