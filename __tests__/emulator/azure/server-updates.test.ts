import { describe, expect, it } from 'vitest';
import { codeOf, messageOf, tutorial } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, at } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator();

/** What a server of several zones is made of, unlike the tutorial's burstable one. */
const large = { sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' } };

function made(name: string, properties: object = {}, more: object = large): Promise<void> {
  return bench.arm.makeServer(name, { ...more, properties: { ...tutorial.properties, ...properties } });
}

function patch(name: string, properties: object): Promise<Answer> {
  return bench.arm.complete('PATCH', bench.arm.server(name), { properties });
}

async function refusal(name: string, properties: object): Promise<unknown[]> {
  const answer = await bench.arm.send('PATCH', bench.arm.server(name), { properties });
  return [answer.status, codeOf(answer)];
}

async function shown(name: string, property: string): Promise<unknown> {
  return at((await bench.arm.send('GET', bench.arm.server(name))).json, 'properties', property);
}

describe('high availability', () => {
  const zoneRedundant = (standbyAvailabilityZone: string) => ({
    mode: 'ZoneRedundant',
    state: 'Healthy',
    standbyAvailabilityZone,
  });

  it('of a new server takes another zone for the standby, as recorded (azure-cli)', async () => {
    await made('zoned', { highAvailability: { mode: 'ZoneRedundant' } });
    expect(await shown('zoned', 'availabilityZone')).toBe('1');
    expect(await shown('zoned', 'highAvailability')).toEqual(zoneRedundant('2'));
  });

  it('of a new server keeps to the zones that were asked for, and chooses the other one by them', async () => {
    await made('asked', {
      availabilityZone: '2',
      highAvailability: { mode: 'zoneredundant', standbyAvailabilityZone: '3' },
    });
    expect(await shown('asked', 'highAvailability')).toEqual(zoneRedundant('3'));
    await made('standby-only', {
      highAvailability: { mode: 'ZoneRedundant', standbyAvailabilityZone: '1' },
    });
    expect(await shown('standby-only', 'availabilityZone')).toBe('2');
  });

  it('switched by PATCH shows the standby’s zone of each mode, and none where it is off', async () => {
    await made('switching', { availabilityZone: '2' });
    const switched = async (highAvailability: object): Promise<unknown> => {
      await patch('switching', { highAvailability });
      return shown('switching', 'highAvailability');
    };
    expect(await shown('switching', 'highAvailability')).toEqual({ mode: 'Disabled', state: 'NotEnabled' });
    expect(await switched({ mode: 'ZoneRedundant' })).toEqual(zoneRedundant('1'));
    expect(await switched({ mode: 'ZoneRedundant' })).toEqual(zoneRedundant('1'));
    // Azure/ARO-HCP#7058: from one kind of standby to the other by none.
    const properties = { highAvailability: { mode: 'SameZone' } };
    const refused = await bench.arm.send('PATCH', bench.arm.server('switching'), { properties });
    expect([refused.status, codeOf(refused)]).toEqual([400, 'InvalidParameterValue']);
    expect(await switched({ mode: 'Disabled' })).toEqual({ mode: 'Disabled', state: 'NotEnabled' });
    expect(await switched({ mode: 'SameZone' })).toEqual({ ...zoneRedundant('2'), mode: 'SameZone' });
    expect(await switched({ mode: 'Disabled' })).toEqual({ mode: 'Disabled', state: 'NotEnabled' });
    expect(await switched({ mode: 'ZoneRedundant', standbyAvailabilityZone: '3' })).toEqual(
      zoneRedundant('3'),
    );
    await patch('switching', { backup: { backupRetentionDays: 14 } });
    expect(await shown('switching', 'highAvailability')).toEqual(zoneRedundant('3'));
  });

  it('refuses a standby in the server’s own zone, without a mode, or moved by hand (azure-cli#32559)', async () => {
    await made('picky', { availabilityZone: '2' });
    for (const highAvailability of [
      { mode: 'ZoneRedundant', standbyAvailabilityZone: '2' },
      { mode: 'SameZone', standbyAvailabilityZone: '1' },
      { standbyAvailabilityZone: '1' },
    ]) {
      const answer = await bench.arm.send('PATCH', bench.arm.server('picky'), {
        properties: { highAvailability },
      });
      expect([answer.status, codeOf(answer), messageOf(answer)]).toEqual([
        400,
        'InvalidParameterValue',
        'Invalid value given for parameter StandbyAvailabilityZone,availabilityZone. Specify a valid parameter value.',
      ]);
    }
    await patch('picky', { highAvailability: { mode: 'ZoneRedundant' } });
    const moved = { highAvailability: { standbyAvailabilityZone: '3' } };
    expect(await refusal('picky', moved)).toEqual([400, 'InvalidParameterValue']);
  });

  it('stands in the way of a tier that has none', async () => {
    const burstable = { sku: { name: 'Standard_B1ms', tier: 'Burstable' } };
    const answer = await bench.arm.send('PATCH', bench.arm.server('picky'), burstable);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'ParameterOutOfRange']);
  });
});

