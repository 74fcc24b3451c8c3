import { azureServices, isIPv4, notPublic, parseRange } from './addresses.ts';
import type {
  CheckConfig,
  CloudName,
  Config,
  ConnectionFormat,
  DatabaseConfig,
  DeclaredRule,
  EnsureConfig,
  FirewallConfig,
  MigrationConfig,
  PublishConfig,
  ServerConfig,
  SignInConfig,
} from './config.ts';
import { Inputs, type RawInput } from './inputs.ts';
import { azureServicesRuleName, declaredRuleName, isTemporaryRuleName } from './names.ts';
import * as rules from './rules.ts';

/** What stands behind the server's own name in its host name, by cloud (facts.md §4). */
const hostSuffixes: Readonly<Record<CloudName, string>> = {
  AzureCloud: '.postgres.database.azure.com',
  AzureUSGovernment: '.postgres.database.usgovcloudapi.net',
  AzureChinaCloud: '.postgres.database.chinacloudapi.cn',
};

/** Inputs of the contract that this version does not act on: taking them silently could name the wrong database. */
const laterInputs = [
  'per-pull-request',
  'pull-request-number',
  'template',
  'reset',
  'expires-in',
  'app-username',
  'app-password',
  'app-password-key',
  'migrate-as',
  'extensions',
  'comment',
  'drift-issue',
  'drift-report',
  'config-file',
  'dry-run',
  'skip-without-credentials',
] as const;

/** What the environment of the step adds to the inputs. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a folder is there, seen from the workspace; the only look at the machine that parsing takes. */
  readonly isDirectory: (path: string) => boolean;
}

/**
 * Inputs → Config. Names every fault of every input at once.
 * @returns the frozen configuration, or the list of faults, a sentence each
 */
export function parseConfig(
  raw: RawInput,
  surroundings: Surroundings,
): Config | { readonly faults: readonly string[] } {
  const inputs = new Inputs(raw, surroundings.env);
  const config = parseMode(inputs, surroundings);
  return inputs.faults.length > 0 || config === undefined ? { faults: inputs.faults } : frozen(config);
}

