import type { EmulatorHarness } from './emulator-harness.ts';
import { Job } from './job.ts';
import { adminLoginTo, query, superuserLogin, waitUntilBlocked } from './postgres-client.ts';

/** An entry of the output `drift`. */
export interface DriftFinding {
  readonly resource: string;
  readonly name: string;
  readonly property: string;
  readonly expected: string;
  readonly actual: string;
  readonly kind: string;
}

/** The address from which the emulator's firewall sees the clients of the tests. */
const runnerAddress = '198.51.100.7';

/** Inputs that declare every property of a server with a database, except a cluster's size. */
export const fullConfig = {
  'server-name': 'nightly',
  'resource-group': 'nightly',
  region: 'westeurope',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  'postgres-version': '17',
  'sku-name': 'Standard_D2ds_v5',
  'storage-size-gb': '64',
  'storage-auto-grow': 'false',
  'backup-retention-days': '14',
  'geo-redundant-backup': 'false',
  'high-availability': 'SameZone',
  'availability-zone': '1',
  'password-auth': 'Enabled',
  'microsoft-entra-auth': 'Enabled',
  'public-access': 'Enabled',
  'maintenance-window': 'Sun 03:30',
  tags: 'team=space\ncost=7',
  'server-parameters': 'work_mem=8192\nlog_min_duration_statement=250',
  'allowed-ip-ranges': `here=${runnerAddress}\noffice=203.0.113.0/24`,
  'allow-azure-services': 'true',
  database: 'relecloud',
  charset: 'UTF8',
  collation: 'en_US.utf8',
  'app-username': 'relecloud_app',
  'app-password': 'AnotherSecret!2',
  extensions: 'pgcrypto',
} as const;

const { 'server-name': server, database } = fullConfig;

type Change = (emulator: EmulatorHarness) => Promise<unknown>;

/** A change that is made without the action, and what `check` reports about it. */
export interface DriftScenario {
  /** The test's title. */
  readonly property: string;
  readonly apply: Change;
  readonly expected: DriftFinding;
  /** True if the change makes the firewall block this runner, so that everything read through SQL is unknown. */
  readonly blocksRunner?: true;
  /** Findings besides `expected`, where a property cannot be changed alone. */
  readonly sideEffects?: readonly DriftFinding[];
  /** Reverts the change manually. Only for scenarios that `on-drift: fix` cannot fix. */
  readonly revert?: Change;
}

const patchServer =
  (changes: Readonly<Record<string, unknown>>): Change =>
  (emulator) =>
    emulator.patchServer(server, changes);

const patchProperties = (properties: Readonly<Record<string, unknown>>): Change =>
  patchServer({ properties });

/** Executes SQL as the administrator. */
const runSql =
  (statement: string, inDatabase = 'postgres'): Change =>
  async (emulator) =>
    query(emulator, await adminLoginTo(emulator, server, inDatabase), statement);

/** The finding of a property whose declared value differs from the actual one. */
const changed = (
  resource: string,
  name: string,
  property: string,
  expected: string,
  actual: string,
): DriftFinding => ({ resource, name, property, expected, actual, kind: 'changed' });

const serverChanged = (property: string, expected: string, actual: string): DriftFinding =>
  changed('server', server, property, expected, actual);

const azureServicesRule = 'AllowAllAzureServicesAndResourcesWithinAzureIps';

/**
 * The scenarios of all properties that can be declared. To add one, declare the property in {@link fullConfig} and add an
 * entry here: the tests in `check-properties.test.ts` run it alone and combined with others. So `apply` must change only
 * this property.
 */
