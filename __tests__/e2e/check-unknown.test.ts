import { describe, expect } from 'vitest';
import { fullConfig, runCheck, runFix } from '../helpers/e2e/drift-scenarios.ts';
import { defaultInputs } from '../helpers/e2e/job.ts';
import { adminLoginTo, query, waitUntilBlocked } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';
import { ArmClient } from '../helpers/emulator/arm-client.ts';

const server = fullConfig['server-name'];

test.beforeAll(async ({ emulator }) => {
  const created = await runFix(emulator);
  expect(created.exitCode, created.log).toBe(0);
});

const forbiddenResponse = {
  status: 403,
  headers: { 'x-ms-correlation-request-id': 'c0ffee00-0000-4000-8000-000000000001' },
  body: { error: { code: 'AuthorizationFailed', message: 'The client does not have authorization.' } },
};
const throttledResponse = {
  status: 429,
  headers: { 'retry-after': '0' },
  body: { error: { code: 'SubscriptionRequestsThrottled', message: 'Number of read requests exceeded.' } },
};

type CheckResult = Awaited<ReturnType<typeof runCheck>>;

/** Expects that the check reports nothing as absent or different, and writes nothing. */
function expectNoFalseDrift(check: CheckResult): void {
  expect(check.drift.filter(({ kind }) => kind !== 'unknown')).toEqual([]);
  expect(check.outputs['drifted']).toBe('false');
  expect(check.writes).toEqual([]);
  expect(check.rules.after).toEqual(check.rules.before);
}

const unknownResources = ({ drift }: CheckResult): readonly string[] =>
  drift.map(({ resource, name }) => `${resource} ${name}`.trim());

describe('check reports what ARM does not let it read as unknown, not as drift, and fails', () => {
  test.for([
    ['firewallRules', ['firewall rule here', 'firewall rule office', 'firewall rule']],
    ['configurations/work_mem', ['server parameter work_mem']],
    ['databases/relecloud', ['database relecloud']],
  ] as const)('with 403 for %s, only that is unknown', async ([path, expected], { emulator }) => {
    await emulator.addFault({ service: 'arm', method: 'GET', path: `/${path}` }, forbiddenResponse, {
      times: 50,
    });
    const check = await runCheck(emulator);
    expectNoFalseDrift(check);
    expect(unknownResources(check)).toEqual(expect.arrayContaining([...expected]));
    expect(
      unknownResources(check).filter((name) => !name.startsWith(expected[0].split(' ')[0] ?? '')),
    ).toEqual([]);
    expect(check.exitCode).toBe(1);
    // Azure's error code and correlation id, and what to do.
    expect(check.log).toContain('AuthorizationFailed');
    expect(check.log).toMatch(/Correlation id: c0ffee00/);
    expect(check.log).toContain('Give the identity a role');
    expect(check.summary).toContain('| Not checked |');
  });

  test('with 403 for the server, only the server is reported', async ({ emulator }) => {
    await emulator.addFault(
      { service: 'arm', method: 'GET', path: `/flexibleServers/${server}` },
      forbiddenResponse,
      {
        times: 50,
      },
    );
    const check = await runCheck(emulator);
    expectNoFalseDrift(check);
    expect(unknownResources(check)).toEqual([`server ${server}`]);
    expect(check.exitCode).toBe(1);
    expect(check.log).toContain('Give the identity a role');
  });

  test('with 403 for the database, drift of the server is still reported', async ({ emulator }) => {
    await emulator.addFault(
      { service: 'arm', method: 'GET', path: '/databases/relecloud' },
      forbiddenResponse,
      {
        times: 50,
      },
    );
    const check = await runCheck(emulator, { ...fullConfig, 'backup-retention-days': '21' });
    expect(check.drift.map(({ resource, kind }) => [resource, kind])).toEqual([
      ['server', 'changed'],
      ['database', 'unknown'],
    ]);
    expect(check.outputs['drifted']).toBe('true');
    expect(check.exitCode).toBe(1);
    expect(check.log).toContain('(check-incomplete)');
    expect(check.log).toContain('backup retention: is 14 days, declared 21 days');
  });

  test('with 429 for every request, with Azure’s error code', async ({ emulator }) => {
    await emulator.addFault(
      { service: 'arm', method: 'GET', path: '/flexibleServers/[^/]+/' },
      throttledResponse,
      {
        times: 500,
      },
    );
    const check = await runCheck(emulator);
    expectNoFalseDrift(check);
    expect(unknownResources(check)).toEqual(
      expect.arrayContaining(['server parameter work_mem', 'database relecloud']),
    );
    expect(check.exitCode).toBe(1);
    expect(check.log).toContain('SubscriptionRequestsThrottled');
    expect(check.log).toContain('Azure throttles the subscription');
  });

  test('but retries after a few responses with 429', async ({ emulator }) => {
    await emulator.addFault({ service: 'arm', method: 'GET', path: '/flexibleServers/' }, throttledResponse, {
      times: 2,
    });
    const check = await runCheck(emulator);
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
  });
});