/** Frozen with all that is in it; maps have no frozen form, and are typed as read-only. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

function parseMode(inputs: Inputs, surroundings: Surroundings): Config | undefined {
  const mode = inputs.choice('mode', ['ensure', 'check', 'drop', 'sweep'] as const) ?? 'ensure';
  for (const name of laterInputs) {
    const given = inputs.text(name);
    if (given !== undefined && given.toLowerCase() !== 'false')
      inputs.fault(`${name} is not available in this version`);
  }
  if (mode === 'drop' || mode === 'sweep')
    return inputs.fault(`mode '${mode}' is not available in this version`);
  return mode === 'check' ? parseCheck(inputs) : parseEnsure(inputs, surroundings);
}

function parseEnsure(inputs: Inputs, surroundings: Surroundings): EnsureConfig {
  const username = inputs.required('admin-username', 'the login of the server’s administrator');
  inputs.check('admin-username', username, rules.administratorLogin);
  const password = inputs.secret('admin-password');
  if (password === undefined)
    inputs.fault('admin-password is missing: put it into a secret and pass ${{ secrets.… }}');
  return {
    mode: 'ensure',
    ...parseCommon(inputs),
    administrator: { username, password: password ?? '' },
    database: parseDatabase(inputs, inputs.required('database', 'the database to ensure')),
    publish: parsePublish(inputs),
    migration: parseMigration(inputs, surroundings),
    onDrift: inputs.choice('on-drift', ['warn', 'fix'] as const) ?? 'warn',
  };
}

function parseCheck(inputs: Inputs): CheckConfig {
  const username = inputs.text('admin-username');
  const password = inputs.secret('admin-password');
  const database = inputs.text('database');
  return {
    mode: 'check',
    ...parseCommon(inputs),
    administrator: username && password ? { username, password } : undefined,
    database: database === undefined ? undefined : parseDatabase(inputs, database),
    onDrift: inputs.choice('on-drift', ['warn', 'fail'] as const) ?? 'fail',
  };
}

function parseCommon(inputs: Inputs) {
  const clouds: readonly CloudName[] = ['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'];
  return {
    cloud: inputs.choice('azure-environment', clouds) ?? 'AzureCloud',
    signIn: parseSignIn(inputs),
    server: parseServer(inputs),
    firewall: parseFirewall(inputs),
    startIfStopped: inputs.boolean('start-if-stopped') ?? true,
    timeout: (inputs.number('timeout-minutes', 0.05, 360, true) ?? 30) * 60_000,
  };
}

function parseSignIn(inputs: Inputs): SignInConfig {
  const clientId = inputs.textOrEnv('client-id', 'AZURE_CLIENT_ID');
  const tenantId = inputs.textOrEnv('tenant-id', 'AZURE_TENANT_ID');
  const subscriptionId = inputs.textOrEnv('subscription-id', 'AZURE_SUBSCRIPTION_ID');
  const clientSecret = inputs.secret('client-secret', 'AZURE_CLIENT_SECRET');
  if (subscriptionId === undefined) {
    inputs.fault('subscription-id is missing: give the input or the variable AZURE_SUBSCRIPTION_ID');
  }
  for (const [name, value] of Object.entries({
    'client-id': clientId,
    'tenant-id': tenantId,
    'subscription-id': subscriptionId,
  })) {
    inputs.check(name, value, rules.guid);
  }
  if (clientSecret !== undefined && (clientId === undefined || tenantId === undefined)) {
    inputs.fault('client-secret needs client-id and tenant-id as well');
  }
  return { clientId, tenantId, subscriptionId: subscriptionId ?? '', clientSecret };
}

function parseServer(inputs: Inputs): ServerConfig {
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
  const skuName = inputs.text('sku-name');
  inputs.check('sku-name', skuName, rules.skuName);
  const storageSizeGB = inputs.number('storage-size-gb', 1, 65536);
  inputs.check('storage-size-gb', storageSizeGB, (size) =>
    rules.storageSizes.includes(size)
      ? undefined
      : `is ${size}, but Azure offers ${rules.storageSizes.join(', ')}`,
  );
  return {
    name,
    byHost,
    resourceGroup,
    region: inputs.text('region'),
    version: inputs.choice('postgres-version', ['18', '17', '16', '15', '14', '13', '12', '11'] as const),
    skuName,
    storageSizeGB,
    storageAutoGrow: inputs.boolean('storage-auto-grow'),
    backupRetentionDays: inputs.number('backup-retention-days', 7, 35),
    geoRedundantBackup: inputs.boolean('geo-redundant-backup'),
    highAvailability: inputs.choice('high-availability', ['Disabled', 'SameZone', 'ZoneRedundant'] as const),
    availabilityZone: inputs.choice('availability-zone', ['1', '2', '3'] as const),
    tags: inputs.pairs('tags'),
    parameters: inputs.pairs('server-parameters'),
  };
}

function parseFirewall(inputs: Inputs): FirewallConfig {
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

function parseDatabase(inputs: Inputs, name: string): DatabaseConfig {
  inputs.check('database', name, rules.databaseName);
  const charset = inputs.text('charset') ?? 'UTF8';
  const collation = inputs.text('collation') ?? 'en_US.utf8';
  inputs.check('charset', charset, rules.charset);
  inputs.check('collation', collation, rules.collation);
  return { name, charset, collation };
}

function parsePublish(inputs: Inputs): PublishConfig {
  const envPrefix = inputs.text('env-prefix') ?? 'DB_';
  inputs.check('env-prefix', envPrefix, rules.envPrefix);
  const known: readonly ConnectionFormat[] = ['url', 'pg', 'jdbc', 'ado.net'];
  const formats = inputs.list('formats').map((format) => format.toLowerCase());
  for (const format of formats.filter((f) => !known.some((k) => k === f))) {
    inputs.fault(`formats has '${format}', but knows only: ${known.join(', ')}`);
  }
  return {
    exportEnv: inputs.boolean('export-env') ?? true,
    envPrefix,
    envFile: inputs.text('env-file'),
    formats: formats.length === 0 ? ['url'] : known.filter((format) => formats.includes(format)),
    sslMode: inputs.choice('ssl-mode', ['require', 'verify-full'] as const) ?? 'require',
  };
}

function parseMigration(inputs: Inputs, { isDirectory }: Surroundings): MigrationConfig | undefined {
  const command = inputs.text('migration-command');
  const workingDirectory = inputs.text('working-directory') ?? '.';
  const minutes = inputs.number('migration-timeout-minutes', 0.01, 360, true);
  if (command !== undefined) {
    inputs.check('working-directory', workingDirectory, (path) =>
      isDirectory(path)
        ? undefined
        : `is '${path}', which is no folder in the workspace: was the repository checked out?`,
    );
  }
  return command === undefined
    ? undefined
    : { command, workingDirectory, timeout: minutes === undefined ? undefined : minutes * 60_000 };
}