export const driftScenarios: readonly DriftScenario[] = [
  {
    property: 'region',
    apply: patchServer({ location: 'North Europe' }),
    expected: serverChanged('region', 'westeurope', 'North Europe'),
    revert: patchServer({ location: 'West Europe' }),
  },
  {
    property: 'version',
    apply: patchProperties({ version: '16' }),
    expected: serverChanged('version', '17', '16'),
    revert: patchProperties({ version: '17' }),
  },
  {
    property: 'sku',
    apply: patchServer({ sku: { name: 'Standard_D4ds_v5', tier: 'GeneralPurpose' } }),
    expected: serverChanged('sku', 'Standard_D2ds_v5', 'Standard_D4ds_v5'),
  },
  {
    property: 'storage size',
    apply: patchProperties({ storage: { storageSizeGB: 32 } }),
    expected: serverChanged('storage size', '64', '32'),
  },
  {
    property: 'storage auto-grow',
    apply: patchProperties({ storage: { autoGrow: 'Enabled' } }),
    expected: serverChanged('storage auto-grow', 'Disabled', 'Enabled'),
  },
  {
    property: 'backup retention',
    apply: patchProperties({ backup: { backupRetentionDays: 7 } }),
    expected: serverChanged('backup retention', '14', '7'),
  },
  {
    property: 'geo-redundant backup',
    apply: patchProperties({ backup: { geoRedundantBackup: 'Enabled' } }),
    expected: serverChanged('geo-redundant backup', 'Disabled', 'Enabled'),
    revert: patchProperties({ backup: { geoRedundantBackup: 'Disabled' } }),
  },
  {
    property: 'high availability',
    apply: patchProperties({ highAvailability: { mode: 'Disabled', state: 'NotEnabled' } }),
    expected: serverChanged('high availability', 'SameZone', 'Disabled'),
  },
  {
    property: 'availability zone',
    apply: patchProperties({ availabilityZone: '3' }),
    expected: serverChanged('availability zone', '1', '3'),
    revert: patchProperties({ availabilityZone: '1' }),
  },
  {
    property: 'maintenance window',
    apply: patchProperties({
      maintenanceWindow: { customWindow: 'Enabled', dayOfWeek: 3, startHour: 14, startMinute: 0 },
    }),
    expected: serverChanged('maintenance window', 'Sun 03:30', 'Wed 14:00'),
  },
  {
    property: 'password authentication',
    apply: patchProperties({ authConfig: { passwordAuth: 'Disabled' } }),
    expected: serverChanged('password authentication', 'Enabled', 'Disabled'),
  },
  {
    property: 'Entra authentication',
    apply: patchProperties({ authConfig: { activeDirectoryAuth: 'Disabled' } }),
    expected: serverChanged('Entra authentication', 'Enabled', 'Disabled'),
  },
  {
    property: 'public access',
    apply: async (emulator) => {
      await emulator.patchServer(server, { properties: { network: { publicNetworkAccess: 'Disabled' } } });
      await waitUntilBlocked(emulator, await adminLoginTo(emulator, server));
    },
    expected: serverChanged('public access', 'Enabled', 'Disabled'),
    blocksRunner: true,
  },
  {
    property: 'tags',
    apply: patchServer({ tags: { team: 'ground', cost: '7', owner: 'undeclared' } }),
    expected: serverChanged('tags', 'team=space', 'team=ground'),
  },
  {
    property: 'server parameter',
    apply: patchServer({ parameters: { work_mem: '16384' } }),
    expected: changed('server parameter', 'work_mem', 'value', '8192', '16384'),
  },
  {
    property: 'extension allow-list',
    apply: patchServer({ parameters: { 'azure.extensions': 'CITEXT' } }),
    expected: {
      ...changed('extension allow-list', 'azure.extensions', 'value', 'with pgcrypto', 'CITEXT'),
      kind: 'missing',
    },
  },
  {
    property: 'range of a firewall rule',
    apply: patchServer({ rules: { office: { startIpAddress: '203.0.113.7', endIpAddress: '203.0.113.7' } } }),
    expected: changed('firewall rule', 'office', 'range', '203.0.113.0-203.0.113.255', '203.0.113.7'),
  },
  {
    property: 'allow-azure-services',
    apply: patchServer({ rules: { [azureServicesRule]: null } }),
    expected: {
      ...changed('firewall rule', azureServicesRule, 'range', '0.0.0.0', 'absent'),
      kind: 'missing',
    },
  },
  {
    property: 'undeclared firewall rule',
    apply: patchServer({ rules: { undeclared: { startIpAddress: '192.0.2.1', endIpAddress: '192.0.2.9' } } }),
    expected: {
      ...changed('firewall rule', 'undeclared', 'range', 'absent', '192.0.2.1-192.0.2.9'),
      kind: 'unexpected',
    },
    revert: patchServer({ rules: { undeclared: null } }),
  },
  {
    property: 'login of a role',
    apply: runSql('ALTER ROLE relecloud_app NOLOGIN'),
    expected: changed('role', 'relecloud_app', 'login', 'LOGIN', 'NOLOGIN'),
  },
  {
    property: 'rights of a role',
    apply: runSql('REVOKE CONNECT ON DATABASE relecloud FROM relecloud_app'),
    expected: changed(
      'role',
      'relecloud_app',
      'rights on database relecloud',
      'CONNECT, CREATE, TEMPORARY',
      'without CONNECT',
    ),
  },
  {
    property: 'extension',
    // The administrator could not drop it without the allow-list, which another scenario changes.
    apply: async (emulator) =>
      query(
        emulator,
        superuserLogin((await adminLoginTo(emulator, server)).host, database),
        'DROP EXTENSION pgcrypto',
      ),
    expected: { ...changed('extension', 'pgcrypto', '', 'present', 'absent'), kind: 'missing' },
  },
];

