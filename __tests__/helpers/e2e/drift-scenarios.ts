import type { EmulatorHarness } from './emulator-harness.ts';
import { Job } from './job.ts';
import { query } from './postgres-client.ts';

/** A finding as the output `drift` tells it. */
export interface DriftFinding {
  readonly resource: string;
  readonly name: string;
  readonly property: string;
  readonly expected: string;
  readonly actual: string;
  readonly kind: string;
}

/** Where the runner of these tests comes from, as the gate sees it. */
const runnerAddress = '198.51.100.7';

/** Everything that a workflow can declare of a server with a database, but a cluster's size. */
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

/** A change that somebody makes without the action, and what a check has to report of it. */
export interface DriftScenario {
  readonly property: string;
  readonly apply: (emulator: EmulatorHarness) => Promise<unknown>;
  readonly expected: DriftFinding;
  /** Whether it blocks this runner, so that what only SQL can tell is unknown. */
  readonly blocksRunner?: true;
  /** What changes with it, as the thing cannot be changed alone. */
  readonly sideEffects?: readonly DriftFinding[];
  /** How somebody manually reverts what `on-drift: fix` cannot; absent where it can. */
  readonly revert?: (emulator: EmulatorHarness) => Promise<unknown>;
}

const server = fullConfig['server-name'];
const { database } = fullConfig;

/** Changes properties through the emulator's control, as the portal would. */
const patchProperties =
  (change: Record<string, unknown>) =>
  (emulator: EmulatorHarness): Promise<unknown> =>
    emulator.patchServer(server, { properties: change });

/** What the administrator does by SQL. */
const runSql =
  (statement: string, where = 'postgres') =>
  async (emulator: EmulatorHarness): Promise<unknown> =>
    query(emulator, await adminLoginTo(emulator, where), statement);

export async function adminLoginTo(emulator: EmulatorHarness, databaseName: string) {
  const host = String((await emulator.serverState(server)).properties['fullyQualifiedDomainName']);
  const { 'admin-username': user, 'admin-password': password } = fullConfig;
  return { host, user, password, database: databaseName };
}

const changedFinding = (
  resource: string,
  name: string,
  property: string,
  expected: string,
  actual: string,
) => ({
  resource,
  name,
  property,
  expected,
  actual,
  kind: 'changed',
});

/** A property of the server. */
const serverScenario = (
  property: string,
  [expected, actual]: readonly [string, string],
  apply: DriftScenario['apply'],
  revert?: DriftScenario['apply'],
): DriftScenario => ({
  property,
  apply,
  expected: changedFinding('server', server, property, expected, actual),
  ...(revert === undefined ? {} : { revert }),
});

