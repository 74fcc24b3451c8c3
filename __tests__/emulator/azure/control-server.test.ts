import { describe, expect, vi } from 'vitest';
import { CaseInsensitiveMap } from '../../../emulator/core/case-insensitive-map.ts';
import type { JsonObject } from '../../../emulator/core/json.ts';
import { type ArmClient, errorCode, sendControl } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import type { FakePostgresFactory } from '../../helpers/emulator/fake-postgres.ts';
import { type HttpResponse, valueAt } from '../../helpers/emulator/http-client.ts';

test.beforeAll(({ arm }) => arm.createServer('drifting'));

function patchServerState(arm: ArmClient, change: JsonObject): Promise<HttpResponse> {
  return sendControl(arm.emulator, 'PATCH', 'state', { server: 'drifting', ...change });
}

async function getServer(arm: ArmClient): Promise<JsonObject> {
  return (await arm.send('GET', arm.serverPath('drifting'))).json;
}

describe('PATCH control/state of a server', () => {
  test.for<[string, JsonObject, JsonObject]>([
    ['backup', { backupRetentionDays: 21 }, { backupRetentionDays: 21, geoRedundantBackup: 'Disabled' }],
    ['storage', { storageSizeGB: 128, autoGrow: 'Enabled' }, { tier: 'P10', iops: 500, autoGrow: 'Enabled' }],
    ['network', { publicNetworkAccess: 'Disabled' }, { publicNetworkAccess: 'Disabled' }],
    ['authConfig', { activeDirectoryAuth: 'Enabled' }, { activeDirectoryAuth: 'Enabled' }],
    [
      'maintenanceWindow',
      { customWindow: 'Enabled', dayOfWeek: 2 },
      { customWindow: 'Enabled', dayOfWeek: 2, startHour: 0 },
    ],
    [
      'highAvailability',
      { mode: 'ZoneRedundant' },
      { mode: 'ZoneRedundant', state: 'Healthy', standbyAvailabilityZone: '2' },
    ],
    ['highAvailability', { state: 'FailingOver' }, { mode: 'ZoneRedundant', state: 'FailingOver' }],
    ['cluster', { clusterSize: 3, defaultDatabaseName: 'postgres' }, { clusterSize: 3 }],
  ])(
    'changes %s by %j, and the properties that Azure derives from it',
    async ([name, change, expected], { arm }) => {
      expect((await patchServerState(arm, { properties: { [name]: change } })).status).toBe(200);
      expect(valueAt(await getServer(arm), 'properties', name)).toMatchObject(expected);
    },
  );

  test('removes properties that are null', async ({ arm }) => {
    await patchServerState(arm, {
      properties: { cluster: null, highAvailability: { standbyAvailabilityZone: null } },
    });
    const properties = valueAt(await getServer(arm), 'properties');
    expect(properties).not.toHaveProperty('cluster');
    expect(valueAt(properties, 'highAvailability')).toEqual({ mode: 'ZoneRedundant', state: 'Healthy' });
  });

  test('changes the zones of a server, as a failover does, its region and its major', async ({
    arm,
    emulator,
  }) => {
    await patchServerState(arm, {
      properties: {
        availabilityZone: '3',
        highAvailability: { standbyAvailabilityZone: '1' },
        version: '16',
      },
      location: 'North Europe',
    });
    const server = await getServer(arm);
    expect(server['location']).toBe('North Europe');
    expect(server['properties']).toMatchObject({
      availabilityZone: '3',
      version: '16',
      highAvailability: { mode: 'ZoneRedundant', standbyAvailabilityZone: '1' },
    });
    const { json } = await sendControl(emulator, 'GET', 'state');
    expect(valueAt(json, 'servers', 'drifting', 'location')).toBe('North Europe');
  });

  test('sets server parameters in PostgreSQL, and null resets them', async ({ arm }) => {
    expect(
      (await patchServerState(arm, { parameters: { work_mem: '8192', max_connections: 60 } })).status,
    ).toBe(200);
    const read = async (name: string): Promise<unknown> => {
      const path = arm.serverPath('drifting', `/configurations/${name}`);
      return (await arm.send('GET', path)).json['properties'];
    };
    expect(await read('work_mem')).toMatchObject({ value: '8192', source: 'user-override' });
    expect(await read('max_connections')).toMatchObject({ value: '60' });
  });

  test.for<[string, JsonObject]>([
    ['an unknown region', { location: 'Atlantis' }],
    ['an unknown server parameter', { parameters: { nonsense: '1' } }],
    ['a rule without a range', { rules: { office: {} } }],
  ])('refuses %s', async ([_what, change], { arm }) => {
    const answer = await patchServerState(arm, change);
    expect([answer.status, typeof answer.json['error']]).toEqual([400, 'string']);
  });

  test('refuses parameters of a stopped server', async ({ arm }) => {
    await patchServerState(arm, { properties: { state: 'Stopped' } });
    expect((await patchServerState(arm, { parameters: { work_mem: '8192' } })).status).toBe(400);
  });
});

