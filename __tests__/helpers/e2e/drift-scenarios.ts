import type { Azure } from './emulator-harness.ts';
import { Job } from './job.ts';
import { query } from './postgres-client.ts';

/** A finding as the output `drift` tells it (contract.md). */
export interface DriftFinding {
  readonly resource: string;
  readonly name: string;
  readonly property: string;
  readonly expected: string;
  readonly actual: string;
  readonly kind: string;
}

/** Where the runner of these tests comes from, as the gate sees it. */
const runner = '198.51.100.7';

/** Everything that a workflow can declare of a server with a database, but a cluster's size. */
export const declaredWhole = {
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
  'allowed-ip-ranges': `here=${runner}\noffice=203.0.113.0/24`,
  'allow-azure-services': 'true',
  database: 'relecloud',
  charset: 'UTF8',
  collation: 'en_US.utf8',
  'app-username': 'relecloud_app',
  'app-password': 'AnotherSecret!2',
  extensions: 'pgcrypto',
} as const;

/** Something that somebody does behind the action's back, and what a check has to say of it. */
export interface Deed {
  readonly property: string;
  readonly done: (azure: Azure) => Promise<unknown>;
  readonly found: DriftFinding;
  /** Whether the runner is shut out by it, so that what only SQL can tell is unknown. */
  readonly shutsOut?: true;
  /** What comes with it, as the thing cannot be changed alone. */
  readonly besides?: readonly DriftFinding[];
  /** How somebody undoes by hand what `on-drift: fix` cannot; absent where it can. */
  readonly undone?: (azure: Azure) => Promise<unknown>;
}

const server = declaredWhole['server-name'];
const { database } = declaredWhole;

/** Changes properties through the emulator's control, as the portal would. */
const properties =
  (change: Record<string, unknown>) =>
  (azure: Azure): Promise<unknown> =>
    azure.patch(server, { properties: change });

/** What the administrator does by SQL. */
const sql =
  (statement: string, where = 'postgres') =>
  async (azure: Azure): Promise<unknown> =>
    query(azure, await administratorIn(azure, where), statement);

export async function administratorIn(azure: Azure, where: string) {
  const host = String((await azure.server(server)).properties['fullyQualifiedDomainName']);
  const { 'admin-username': user, 'admin-password': password } = declaredWhole;
  return { host, user, password, database: where };
}

const changed = (resource: string, name: string, property: string, expected: string, actual: string) => ({
  resource,
  name,
  property,
  expected,
  actual,
  kind: 'changed',
});

/** A property of the server. */
const ofServer = (
  property: string,
  [expected, actual]: readonly [string, string],
  done: Deed['done'],
  undone?: Deed['done'],
): Deed => ({
  property,
  done,
  found: changed('server', server, property, expected, actual),
  ...(undone === undefined ? {} : { undone }),
});