describe('the maintenance window (facts.md §1: read and update)', () => {
  const window = { customWindow: 'Enabled', dayOfWeek: 6, startHour: 23, startMinute: 59 };
  const none = { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 };

  it('is ignored by a creation, set by a PATCH, and kept by what leaves it out', async () => {
    await made('kept', { maintenanceWindow: window });
    expect(await shown('kept', 'maintenanceWindow')).toEqual(none);
    await patch('kept', { maintenanceWindow: window });
    expect(await shown('kept', 'maintenanceWindow')).toEqual(window);
    await patch('kept', { maintenanceWindow: { startHour: 3 } });
    await patch('kept', { storage: { storageSizeGB: 64 } });
    const { storage: _storage, ...properties } = tutorial.properties;
    await bench.arm.complete('PUT', bench.arm.server('kept'), { ...tutorial, ...large, properties });
    expect(await shown('kept', 'maintenanceWindow')).toEqual({ ...window, startHour: 3 });
  });

  it('shows zeros once it is Azure’s to choose', async () => {
    await patch('kept', { maintenanceWindow: { customWindow: 'Disabled' } });
    expect(await shown('kept', 'maintenanceWindow')).toEqual(none);
    await patch('kept', { maintenanceWindow: { dayOfWeek: 3 } });
    expect(await shown('kept', 'maintenanceWindow')).toEqual(none);
  });

  it.each([
    { dayOfWeek: 7 },
    { dayOfWeek: -1 },
    { startHour: 24 },
    { startMinute: 60 },
    { startMinute: 0.5 },
    { startHour: '3' },
    { customWindow: 'Sometimes' },
  ])('refuses %j', async (wrong) => {
    const properties = { maintenanceWindow: { ...window, ...wrong } };
    expect(await refusal('kept', properties)).toEqual([400, 'ParameterOutOfRange']);
  });
});

