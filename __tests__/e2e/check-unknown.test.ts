import { describe, expect } from 'vitest';
import { fullConfig, runCheck, runFix } from '../helpers/e2e/drift-scenarios.ts';
import { defaultInputs } from '../helpers/e2e/job.ts';
import { adminLoginTo, query } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';
import { ArmClient } from '../helpers/emulator/arm-client.ts';

const server = fullConfig['server-name'];

test.beforeAll(async ({ emulator }) => {
  const made = await runFix(emulator);
  expect(made.exitCode, made.log).toBe(0);
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

/** Nothing is taken for absent or different, and nothing is written. */
function expectNoFalseDrift(check: CheckResult): void {
  expect(check.drift.filter(({ kind }) => kind !== 'unknown')).toEqual([]);
  expect(check.outputs['drifted']).toBe('false');
  expect(check.writes).toEqual([]);
  expect(check.rules.after).toEqual(check.rules.before);
}

const unknownResources = ({ drift }: CheckResult): readonly string[] =>
  drift.map(({ resource, name }) => `${resource} ${name}`.trim());

describe('what ARM refuses or fails to tell is unknown, no drift, and fails the step', () => {
  test.for([
    ['firewallRules', ['firewall rule here', 'firewall rule office', 'firewall rule']],
    ['configurations/work_mem', ['server parameter work_mem']],
    ['databases/relecloud', ['database relecloud']],
  ] as const)('403 on %s: that alone is unknown', async ([path, expected], { emulator }) => {
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
    // Azure's own code and correlation id, and what to do.
    expect(check.log).toContain('AuthorizationFailed');
    expect(check.log).toMatch(/Correlation id: c0ffee00/);
    expect(check.log).toContain('Give the identity a role');
    expect(check.summary).toContain('| Not known |');
  });

  test('403 on the server: one unknown', async ({ emulator }) => {
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

  test('what can be read is compared all the same, and told beside what cannot', async ({ emulator }) => {
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
    expect(check.log).toContain('backup retention: declared 21, actually 14');
  });

  test('a storm of 429: unknown, with Azure’s own code', async ({ emulator }) => {
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

  test('429 that passes is waited out', async ({ emulator }) => {
    await emulator.addFault({ service: 'arm', method: 'GET', path: '/flexibleServers/' }, throttledResponse, {
      times: 2,
    });
    const check = await runCheck(emulator);
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
  });
});

describe('a server that is not there as it should be', () => {
  test('a stopped server: what it cannot tell is unknown', async ({ emulator }) => {
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

  test('a stopped server of which nothing is declared that it would have to tell: a notice', async ({
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
    '%s: one unknown, and nothing in it is looked at',
    async (state, { emulator }) => {
      await emulator.patchServer(server, { properties: { state, backup: { backupRetentionDays: 7 } } });
      const check = await runCheck(emulator);
      await emulator.patchServer(server, {
        properties: { state: 'Ready', backup: { backupRetentionDays: 14 } },
      });
      expectNoFalseDrift(check);
      expect(unknownResources(check)).toEqual([`server ${server}`]);
      expect(check.requests.filter(({ path }) => /flexibleServers\/[^/?]+\//.test(path))).toEqual([]);
    },
  );

  test('absent: one missing, not one for each thing in it', async ({ emulator }) => {
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

describe('the data plane out of reach', () => {
  test('blocked by the firewall: a notice; the database is read through ARM, the rest is unknown, the firewall unchanged', async ({
    emulator,
  }) => {
    const rules = { here: null };
    await emulator.patchServer(server, { rules });
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

  test('without a password: the same', async ({ emulator }) => {
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

  test('has no firewall rules that could be listed: nothing of them is asked for', async ({ emulator }) => {
    expect((await runFix(emulator, { ...inputs, database: 'relecloud' })).exitCode).toBe(0);
    const network = { publicNetworkAccess: 'Disabled', delegatedSubnetResourceId: '/subscriptions/x/subnet' };
    await emulator.patchServer(name, { properties: { network } });
    const check = await runCheck(emulator, inputs);
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
    expect(check.requests.filter(({ path }) => path.includes('/firewallRules'))).toEqual([]);
  });
});

describe('somebody else’s thing in place of ours', () => {
  test('a role whose mark was taken away is one finding, and the rest is told all the same', async ({
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
      { resource: 'role', name: 'relecloud_app', property: 'owner', expected: 'ours', kind: 'changed' },
    ]);
    expect(check.exitCode, check.log).toBe(0);
    expect(check.writes).toEqual([]);
  });
});

describe('a healthy server gives no drift at all', () => {
  const named = (name: string, group = name) => ({
    ...defaultInputs,
    'server-name': name,
    'resource-group': group,
    database: '',
  });

  test('made by the action’s defaults', async ({ emulator }) => {
    expect((await runFix(emulator, { ...named('defaults'), database: 'relecloud' })).exitCode).toBe(0);
    const check = await runCheck(emulator, { ...named('defaults'), database: 'relecloud' });
    expect(check.drift).toEqual([]);
    expect(check.exitCode, check.log).toBe(0);
  });

  test('made as the az CLI makes one by default', async ({ emulator }) => {
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
      named('by-az', 'rg'),
      {
        ...named('by-az', 'rg'),
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