describe('a server that is not ready', () => {
  test('is reported as unknown if it is stopped, with what only a running server can return', async ({
    emulator,
  }) => {
    await emulator.patchServer(server, { properties: { state: 'Stopped' } });
    const check = await runCheck(emulator);
    await emulator.patchServer(server, { properties: { state: 'Ready' } });
    expectNoFalseDrift(check);
    expect(check.drift).toContainEqual({
      resource: 'server',
      name: server,
      property: 'state',
      expected: 'Ready',
      actual: 'Stopped',
      kind: 'unknown',
    });
    expect(unknownResources(check)).toEqual(
      expect.arrayContaining(['server parameter work_mem', 'role relecloud_app']),
    );
    expect(check.log).toContain('ServerStoppedError');
    expect(check.log).toContain('Start the server');
  });

  test('causes only a notice if it is stopped and nothing declared needs a running server', async ({
    emulator,
  }) => {
    await emulator.patchServer(server, { properties: { state: 'Stopped' } });
    const { 'server-name': name, 'resource-group': group, 'backup-retention-days': days } = fullConfig;
    const rules = { 'allowed-ip-ranges': fullConfig['allowed-ip-ranges'], 'allow-azure-services': 'true' };
    const check = await runCheck(emulator, {
      'server-name': name,
      'resource-group': group,
      'backup-retention-days': days,
      ...rules,
    });
    await emulator.patchServer(server, { properties: { state: 'Ready' } });
    expectNoFalseDrift(check);
    expect(check.exitCode, check.log).toBe(0);
    expect(check.log).toContain('::notice');
  });

  test.for(['Provisioning', 'Dropping'])(
    'is one unknown finding in state %s, without findings for its contents',
    async (state, { emulator }) => {
      await emulator.patchServer(server, { properties: { state, backup: { backupRetentionDays: 7 } } });
      const check = await runCheck(emulator);
      await emulator.patchServer(server, {
        properties: { state: 'Ready', backup: { backupRetentionDays: 14 } },
      });
      expectNoFalseDrift(check);
      expect(unknownResources(check)).toEqual([`server ${server}`]);
      expect(check.drift).toHaveLength(1);
    },
  );

  test('is one missing finding if it is absent, without findings for its contents', async ({ emulator }) => {
    const check = await runCheck(emulator, {
      ...fullConfig,
      'server-name': 'not-there',
      'resource-group': 'nowhere',
    });
    expect(check.drift).toEqual([
      {
        resource: 'server',
        name: 'not-there',
        property: '',
        expected: 'present',
        actual: 'absent',
        kind: 'missing',
      },
    ]);
    expect(check.exitCode).toBe(1);
    expect(check.writes).toEqual([]);
  });
});