describe('public access', () => {
  const inside = { delegatedSubnetResourceId: '/subscriptions/s/subnets/n' };
  const conflict = [400, 'ConflictingPublicNetworkAccessAndVirtualNetworkConfiguration'];

  it('switched by PATCH closes and opens the gate, and leaves the rules', async () => {
    await made('open');
    const rule = { properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' } };
    await bench.arm.complete('PUT', bench.arm.server('open', '/firewallRules/office'), rule);
    const gate = () => bench.postgres.made.get('open')?.rules.size;
    await patch('open', { network: { publicNetworkAccess: 'disabled' } });
    expect([await shown('open', 'network'), gate()]).toEqual([{ publicNetworkAccess: 'Disabled' }, 0]);
    await patch('open', { network: { publicNetworkAccess: 'Enabled' } });
    expect([await shown('open', 'network'), gate()]).toEqual([{ publicNetworkAccess: 'Enabled' }, 1]);
  });

  it('cannot be had inside a virtual network, neither from the start nor later', async () => {
    const network = { ...inside, publicNetworkAccess: 'Enabled' };
    const created = await bench.arm.send('PUT', bench.arm.server('hidden'), {
      ...tutorial,
      properties: { ...tutorial.properties, network },
    });
    expect([created.status, codeOf(created)]).toEqual(conflict);
    await made('hidden', { network: inside });
    expect(await refusal('hidden', { network: { publicNetworkAccess: 'Enabled' } })).toEqual(conflict);
    // As the az CLI does it, which sends the whole of the network with every update.
    await patch('hidden', { network: { ...inside, publicNetworkAccess: 'Disabled' } });
    expect(await shown('hidden', 'network')).toEqual({ ...inside, publicNetworkAccess: 'Disabled' });
  });
});

describe('authentication', () => {
  it('by Entra is switched on with the subscription’s own tenant, as recorded, or the one that is sent', async () => {
    await made('entra');
    await patch('entra', { authConfig: { activeDirectoryAuth: 'Enabled' } });
    const authConfig = {
      activeDirectoryAuth: 'Enabled',
      passwordAuth: 'Enabled',
      tenantId: bench.emulator.ready.env['AZURE_TENANT_ID'],
    };
    expect(await shown('entra', 'authConfig')).toEqual(authConfig);
    const tenantId = '11111111-2222-4333-8444-555555555555';
    await patch('entra', { authConfig: { tenantId } });
    expect(await shown('entra', 'authConfig')).toEqual({ ...authConfig, tenantId });
  });

  it('needs one way in, and the password with password authentication (facts.md §3)', async () => {
    const neither = { activeDirectoryAuth: 'Disabled', passwordAuth: 'Disabled' };
    expect(await refusal('entra', { authConfig: neither })).toEqual([400, 'InvalidParameterValue']);
    await patch('entra', { authConfig: { passwordAuth: 'Disabled' } });
    const alone = { authConfig: { activeDirectoryAuth: 'Disabled' } };
    expect(await refusal('entra', alone)).toEqual([400, 'InvalidParameterValue']);
    const on = { authConfig: { passwordAuth: 'Enabled' } };
    expect(await refusal('entra', on)).toEqual([400, 'EngineCredentialsNotProvided']);
    await patch('entra', { ...on, administratorLoginPassword: 'AnotherPassword!2' });
    expect(bench.postgres.made.get('entra')?.password).toBe('AnotherPassword!2');
  });

  it('by password switched off shuts out the administrator, also from the start', async () => {
    await patch('entra', { authConfig: { passwordAuth: 'Disabled' } });
    expect(bench.postgres.made.get('entra')?.password).not.toBe('AnotherPassword!2');
    const authConfig = { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled' };
    await made('entra-only', { authConfig });
    const known = tutorial.properties.administratorLoginPassword;
    expect(bench.postgres.made.get('entra-only')?.password).not.toBe(known);
  });
});

describe('what is left', () => {
  it('tags are replaced as a whole by a PATCH that has them, and kept by one that has not', async () => {
    await made('tagged', {}, { ...large, tags: { team: 'space', owner: 'nobody' } });
    const { arm } = bench;
    await arm.complete('PATCH', arm.server('tagged'), { tags: { team: 'mars' } });
    await patch('tagged', { backup: { backupRetentionDays: 8 } });
    expect((await arm.send('GET', arm.server('tagged'))).json['tags']).toEqual({ team: 'mars' });
  });

  it('a geo-redundant backup is chosen at the creation alone; saying what it is already is no change', async () => {
    expect(await refusal('tagged', { backup: { geoRedundantBackup: 'Enabled' } })).toEqual([
      400,
      'InvalidParameterValue',
    ]);
    await patch('tagged', { backup: { backupRetentionDays: 35, geoRedundantBackup: 'disabled' } });
    expect(await shown('tagged', 'backup')).toEqual({
      backupRetentionDays: 35,
      geoRedundantBackup: 'Disabled',
    });
  });
});
