import { describe, expect } from 'vitest';
import { type ArmClient, defaultServer, errorCode, errorMessage } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { type HttpResponse, valueAt } from '../../helpers/emulator/http-client.ts';

/** A server that can have high availability, unlike the default server, which is burstable. */
const largeSku = { sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' } };

function createServerWith(
  arm: ArmClient,
  name: string,
  properties: object = {},
  more: object = largeSku,
): Promise<void> {
  return arm.createServer(name, { ...more, properties: { ...defaultServer.properties, ...properties } });
}

function patchProperties(arm: ArmClient, name: string, properties: object): Promise<HttpResponse> {
  return arm.sendAndWait('PATCH', arm.serverPath(name), { properties });
}

async function patchError(arm: ArmClient, name: string, properties: object): Promise<unknown[]> {
  const answer = await arm.send('PATCH', arm.serverPath(name), { properties });
  return [answer.status, errorCode(answer)];
}

async function getProperty(arm: ArmClient, name: string, property: string): Promise<unknown> {
  return valueAt((await arm.send('GET', arm.serverPath(name))).json, 'properties', property);
}

describe('high availability', () => {
  const zoneRedundant = (standbyAvailabilityZone: string) => ({
    mode: 'ZoneRedundant',
    state: 'Healthy',
    standbyAvailabilityZone,
  });

  test('of a new server takes another zone for the standby, as recorded (azure-cli)', async ({ arm }) => {
    await createServerWith(arm, 'zoned', { highAvailability: { mode: 'ZoneRedundant' } });
    expect(await getProperty(arm, 'zoned', 'availabilityZone')).toBe('1');
    expect(await getProperty(arm, 'zoned', 'highAvailability')).toEqual(zoneRedundant('2'));
  });

  test('of a new server uses the requested zones, and chooses the other zone from them', async ({ arm }) => {
    await createServerWith(arm, 'asked', {
      availabilityZone: '2',
      highAvailability: { mode: 'zoneredundant', standbyAvailabilityZone: '3' },
    });
    expect(await getProperty(arm, 'asked', 'highAvailability')).toEqual(zoneRedundant('3'));
    await createServerWith(arm, 'standby-only', {
      highAvailability: { mode: 'ZoneRedundant', standbyAvailabilityZone: '1' },
    });
    expect(await getProperty(arm, 'standby-only', 'availabilityZone')).toBe('2');
  });

  test('changed by PATCH shows the standby’s zone of each mode, and none if it is disabled', async ({
    arm,
  }) => {
    await createServerWith(arm, 'switching', { availabilityZone: '2' });
    const switched = async (highAvailability: object): Promise<unknown> => {
      await patchProperties(arm, 'switching', { highAvailability });
      return getProperty(arm, 'switching', 'highAvailability');
    };
    expect(await getProperty(arm, 'switching', 'highAvailability')).toEqual({
      mode: 'Disabled',
      state: 'NotEnabled',
    });
    expect(await switched({ mode: 'ZoneRedundant' })).toEqual(zoneRedundant('1'));
    expect(await switched({ mode: 'ZoneRedundant' })).toEqual(zoneRedundant('1'));
    // Azure/ARO-HCP#7058: `Disabled` must come between the two other modes.
    const properties = { highAvailability: { mode: 'SameZone' } };
    const refused = await arm.send('PATCH', arm.serverPath('switching'), { properties });
    expect([refused.status, errorCode(refused)]).toEqual([400, 'InvalidParameterValue']);
    expect(await switched({ mode: 'Disabled' })).toEqual({ mode: 'Disabled', state: 'NotEnabled' });
    expect(await switched({ mode: 'SameZone' })).toEqual({ ...zoneRedundant('2'), mode: 'SameZone' });
    expect(await switched({ mode: 'Disabled' })).toEqual({ mode: 'Disabled', state: 'NotEnabled' });
    expect(await switched({ mode: 'ZoneRedundant', standbyAvailabilityZone: '3' })).toEqual(
      zoneRedundant('3'),
    );
    await patchProperties(arm, 'switching', { backup: { backupRetentionDays: 14 } });
    expect(await getProperty(arm, 'switching', 'highAvailability')).toEqual(zoneRedundant('3'));
  });

  test('refuses a standby in the server’s own zone, without a mode, or moved manually (azure-cli#32559)', async ({
    arm,
  }) => {
    await createServerWith(arm, 'picky', { availabilityZone: '2' });
    for (const highAvailability of [
      { mode: 'ZoneRedundant', standbyAvailabilityZone: '2' },
      { mode: 'SameZone', standbyAvailabilityZone: '1' },
      { standbyAvailabilityZone: '1' },
    ]) {
      const answer = await arm.send('PATCH', arm.serverPath('picky'), {
        properties: { highAvailability },
      });
      expect([answer.status, errorCode(answer), errorMessage(answer)]).toEqual([
        400,
        'InvalidParameterValue',
        'Invalid value given for parameter StandbyAvailabilityZone,availabilityZone. Specify a valid parameter value.',
      ]);
    }
    await patchProperties(arm, 'picky', { highAvailability: { mode: 'ZoneRedundant' } });
    const moved = { highAvailability: { standbyAvailabilityZone: '3' } };
    expect(await patchError(arm, 'picky', moved)).toEqual([400, 'InvalidParameterValue']);
  });

  test('prevents a change to a tier without high availability', async ({ arm }) => {
    const burstable = { sku: { name: 'Standard_B1ms', tier: 'Burstable' } };
    const answer = await arm.send('PATCH', arm.serverPath('picky'), burstable);
    expect([answer.status, errorCode(answer)]).toEqual([400, 'ParameterOutOfRange']);
  });
});

describe('the maintenance window', () => {
  const window = { customWindow: 'Enabled', dayOfWeek: 6, startHour: 23, startMinute: 59 };
  const none = { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 };

  test('is ignored by a creation, set by a PATCH, and not changed by an update without it', async ({
    arm,
  }) => {
    await createServerWith(arm, 'kept', { maintenanceWindow: window });
    expect(await getProperty(arm, 'kept', 'maintenanceWindow')).toEqual(none);
    await patchProperties(arm, 'kept', { maintenanceWindow: window });
    expect(await getProperty(arm, 'kept', 'maintenanceWindow')).toEqual(window);
    await patchProperties(arm, 'kept', { maintenanceWindow: { startHour: 3 } });
    await patchProperties(arm, 'kept', { storage: { storageSizeGB: 64 } });
    const { storage: _storage, ...properties } = defaultServer.properties;
    await arm.sendAndWait('PUT', arm.serverPath('kept'), { ...defaultServer, ...largeSku, properties });
    expect(await getProperty(arm, 'kept', 'maintenanceWindow')).toEqual({ ...window, startHour: 3 });
  });

  test('shows zeros when Azure chooses it', async ({ arm }) => {
    await patchProperties(arm, 'kept', { maintenanceWindow: { customWindow: 'Disabled' } });
    expect(await getProperty(arm, 'kept', 'maintenanceWindow')).toEqual(none);
    await patchProperties(arm, 'kept', { maintenanceWindow: { dayOfWeek: 3 } });
    expect(await getProperty(arm, 'kept', 'maintenanceWindow')).toEqual(none);
  });

  test.for([
    { dayOfWeek: 7 },
    { dayOfWeek: -1 },
    { startHour: 24 },
    { startMinute: 60 },
    { startMinute: 0.5 },
    { startHour: '3' },
    { customWindow: 'Sometimes' },
  ])('refuses %j', async (wrong, { arm }) => {
    const properties = { maintenanceWindow: { ...window, ...wrong } };
    expect(await patchError(arm, 'kept', properties)).toEqual([400, 'ParameterOutOfRange']);
  });
});

describe('public access', () => {
  const inside = { delegatedSubnetResourceId: '/subscriptions/s/subnets/n' };
  const conflict = [400, 'ConflictingPublicNetworkAccessAndVirtualNetworkConfiguration'];

  test('changed by PATCH closes and opens the firewall, and keeps the rules', async ({ arm, postgres }) => {
    await createServerWith(arm, 'open');
    const rule = { properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' } };
    await arm.sendAndWait('PUT', arm.serverPath('open', '/firewallRules/office'), rule);
    const ruleCount = () => postgres.servers.get('open')?.rules.size;
    await patchProperties(arm, 'open', { network: { publicNetworkAccess: 'disabled' } });
    expect([await getProperty(arm, 'open', 'network'), ruleCount()]).toEqual([
      { publicNetworkAccess: 'Disabled' },
      0,
    ]);
    await patchProperties(arm, 'open', { network: { publicNetworkAccess: 'Enabled' } });
    expect([await getProperty(arm, 'open', 'network'), ruleCount()]).toEqual([
      { publicNetworkAccess: 'Enabled' },
      1,
    ]);
  });

  test('is not possible in a virtual network, at the creation or later', async ({ arm }) => {
    const network = { ...inside, publicNetworkAccess: 'Enabled' };
    const created = await arm.send('PUT', arm.serverPath('hidden'), {
      ...defaultServer,
      properties: { ...defaultServer.properties, network },
    });
    expect([created.status, errorCode(created)]).toEqual(conflict);
    await createServerWith(arm, 'hidden', { network: inside });
    expect(await patchError(arm, 'hidden', { network: { publicNetworkAccess: 'Enabled' } })).toEqual(
      conflict,
    );
    // Like the az CLI, which sends the whole network with every update.
    await patchProperties(arm, 'hidden', { network: { ...inside, publicNetworkAccess: 'Disabled' } });
    expect(await getProperty(arm, 'hidden', 'network')).toEqual({
      ...inside,
      publicNetworkAccess: 'Disabled',
    });
  });
});

describe('authentication', () => {
  test('with Entra shows the tenant of the subscription, as recorded, or the one in the request', async ({
    arm,
    emulator,
  }) => {
    await createServerWith(arm, 'entra');
    await patchProperties(arm, 'entra', { authConfig: { activeDirectoryAuth: 'Enabled' } });
    const authConfig = {
      activeDirectoryAuth: 'Enabled',
      passwordAuth: 'Enabled',
      tenantId: emulator.readyLine.env['AZURE_TENANT_ID'],
    };
    expect(await getProperty(arm, 'entra', 'authConfig')).toEqual(authConfig);
    const tenantId = '11111111-2222-4333-8444-555555555555';
    await patchProperties(arm, 'entra', { authConfig: { tenantId } });
    expect(await getProperty(arm, 'entra', 'authConfig')).toEqual({ ...authConfig, tenantId });
  });

  test('needs at least one method, and password authentication needs the password', async ({
    arm,
    postgres,
  }) => {
    const neither = { activeDirectoryAuth: 'Disabled', passwordAuth: 'Disabled' };
    expect(await patchError(arm, 'entra', { authConfig: neither })).toEqual([400, 'InvalidParameterValue']);
    await patchProperties(arm, 'entra', { authConfig: { passwordAuth: 'Disabled' } });
    const alone = { authConfig: { activeDirectoryAuth: 'Disabled' } };
    expect(await patchError(arm, 'entra', alone)).toEqual([400, 'InvalidParameterValue']);
    const on = { authConfig: { passwordAuth: 'Enabled' } };
    expect(await patchError(arm, 'entra', on)).toEqual([400, 'EngineCredentialsNotProvided']);
    await patchProperties(arm, 'entra', { ...on, administratorLoginPassword: 'AnotherPassword!2' });
    expect(postgres.servers.get('entra')?.password).toBe('AnotherPassword!2');
  });

  test('with a disabled password blocks the administrator, also from the creation on', async ({
    arm,
    postgres,
  }) => {
    await patchProperties(arm, 'entra', { authConfig: { passwordAuth: 'Disabled' } });
    expect(postgres.servers.get('entra')?.password).not.toBe('AnotherPassword!2');
    const authConfig = { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled' };
    await createServerWith(arm, 'entra-only', { authConfig });
    const known = defaultServer.properties.administratorLoginPassword;
    expect(postgres.servers.get('entra-only')?.password).not.toBe(known);
  });
});

describe('tags and backup', () => {
  test.for<[string, Record<string, string>, string]>([
    ['51 tags', Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`t${i}`, ''])), 'TagsLimitExceeded'],
    ...[...'<>%&\\?/\n'].map((character): [string, Record<string, string>, string] => [
      `the character ${JSON.stringify(character)} in a name`,
      { [`a${character}b`]: '' },
      'InvalidTagNameCharacters',
    ]),
    ['a name of 513 characters', { ['n'.repeat(513)]: '' }, 'InvalidTagName'],
    ['an empty name', { '': 'x' }, 'InvalidTagName'],
    ...['microsoft', 'Azure', 'WINDOWS'].map((prefix): [string, Record<string, string>, string] => [
      `the reserved prefix ${prefix}`,
      { [`${prefix}-x`]: '' },
      'InvalidTagName',
    ]),
    ['a value of 257 characters', { team: 'v'.repeat(257) }, 'InvalidTagValueLength'],
    ['two names that differ in case', { team: 'a', Team: 'b' }, 'InvalidRequestContent'],
  ])('%s are refused, also for a resource group', async ([_what, tags, code], { arm }) => {
    const body = { ...defaultServer, tags };
    const server = await arm.send('PUT', arm.serverPath('with-bad-tags'), body);
    expect([server.status, errorCode(server)]).toEqual([400, code]);
    const group = await arm.send(
      'PUT',
      `${arm.subscriptionPath}/resourceGroups/bad-tags?api-version=2021-04-01`,
      {
        location: 'westeurope',
        tags,
      },
    );
    expect([group.status, errorCode(group)]).toEqual([400, code]);
  });

  test('the largest tags are accepted', async ({ arm }) => {
    const names = ['n'.repeat(512), ...Array.from({ length: 49 }, (_, i) => `t${i}`)];
    const tags = Object.fromEntries(names.map((name) => [name, 'v'.repeat(256)]));
    const group = await arm.send(
      'PUT',
      `${arm.subscriptionPath}/resourceGroups/full-tags?api-version=2021-04-01`,
      {
        location: 'westeurope',
        tags,
      },
    );
    expect([group.status, group.json['tags']]).toEqual([201, tags]);
  });

  test('a PATCH with tags replaces all tags, and one without tags keeps them', async ({ arm }) => {
    await createServerWith(arm, 'tagged', {}, { ...largeSku, tags: { team: 'space', owner: 'nobody' } });
    await arm.sendAndWait('PATCH', arm.serverPath('tagged'), { tags: { team: 'mars' } });
    await patchProperties(arm, 'tagged', { backup: { backupRetentionDays: 8 } });
    expect((await arm.send('GET', arm.serverPath('tagged'))).json['tags']).toEqual({ team: 'mars' });
  });

  test('a geo-redundant backup can be set only at the creation, and the same value is accepted later', async ({
    arm,
  }) => {
    expect(await patchError(arm, 'tagged', { backup: { geoRedundantBackup: 'Enabled' } })).toEqual([
      400,
      'InvalidParameterValue',
    ]);
    await patchProperties(arm, 'tagged', {
      backup: { backupRetentionDays: 35, geoRedundantBackup: 'disabled' },
    });
    expect(await getProperty(arm, 'tagged', 'backup')).toEqual({
      backupRetentionDays: 35,
      geoRedundantBackup: 'Disabled',
    });
  });
});