describe('two thousand firewall rules', () => {
  const count = 2000;
  const rules = Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`Rule-${n}`, { startIpAddress: `10.0.${n >> 8}.${n & 255}` }]),
  );

  async function allPages(arm: ArmClient, path: string): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let url: string | undefined = path; url !== undefined; ) {
      const { status, json }: HttpResponse = await arm.send('GET', url);
      expect(status).toBe(200);
      const { value, nextLink } = json;
      if (!Array.isArray(value) || value.length === 0) throw new Error('A page without entries.');
      expect(value.length).toBeLessThanOrEqual(100);
      found.push(...value);
      url = typeof nextLink === 'string' ? nextLink : undefined;
    }
    return found;
  }

  test('are set by one call, listed in order on pages, found without regard to case, and removed', async ({
    arm,
    emulator,
    postgres,
  }) => {
    await arm.createServer('many-rules');
    const path = (rest: string) => arm.serverPath('many-rules', rest);
    const change = (all: JsonObject) =>
      sendControl(emulator, 'PATCH', 'state', { server: 'many-rules', rules: all });
    expect((await change(rules)).status).toBe(200);
    const listed = await allPages(arm, path('/firewallRules'));
    expect(listed.map((entry) => valueAt(entry, 'name'))).toEqual(Object.keys(rules));
    expect(postgres.servers.get('many-rules')?.rules.size).toBe(count);
    const found = await arm.send('GET', path('/firewallRules/RULE-1999'));
    expect([found.json['name'], valueAt(found.json, 'properties', 'startIpAddress')]).toEqual([
      'Rule-1999',
      '10.0.7.207',
    ]);
    await change(Object.fromEntries(Object.keys(rules).map((name) => [name.toLowerCase(), null])));
    expect((await arm.send('GET', path('/firewallRules'))).json['value']).toEqual([]);
    expect(postgres.servers.get('many-rules')?.rules.size).toBe(0);
  });

  test('are looked up one by one, without iterating over all', () => {
    const map = new CaseInsensitiveMap<number>();
    // Names are compared in lower case, so an iteration over all rules would call toLowerCase for each.
    const lowerCase = vi.spyOn(String.prototype, 'toLowerCase');
    try {
      for (const name of Object.keys(rules)) map.set(name, 1);
      for (const name of Object.keys(rules)) map.delete(name.toUpperCase());
      expect(lowerCase.mock.calls.length).toBeLessThan(10 * count);
    } finally {
      lowerCase.mockRestore();
    }
    expect(map.size).toBe(0);
  });
});

async function setState(arm: ArmClient, state: string): Promise<void> {
  const answer = await sendControl(arm.emulator, 'PATCH', 'state', {
    server: 'changing-state',
    properties: { state },
  });
  expect(answer.status).toBe(200);
}

async function requestOutcome(arm: ArmClient, rest: string): Promise<unknown> {
  const answer = await arm.send('GET', arm.serverPath('changing-state', rest));
  return answer.status === 200 ? 200 : [answer.status, errorCode(answer)];
}

const isRunning = (postgres: FakePostgresFactory) => postgres.servers.get('changing-state')?.isRunning;

const SERVER_STOPPED = [400, 'ServerStoppedError'];
const INTERNAL_ERROR = [500, 'InternalServerError'];

describe('PATCH control/state with a server state', () => {
  test.beforeAll(async ({ arm }) => {
    await arm.createServer('changing-state');
    const rule = { properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' } };
    await arm.sendAndWait('PUT', arm.serverPath('changing-state', '/firewallRules/office'), rule);
  });

  test.for<[string, unknown, boolean]>([
    ['Provisioning', INTERNAL_ERROR, false],
    ['Starting', INTERNAL_ERROR, false],
    ['Stopped', SERVER_STOPPED, false],
    ['Inaccessible', INTERNAL_ERROR, false],
    ['Disabled', INTERNAL_ERROR, false],
    ['Dropping', INTERNAL_ERROR, true],
    ['Stopping', INTERNAL_ERROR, true],
    ['Restarting', INTERNAL_ERROR, true],
    ['Updating', 200, true],
    ['Ready', 200, true],
  ])(
    '%s: GET shows the state and the rules, and the other child resources if the state permits it',
    async ([state, children, runs], { arm, postgres }) => {
      await setState(arm, state);
      try {
        expect(await arm.serverState('changing-state')).toBe(state);
        expect(await requestOutcome(arm, '/firewallRules')).toBe(200);
        expect(await requestOutcome(arm, '/firewallRules/office')).toBe(200);
        expect(isRunning(postgres)).toBe(runs);
        for (const rest of [
          '/configurations',
          '/configurations/work_mem',
          '/databases',
          '/databases/postgres',
        ]) {
          expect([rest, await requestOutcome(arm, rest)]).toEqual([rest, children]);
        }
      } finally {
        await setState(arm, 'Ready');
      }
      expect([await arm.serverState('changing-state'), isRunning(postgres)]).toEqual(['Ready', true]);
      expect(await requestOutcome(arm, '/databases/postgres')).toBe(200);
    },
  );

  test.for<[string, unknown]>([
    ['Provisioning', INTERNAL_ERROR],
    ['Stopped', SERVER_STOPPED],
  ])(
    '%s: refuses to write a configuration and a database, and refuses a rule with 500',
    async ([state, refusal], { arm }) => {
      await setState(arm, state);
      try {
        const put = async (rest: string, properties: object): Promise<unknown> => {
          const answer = await arm.send('PUT', arm.serverPath('changing-state', rest), { properties });
          return [answer.status, errorCode(answer)];
        };
        const range = { startIpAddress: '203.0.113.2', endIpAddress: '203.0.113.2' };
        expect(await put('/configurations/work_mem', { value: '8192' })).toEqual(refusal);
        expect(await put('/databases/stars', {})).toEqual(refusal);
        expect(await put('/firewallRules/home', range)).toEqual(INTERNAL_ERROR);
      } finally {
        await setState(arm, 'Ready');
      }
    },
  );

  test('refuses an unknown state, and changes nothing', async ({ arm, emulator }) => {
    const properties = { state: 'Sleepy', backup: { backupRetentionDays: 30 } };
    const answer = await sendControl(emulator, 'PATCH', 'state', { server: 'changing-state', properties });
    expect(answer.status).toBe(400);
    const { text } = await arm.send('GET', arm.serverPath('changing-state'));
    expect(text).toContain('"backupRetentionDays":7');
  });
});