/** Nothing but this is changed by each: so any of them can come together. */
export const deeds: readonly Deed[] = [
  ofServer(
    'region',
    ['westeurope', 'North Europe'],
    (azure) => azure.patch(server, { location: 'North Europe' }),
    (azure) => azure.patch(server, { location: 'West Europe' }),
  ),
  ofServer('version', ['17', '16'], properties({ version: '16' }), properties({ version: '17' })),
  ofServer('sku', ['Standard_D2ds_v5', 'Standard_D4ds_v5'], (azure) =>
    azure.patch(server, { sku: { name: 'Standard_D4ds_v5', tier: 'GeneralPurpose' } }),
  ),
  ofServer('storage size', ['64', '32'], properties({ storage: { storageSizeGB: 32 } })),
  ofServer('storage auto-grow', ['Disabled', 'Enabled'], properties({ storage: { autoGrow: 'Enabled' } })),
  ofServer('backup retention', ['14', '7'], properties({ backup: { backupRetentionDays: 7 } })),
  ofServer(
    'geo-redundant backup',
    ['Disabled', 'Enabled'],
    properties({ backup: { geoRedundantBackup: 'Enabled' } }),
    properties({ backup: { geoRedundantBackup: 'Disabled' } }),
  ),
  ofServer(
    'high availability',
    ['SameZone', 'Disabled'],
    properties({ highAvailability: { mode: 'Disabled', state: 'NotEnabled' } }),
  ),
  ofServer(
    'availability zone',
    ['1', '3'],
    properties({ availabilityZone: '3' }),
    properties({ availabilityZone: '1' }),
  ),
  ofServer(
    'maintenance window',
    ['Sun 03:30', 'Wed 14:00'],
    properties({
      maintenanceWindow: { customWindow: 'Enabled', dayOfWeek: 3, startHour: 14, startMinute: 0 },
    }),
  ),
  ofServer(
    'password authentication',
    ['Enabled', 'Disabled'],
    properties({ authConfig: { passwordAuth: 'Disabled' } }),
  ),
  ofServer(
    'Entra authentication',
    ['Enabled', 'Disabled'],
    properties({ authConfig: { activeDirectoryAuth: 'Disabled' } }),
  ),
  {
    ...ofServer(
      'public access',
      ['Enabled', 'Disabled'],
      properties({ network: { publicNetworkAccess: 'Disabled' } }),
    ),
    shutsOut: true,
  },
  ofServer('tags', ['team=space', 'team=ground'], (azure) =>
    azure.patch(server, { tags: { team: 'ground', cost: '7', owner: 'somebody' } }),
  ),
  {
    property: 'server parameter',
    done: (azure) => azure.patch(server, { parameters: { work_mem: '16384' } }),
    found: changed('server parameter', 'work_mem', 'value', '8192', '16384'),
  },
  {
    property: 'extension allow-list',
    done: (azure) => azure.patch(server, { parameters: { 'azure.extensions': 'CITEXT' } }),
    found: {
      ...changed('extension allow-list', 'azure.extensions', 'value', 'with pgcrypto', 'CITEXT'),
      kind: 'missing',
    },
  },
  {
    property: 'firewall rule: its range',
    done: (azure) =>
      azure.patch(server, {
        rules: { office: { startIpAddress: '203.0.113.7', endIpAddress: '203.0.113.7' } },
      }),
    found: changed('firewall rule', 'office', 'range', '203.0.113.0-203.0.113.255', '203.0.113.7'),
  },
  {
    property: 'allow-azure-services',
    done: (azure) =>
      azure.patch(server, { rules: { AllowAllAzureServicesAndResourcesWithinAzureIps: null } }),
    found: {
      ...changed(
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
    done: (azure) =>
      azure.patch(server, { rules: { hole: { startIpAddress: '192.0.2.1', endIpAddress: '192.0.2.9' } } }),
    found: {
      ...changed('firewall rule', 'hole', 'range', 'absent', '192.0.2.1-192.0.2.9'),
      kind: 'unexpected',
    },
    undone: (azure) => azure.patch(server, { rules: { hole: null } }),
  },
  {
    property: 'role: its login',
    done: sql('ALTER ROLE relecloud_app NOLOGIN'),
    found: changed('role', 'relecloud_app', 'login', 'LOGIN', 'NOLOGIN'),
  },
  {
    property: 'role: its rights',
    done: sql('REVOKE CONNECT ON DATABASE relecloud FROM relecloud_app'),
    found: changed(
      'role',
      'relecloud_app',
      'rights on database relecloud',
      'CONNECT, CREATE, TEMPORARY',
      'without CONNECT',
    ),
  },
  {
    property: 'extension',
    done: sql('DROP EXTENSION pgcrypto', database),
    found: {
      ...changed('extension', 'pgcrypto', '', 'present', 'absent'),
      kind: 'missing',
    },
  },
];

const remade = (options: string) => async (azure: Azure) => {
  await sql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)(azure);
  if (options !== '') await sql(`CREATE DATABASE ${database} TEMPLATE template0 ${options}`)(azure);
};

/** Where the database is made anew, what was in it has gone as well. */
export const databaseDeeds: readonly Deed[] = [
  {
    property: 'database',
    done: remade(''),
    found: { ...changed('database', database, '', 'present', 'absent'), kind: 'missing' },
  },
  {
    property: 'charset',
    done: remade("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"),
    found: changed('database', database, 'charset', 'UTF8', 'SQL_ASCII'),
    // Nobody but a superuser may have it with another one.
    besides: [changed('database', database, 'collation', 'en_US.utf8', 'C')],
    undone: remade(''),
  },
  {
    property: 'collation',
    done: remade("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"),
    found: changed('database', database, 'collation', 'en_US.utf8', 'C'),
    undone: remade(''),
  },
];

/** One check, with nothing but the look that it takes. */
export async function checked(azure: Azure, inputs: Readonly<Record<string, string>> = declaredWhole) {
  await azure.control('DELETE', 'requests');
  await azure.control('DELETE', 'statements');
  const rules = async () => (await azure.server(inputs['server-name'] ?? '').catch(() => undefined))?.rules;
  const before = await rules();
  const step = await new Job(azure).step({ ...inputs, mode: 'check' });
  const requests = await azure.requests();
  return {
    ...step,
    drift: JSON.parse(step.outputs['drift'] ?? '[]') as readonly DriftFinding[],
    requests: requests.filter(({ service }) => service === 'arm'),
    writes: [
      ...requests.filter(({ service, method }) => service === 'arm' && method !== 'GET'),
      ...(await azure.statements()).filter(({ statement }) => !/^\s*(SELECT|SET|SHOW)\b/i.test(statement)),
    ],
    rules: { before, after: await rules() },
  };
}

/** `on-drift: fix` under ensure, with the posts of its job. */
export async function fixed(azure: Azure, inputs: Readonly<Record<string, string>> = declaredWhole) {
  const job = new Job(azure);
  const step = await job.step({ ...inputs, 'on-drift': 'fix' });
  await job.post();
  return step;
}
