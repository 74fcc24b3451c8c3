import { azureServices, isIPv4, notPublic, parseRange } from './addresses.ts';
import type { CloudName, DeclaredRule, FirewallConfig, ServerConfig } from './config.ts';
import type { Inputs } from './inputs.ts';
import { kinds } from './kinds.ts';
import { parseMaintenanceWindow } from './maintenance-window.ts';
import { azureServicesRuleName, declaredRuleName, isTemporaryRuleName } from './names.ts';
import * as rules from './rules.ts';

/** What stands behind the server's own name in its host name, by cloud (facts.md §4). */
const hostSuffixes: Readonly<Record<CloudName, string>> = {
  AzureCloud: '.postgres.database.azure.com',
  AzureUSGovernment: '.postgres.database.usgovcloudapi.net',
  AzureChinaCloud: '.postgres.database.chinacloudapi.cn',
};

/** The inputs about the server. */
export function parseServer(inputs: Inputs): ServerConfig {
  const given = inputs
    .required('server-name', 'the short name of the server, or its full host name')
    .toLowerCase();
  const [cloud, suffix = ''] = Object.entries(hostSuffixes).find(([, s]) => given.endsWith(s)) ?? [];
  const name = given.slice(0, given.length - suffix.length);
  if (
    cloud !== undefined &&
    cloud.toLowerCase() !== (inputs.text('azure-environment') ?? 'AzureCloud').toLowerCase()
  ) {
    inputs.fault(`server-name is a host of ${cloud}, but azure-environment says otherwise`);
  }
  // Where a server's host is an address, only the server itself knows that it is called so.
  const byHost = isIPv4(name);
  if (!byHost) inputs.check('server-name', name, rules.serverName);
  const resourceGroup = inputs.text('resource-group');
  inputs.check('resource-group', resourceGroup, rules.resourceGroupName);
  const region = inputs.text('region');
  inputs.check('region', region, rules.region);
  const skuName = inputs.text('sku-name');
  inputs.check('sku-name', skuName, rules.skuName);
  const storageSizeGB = inputs.number('storage-size-gb', kinds['storage-size-gb']);
  inputs.check('storage-size-gb', storageSizeGB, (size) =>
    rules.storageSizes.includes(size)
      ? undefined
      : `is ${size}, but Azure offers ${rules.storageSizes.join(', ')}`,
  );
  return {
    name,
    byHost,
    resourceGroup,
    region,
    version: inputs.choice('postgres-version', kinds['postgres-version'].choices),
    skuName,
    storageSizeGB,
    storageAutoGrow: inputs.boolean('storage-auto-grow'),
    backupRetentionDays: inputs.number('backup-retention-days', kinds['backup-retention-days']),
    geoRedundantBackup: inputs.boolean('geo-redundant-backup'),
    highAvailability: inputs.choice('high-availability', kinds['high-availability'].choices),
    availabilityZone: inputs.choice('availability-zone', kinds['availability-zone'].choices),
    ...parseAccess(inputs),
    clusterSize: inputs.number('cluster-size', kinds['cluster-size']),
    maintenanceWindow: parseWindow(inputs),
    ...parsePairs(inputs),
  };
}

function parsePairs(inputs: Inputs): Pick<ServerConfig, 'tags' | 'parameters'> {
  const tags = inputs.pairs('tags');
  const parameters = inputs.pairs('server-parameters');
  inputs.check('tags', tags, rules.tags);
  for (const name of parameters.keys()) inputs.check('server-parameters', name, rules.parameterName);
  inputs.check('tags', [...tags.keys()], sameButForCase);
  inputs.check('server-parameters', [...parameters.keys()], sameButForCase);
  return { tags, parameters };
}

/** To Azure they are one name, and only one of the values could count. */
function sameButForCase(names: readonly string[]): string | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      return `has '${other}' and '${name}', which are one name to Azure, since its case does not count`;
    seen.set(name.toLowerCase(), name);
  }
  return undefined;
}

type Access = Pick<ServerConfig, 'passwordAuth' | 'entraAuth' | 'publicAccess'>;

function parseAccess(inputs: Inputs): Access {
  const passwordAuth = inputs.onOff('password-auth');
  const entraAuth = inputs.onOff('microsoft-entra-auth');
  if (passwordAuth === false && entraAuth === false)
    inputs.fault(
      'password-auth and microsoft-entra-auth are both Disabled, so nobody could log in: one has to be Enabled',
    );
  return { passwordAuth, entraAuth, publicAccess: inputs.onOff('public-access') };
}

function parseWindow(inputs: Inputs): ServerConfig['maintenanceWindow'] {
  const text = inputs.text('maintenance-window');
  if (text === undefined) return undefined;
  return (
    parseMaintenanceWindow(text) ??
    inputs.fault(
      `maintenance-window is '${text}', but must be a day and a time in UTC, such as Sun 03:30, or system-managed`,
    )
  );
}

/** The inputs about its firewall. */
export function parseFirewall(inputs: Inputs): FirewallConfig {
  const runnerIp = inputs.text('runner-ip');
  inputs.check('runner-ip', runnerIp, (ip) => {
    const why = notPublic(ip);
    return why && `cannot be used: ${why}`;
  });
  const declared = inputs.list('allowed-ip-ranges').flatMap((item) => parseDeclaredRule(inputs, item));
  if (inputs.boolean('allow-azure-services')) {
    declared.push({ name: azureServicesRuleName, named: false, ...azureServices });
  }
  // ARM's names know no case.
  const names = declared.map(({ name }) => name.toLowerCase());
  const twice = declared.find((_, i) => names.indexOf(names[i] ?? '') !== i);
  if (twice) inputs.fault(`allowed-ip-ranges names '${twice.name}' twice`);
  return { runnerIp, keepRule: inputs.boolean('keep-firewall-rule') ?? false, declared };
}

function parseDeclaredRule(inputs: Inputs, item: string): DeclaredRule[] {
  const at = item.indexOf('=');
  const name = at < 0 ? undefined : item.slice(0, at).trim();
  const range = parseRange(item.slice(at + 1).trim());
  inputs.check('allowed-ip-ranges', name, (given) =>
    isTemporaryRuleName(given)
      ? `names a rule '${given}', but names that begin so are for temporary rules: choose another`
      : rules.firewallRuleName(given),
  );
  if (typeof range === 'string') {
    inputs.fault(`allowed-ip-ranges: ${range}`);
    return [];
  }
  if (name === '') inputs.fault(`allowed-ip-ranges: '${item}' has no name before '='`);
  return [{ name: name ?? declaredRuleName(range), named: name !== undefined, ...range }];
}
