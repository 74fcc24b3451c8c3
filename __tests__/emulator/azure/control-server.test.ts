import { beforeAll, describe, expect, it, vi } from 'vitest';
import { NameMap } from '../../../emulator/arm/name-map.ts';
import type { JsonObject } from '../../../emulator/json.ts';
import { type Arm, control } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, at } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator();

beforeAll(() => bench.arm.makeServer('drifting'));

function tell(change: JsonObject): Promise<Answer> {
  return control(bench.emulator, 'PATCH', 'state', { server: 'drifting', ...change });
}

async function shown(): Promise<JsonObject> {
  return (await bench.arm.send('GET', bench.arm.server('drifting'))).json;
}

describe('PATCH control/state of a server', () => {
  it.each<[string, JsonObject, JsonObject]>([
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
  ])('changes %s by %j, with what follows from it in Azure', async (name, change, expected) => {
    expect((await tell({ properties: { [name]: change } })).status).toBe(200);
    expect(at(await shown(), 'properties', name)).toMatchObject(expected);
  });

  it('removes what is null', async () => {
    await tell({ properties: { cluster: null, highAvailability: { standbyAvailabilityZone: null } } });
    const properties = at(await shown(), 'properties');
    expect(properties).not.toHaveProperty('cluster');
    expect(at(properties, 'highAvailability')).toEqual({ mode: 'ZoneRedundant', state: 'Healthy' });
  });

  it('moves a server between zones, as a failover does, to another region, and to another major', async () => {
    await tell({
      properties: {
        availabilityZone: '3',
        highAvailability: { standbyAvailabilityZone: '1' },
        version: '16',
      },
      location: 'North Europe',
    });
    const server = await shown();
    expect(server['location']).toBe('North Europe');
    expect(server['properties']).toMatchObject({
      availabilityZone: '3',
      version: '16',
      highAvailability: { mode: 'ZoneRedundant', standbyAvailabilityZone: '1' },
    });
    const { json } = await control(bench.emulator, 'GET', 'state');
    expect(at(json, 'servers', 'drifting', 'location')).toBe('North Europe');
  });

  it('sets server parameters in PostgreSQL itself, and resets them by null', async () => {
    expect((await tell({ parameters: { work_mem: '8192', max_connections: 60 } })).status).toBe(200);
    const read = async (name: string): Promise<unknown> => {
      const path = bench.arm.server('drifting', `/configurations/${name}`);
      return (await bench.arm.send('GET', path)).json['properties'];
    };
    expect(await read('work_mem')).toMatchObject({ value: '8192', source: 'user-override' });
    expect(await read('max_connections')).toMatchObject({ value: '60' });
  });

  it.each<[string, JsonObject]>([
    ['a region', { location: 'Atlantis' }],
    ['a server parameter', { parameters: { nonsense: '1' } }],
    ['a rule without a range', { rules: { office: {} } }],
  ])('refuses %s that there is not', async (_what, change) => {
    const answer = await tell(change);
    expect([answer.status, typeof answer.json['error']]).toEqual([400, 'string']);
  });

  it('cannot set a parameter of a server that does not run', async () => {
    await tell({ properties: { state: 'Stopped' } });
    expect((await tell({ parameters: { work_mem: '8192' } })).status).toBe(400);
  });
});

describe('two thousand firewall rules', () => {
  const count = 2000;
  const rules = Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`Rule-${n}`, { startIpAddress: `10.0.${n >> 8}.${n & 255}` }]),
  );

  async function allPages(arm: Arm, path: string): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let url: string | undefined = path; url !== undefined; ) {
      const { status, json }: Answer = await arm.send('GET', url);
      expect(status).toBe(200);
      const { value, nextLink } = json;
      if (!Array.isArray(value) || value.length === 0) throw new Error('A page without entries.');
      expect(value.length).toBeLessThanOrEqual(100);
      found.push(...value);
      url = typeof nextLink === 'string' ? nextLink : undefined;
    }
    return found;
  }

  it('are set by one call, listed in order over pages, found by any spelling, and removed', async () => {
    const { arm } = bench;
    await arm.makeServer('crowded');
    const path = (rest: string) => arm.server('crowded', rest);
    const change = (all: JsonObject) =>
      control(bench.emulator, 'PATCH', 'state', { server: 'crowded', rules: all });
    expect((await change(rules)).status).toBe(200);
    const listed = await allPages(arm, path('/firewallRules'));
    expect(listed.map((entry) => at(entry, 'name'))).toEqual(Object.keys(rules));
    expect(bench.postgres.made.get('crowded')?.rules.size).toBe(count);
    const found = await arm.send('GET', path('/firewallRules/RULE-1999'));
    expect([found.json['name'], at(found.json, 'properties', 'startIpAddress')]).toEqual([
      'Rule-1999',
      '10.0.7.207',
    ]);
    await change(Object.fromEntries(Object.keys(rules).map((name) => [name.toLowerCase(), null])));
    expect((await arm.send('GET', path('/firewallRules'))).json['value']).toEqual([]);
    expect(bench.postgres.made.get('crowded')?.rules.size).toBe(0);
  });

  it('are each looked up without a look at the others', () => {
    const map = new NameMap<number>();
    // Names are compared in lower case: whoever goes through them all does so for each.
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