describe('a server in which check cannot execute SQL', () => {
  test('because the firewall blocks it: a notice, the database read through ARM, the rest unknown, no rule created', async ({
    emulator,
  }) => {
    const rules = { here: null };
    await emulator.patchServer(server, { rules });
    await waitUntilBlocked(emulator, await adminLoginTo(emulator, server));
    const inputs = { ...fullConfig, 'allowed-ip-ranges': 'office=203.0.113.0/24', 'on-drift': 'fail' };
    const check = await runCheck(emulator, inputs);
    await emulator.patchServer(server, {
      rules: { here: { startIpAddress: '198.51.100.7', endIpAddress: '198.51.100.7' } },
    });
    expectNoFalseDrift(check);
    expect(unknownResources(check)).toEqual(['role relecloud_app', 'extension pgcrypto']);
    expect(check.exitCode, check.log).toBe(0);
    expect(check.log).toMatch(/::notice.*role 'relecloud_app'.*cannot log in/);
    expect(check.requests.some(({ path }) => path.includes('/databases/relecloud'))).toBe(true);
  });

  test('because there is no password: the database read through ARM, the rest unknown', async ({
    emulator,
  }) => {
    const { 'admin-password': _, 'app-password': __, ...inputs } = fullConfig;
    const check = await runCheck(emulator, inputs);
    expectNoFalseDrift(check);
    expect(unknownResources(check)).toEqual(['role relecloud_app', 'extension pgcrypto']);
    expect(check.exitCode, check.log).toBe(0);
  });
});

describe('a server inside a virtual network', () => {
  const name = 'inside';
  const inputs = { ...defaultInputs, 'server-name': name, 'resource-group': name, database: '' };

  test('has no firewall rules, so check reports none, even if Azure lists one', async ({ emulator }) => {
    expect((await runFix(emulator, { ...inputs, database: 'relecloud' })).exitCode).toBe(0);
    const network = { publicNetworkAccess: 'Disabled', delegatedSubnetResourceId: '/subscriptions/x/subnet' };
    const everyone = { startIpAddress: '0.0.0.0', endIpAddress: '255.255.255.255' };
    await emulator.patchServer(name, { properties: { network }, rules: { everyone } });
    const check = await runCheck(emulator, inputs);
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
    expect(check.log).not.toContain('everyone');
  });
});

describe('a resource that the action does not own', () => {
  test('is one finding, such as a role without its ownership marker; other drift is still reported', async ({
    emulator,
  }) => {
    await query(emulator, await adminLoginTo(emulator, server), 'COMMENT ON ROLE relecloud_app IS NULL');
    const check = await runCheck(emulator, {
      ...fullConfig,
      'backup-retention-days': '21',
      'on-drift': 'warn',
    });
    expect(check.drift).toMatchObject([
      { resource: 'server', property: 'backup retention' },
      {
        resource: 'role',
        name: 'relecloud_app',
        property: 'owner',
        expected: 'managed by this action',
        kind: 'changed',
      },
    ]);
    expect(check.exitCode, check.log).toBe(0);
    expect(check.writes).toEqual([]);
  });
});

describe('an unchanged server has no drift', () => {
  const inputsFor = (name: string, group = name) => ({
    ...defaultInputs,
    'server-name': name,
    'resource-group': group,
    database: '',
  });

  test('if it was created with the action’s defaults', async ({ emulator }) => {
    expect((await runFix(emulator, { ...inputsFor('defaults'), database: 'relecloud' })).exitCode).toBe(0);
    const check = await runCheck(emulator, { ...inputsFor('defaults'), database: 'relecloud' });
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
  });

  test('if it was created with the az CLI’s defaults', async ({ emulator }) => {
    const arm = await ArmClient.signIn(emulator.instance);
    await arm.createServer('by-az', {
      sku: { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' },
      properties: {
        administratorLogin: 'relecloud_admin',
        administratorLoginPassword: 'VerySecurePassword!1',
        version: '17',
        storage: { storageSizeGB: 128, autoGrow: 'Disabled' },
        backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
        network: { publicNetworkAccess: 'Enabled' },
        highAvailability: { mode: 'Disabled' },
        createMode: 'Create',
      },
    });
    for (const inputs of [
      inputsFor('by-az', 'rg'),
      {
        ...inputsFor('by-az', 'rg'),
        'sku-name': 'Standard_D2s_v3',
        'storage-size-gb': '128',
        'storage-auto-grow': 'false',
        'backup-retention-days': '7',
        'geo-redundant-backup': 'false',
        'high-availability': 'Disabled',
        'password-auth': 'Enabled',
        'microsoft-entra-auth': 'Disabled',
        'public-access': 'Enabled',
        'maintenance-window': 'system-managed',
      },
    ]) {
      const check = await runCheck(emulator, inputs);
      expect(check.drift).toEqual([]);
      expect(check.exitCode, check.log).toBe(0);
    }
  });
});