/** Each changes nothing else, so any of them can be combined. */
export const driftScenarios: readonly DriftScenario[] = [
  serverScenario(
    'region',
    ['westeurope', 'North Europe'],
    (emulator) => emulator.patchServer(server, { location: 'North Europe' }),
    (emulator) => emulator.patchServer(server, { location: 'West Europe' }),
  ),
  serverScenario(
    'version',
    ['17', '16'],
    patchProperties({ version: '16' }),
    patchProperties({ version: '17' }),
  ),
  serverScenario('sku', ['Standard_D2ds_v5', 'Standard_D4ds_v5'], (emulator) =>
    emulator.patchServer(server, { sku: { name: 'Standard_D4ds_v5', tier: 'GeneralPurpose' } }),
  ),
  serverScenario('storage size', ['64', '32'], patchProperties({ storage: { storageSizeGB: 32 } })),
  serverScenario(
    'storage auto-grow',
    ['Disabled', 'Enabled'],
    patchProperties({ storage: { autoGrow: 'Enabled' } }),
  ),
  serverScenario('backup retention', ['14', '7'], patchProperties({ backup: { backupRetentionDays: 7 } })),
  serverScenario(
    'geo-redundant backup',
    ['Disabled', 'Enabled'],
    patchProperties({ backup: { geoRedundantBackup: 'Enabled' } }),
    patchProperties({ backup: { geoRedundantBackup: 'Disabled' } }),
  ),
  serverScenario(
    'high availability',
    ['SameZone', 'Disabled'],
    patchProperties({ highAvailability: { mode: 'Disabled', state: 'NotEnabled' } }),
  ),
  serverScenario(
    'availability zone',
    ['1', '3'],
    patchProperties({ availabilityZone: '3' }),
    patchProperties({ availabilityZone: '1' }),
  ),
  serverScenario(
    'maintenance window',
    ['Sun 03:30', 'Wed 14:00'],
    patchProperties({
      maintenanceWindow: { customWindow: 'Enabled', dayOfWeek: 3, startHour: 14, startMinute: 0 },
    }),
  ),
  serverScenario(
    'password authentication',
    ['Enabled', 'Disabled'],
    patchProperties({ authConfig: { passwordAuth: 'Disabled' } }),
  ),
  serverScenario(
    'Entra authentication',
    ['Enabled', 'Disabled'],
    patchProperties({ authConfig: { activeDirectoryAuth: 'Disabled' } }),
  ),
  {
    ...serverScenario(
      'public access',
      ['Enabled', 'Disabled'],
      patchProperties({ network: { publicNetworkAccess: 'Disabled' } }),
    ),
    blocksRunner: true,
  },
  serverScenario('tags', ['team=space', 'team=ground'], (emulator) =>
    emulator.patchServer(server, { tags: { team: 'ground', cost: '7', owner: 'somebody' } }),
  ),
  {
    property: 'server parameter',
    apply: (emulator) => emulator.patchServer(server, { parameters: { work_mem: '16384' } }),
    expected: changedFinding('server parameter', 'work_mem', 'value', '8192', '16384'),
  },
  {
    property: 'extension allow-list',
    apply: (emulator) => emulator.patchServer(server, { parameters: { 'azure.extensions': 'CITEXT' } }),
    expected: {
      ...changedFinding('extension allow-list', 'azure.extensions', 'value', 'with pgcrypto', 'CITEXT'),
      kind: 'missing',
    },
  },
  {
    property: 'firewall rule: its range',
    apply: (emulator) =>
      emulator.patchServer(server, {
        rules: { office: { startIpAddress: '203.0.113.7', endIpAddress: '203.0.113.7' } },
      }),
    expected: changedFinding('firewall rule', 'office', 'range', '203.0.113.0-203.0.113.255', '203.0.113.7'),
  },
  {
    property: 'allow-azure-services',
    apply: (emulator) =>
      emulator.patchServer(server, { rules: { AllowAllAzureServicesAndResourcesWithinAzureIps: null } }),
    expected: {
      ...changedFinding(
        'firewall rule',
        'AllowAllAzureServicesAndResourcesWithinAzureIps',
        'range',
        '0.0.0.0',
        'absent',
      ),
      kind: 'missing',
    },
  },
  {
    property: 'an undeclared firewall rule',
    apply: (emulator) =>
      emulator.patchServer(server, {
        rules: { hole: { startIpAddress: '192.0.2.1', endIpAddress: '192.0.2.9' } },
      }),
    expected: {
      ...changedFinding('firewall rule', 'hole', 'range', 'absent', '192.0.2.1-192.0.2.9'),
      kind: 'unexpected',
    },
    revert: (emulator) => emulator.patchServer(server, { rules: { hole: null } }),
  },
  {
    property: 'role: its login',
    apply: runSql('ALTER ROLE relecloud_app NOLOGIN'),
    expected: changedFinding('role', 'relecloud_app', 'login', 'LOGIN', 'NOLOGIN'),
  },
  {
    property: 'role: its rights',
    apply: runSql('REVOKE CONNECT ON DATABASE relecloud FROM relecloud_app'),
    expected: changedFinding(
      'role',
      'relecloud_app',
      'rights on database relecloud',
      'CONNECT, CREATE, TEMPORARY',
      'without CONNECT',
    ),
  },
  {
    property: 'extension',
    apply: runSql('DROP EXTENSION pgcrypto', database),
    expected: {
      ...changedFinding('extension', 'pgcrypto', '', 'present', 'absent'),
      kind: 'missing',
    },
  },
];

const recreateDatabase = (options: string) => async (emulator: EmulatorHarness) => {
  await runSql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)(emulator);
  if (options !== '') await runSql(`CREATE DATABASE ${database} TEMPLATE template0 ${options}`)(emulator);
};

/** Where the database is created again, what was in it is gone as well. */
export const databaseScenarios: readonly DriftScenario[] = [
  {
    property: 'database',
    apply: recreateDatabase(''),
    expected: { ...changedFinding('database', database, '', 'present', 'absent'), kind: 'missing' },
  },
  {
    property: 'charset',
    apply: recreateDatabase("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"),
    expected: changedFinding('database', database, 'charset', 'UTF8', 'SQL_ASCII'),
    // Nobody but a superuser may have it with another one.
    sideEffects: [changedFinding('database', database, 'collation', 'en_US.utf8', 'C')],
    revert: recreateDatabase(''),
  },
  {
    property: 'collation',
    apply: recreateDatabase("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"),
    expected: changedFinding('database', database, 'collation', 'en_US.utf8', 'C'),
    revert: recreateDatabase(''),
  },
];

/** One check, with the requests, writes and rules that show whether it only read. */
export async function runCheck(
  emulator: EmulatorHarness,
  inputs: Readonly<Record<string, string>> = fullConfig,
) {
  await emulator.control('DELETE', 'requests');
  await emulator.control('DELETE', 'statements');
  const rules = async () =>
    (await emulator.serverState(inputs['server-name'] ?? '').catch(() => undefined))?.rules;
  const before = await rules();
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
    rules: { before, after: await rules() },
  };
}

/** `on-drift: fix` under ensure, with the posts of its job. */
export async function runFix(
  emulator: EmulatorHarness,
  inputs: Readonly<Record<string, string>> = fullConfig,
) {
  const job = new Job(emulator);
  const step = await job.step({ ...inputs, 'on-drift': 'fix' });
  await job.runPosts();
  return step;
}