const dropDatabase = runSql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);

const recreateDatabase =
  (options: string): Change =>
  async (emulator) => {
    await dropDatabase(emulator);
    await runSql(`CREATE DATABASE ${database} TEMPLATE template0 ${options}`)(emulator);
  };

/** Scenarios that drop the database, and with it its extensions and the rights of roles. */
export const databaseScenarios: readonly DriftScenario[] = [
  {
    property: 'existence',
    apply: dropDatabase,
    expected: { ...changed('database', database, '', 'present', 'absent'), kind: 'missing' },
  },
  {
    property: 'charset',
    apply: recreateDatabase("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"),
    expected: changed('database', database, 'charset', 'UTF8', 'SQL_ASCII'),
    // Only a superuser can combine this charset with another collation.
    sideEffects: [changed('database', database, 'collation', 'en_US.utf8', 'C')],
    revert: dropDatabase,
  },
  {
    property: 'collation',
    apply: recreateDatabase("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"),
    expected: changed('database', database, 'collation', 'en_US.utf8', 'C'),
    revert: dropDatabase,
  },
];

/** Runs a check. Besides its result, returns its ARM requests, its writes, and the firewall rules before and after it. */
export async function runCheck(
  emulator: EmulatorHarness,
  inputs: Readonly<Record<string, string>> = fullConfig,
) {
  await emulator.control('DELETE', 'requests');
  await emulator.control('DELETE', 'statements');
  const rules = async () =>
    (await emulator.serverState(inputs['server-name'] ?? '').catch(() => undefined))?.rules;
  const rulesBefore = await rules();
  const step = await new Job(emulator).step({ ...inputs, mode: 'check' });
  const requests = await emulator.requests();
  return {
    ...step,
    drift: JSON.parse(step.outputs['drift'] ?? '[]') as readonly DriftFinding[],
    requests: requests.filter(({ service }) => service === 'arm'),
    writes: [
      ...requests.filter(({ service, method }) => service === 'arm' && method !== 'GET'),
      ...(await emulator.statements()).filter(({ statement }) => !/^\s*(SELECT|SET|SHOW)\b/i.test(statement)),
    ],
    rules: { before: rulesBefore, after: await rules() },
  };
}

/** Runs `ensure` with `on-drift: fix`, and then the post. */
export async function runFix(
  emulator: EmulatorHarness,
  inputs: Readonly<Record<string, string>> = fullConfig,
) {
  const job = new Job(emulator);
  const step = await job.step({ ...inputs, 'on-drift': 'fix' });
  await job.runPosts();
  return step;
}
