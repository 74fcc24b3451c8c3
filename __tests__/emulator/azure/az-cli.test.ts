import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import type { ArmClient } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { valueAt } from '../../helpers/emulator/http-client.ts';

const commonProperties = {
  administratorLogin: 'remoteelk1',
  administratorLoginPassword: 'Yd4Dz_P7xrAyouImQUfKSA',
  createMode: 'Create',
  authConfig: { activeDirectoryAuth: 'Disabled', passwordAuth: 'Enabled' },
  backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
  highAvailability: { mode: 'Disabled' },
};

/** The bodies of `az postgres flexible-server create` without options: of 2.45 from its source, of 2.86 as recorded. */
const recordedBodies: [string, string, JsonObject][] = [
  [
    '2.45',
    '2022-12-01',
    {
      location: 'canadacentral',
      sku: { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' },
      properties: { ...commonProperties, version: '18', storage: { storageSizeGB: 128 }, network: {} },
    },
  ],
  [
    '2.86',
    '2026-01-01-preview',
    {
      location: 'canadacentral',
      sku: { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' },
      properties: {
        ...commonProperties,
        version: '18',
        storage: { storageSizeGB: 128, autoGrow: 'Disabled' },
        network: { publicNetworkAccess: 'Enabled' },
      },
    },
  ],
];

describe.each(recordedBodies)('the az CLI %s', (release, version, body) => {
  const name = `az-${release.replace('.', '-')}`;
  const path = (arm: ArmClient, rest = '') => `${arm.serverPath(name, rest)}?api-version=${version}`;

  test('creates a server with its defaults, which GET shows', async ({ arm }) => {
    await arm.send('PUT', `${arm.subscriptionPath}/resourceGroups/rg?api-version=2025-04-01`, {
      location: 'canadacentral',
    });
    const end = await arm.sendAndWait('PUT', path(arm), body);
    expect(end.json['status']).toBe('Succeeded');
    const { json } = await arm.send('GET', arm.serverPath(name));
    expect(json).toMatchObject({ location: 'Canada Central', sku: body['sku'] });
    expect(json['properties']).toEqual({
      replica: { role: 'Primary', capacity: 5 },
      storage: { type: '', iops: 500, tier: 'P10', storageSizeGB: 128, autoGrow: 'Disabled' },
      network: { publicNetworkAccess: 'Enabled' },
      privateEndpointConnections: [],
      dataEncryption: { type: 'SystemManaged' },
      authConfig: { activeDirectoryAuth: 'Disabled', passwordAuth: 'Enabled' },
      fullyQualifiedDomainName: '127.0.0.1',
      version: '18',
      minorVersion: '0',
      administratorLogin: 'remoteelk1',
      state: 'Ready',
      availabilityZone: '1',
      backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
      highAvailability: { mode: 'Disabled', state: 'NotEnabled' },
      maintenanceWindow: { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 },
      replicationRole: 'Primary',
      replicaCapacity: 5,
    });
  });

  test('updates the server by sending all properties with the changed ones', async ({ arm }) => {
    const { json } = await arm.send('GET', path(arm));
    const { properties, sku } = json;
    const { availabilityZone, authConfig, backup, network, maintenanceWindow } = properties as JsonObject;
    const storage = { storageSizeGB: 256, autoGrow: 'Disabled' };
    const end = await arm.sendAndWait('PATCH', path(arm), {
      sku,
      properties: { availabilityZone, authConfig, backup, network, maintenanceWindow, storage },
    });
    expect(end.json['status']).toBe('Succeeded');
    const after = (await arm.send('GET', path(arm))).json;
    expect(valueAt(after, 'properties', 'storage', 'storageSizeGB')).toBe(256);
  });
});

test('the az CLI reads the capabilities of the server before an update', async ({ arm }) => {
  const { status, json } = await arm.send('GET', arm.serverPath('az-2-86', '/capabilities'));
  expect(status).toBe(200);
  const [capability] = json['value'] as unknown[];
  expect(valueAt(capability, 'supportedFeatures')).toContainEqual({ name: 'Clusters', status: 'Enabled' });
  expect((await arm.send('GET', arm.serverPath('missing', '/capabilities'))).status).toBe(404);
});

test('api-version 2026-01-01-preview has its own order of the members', async ({ arm }) => {
  const path = `${arm.serverPath('az-2-86')}?api-version=2026-01-01-preview`;
  const { json } = await arm.send('GET', path);
  expect(Object.keys(json['properties'] as object).slice(0, 3)).toEqual([
    'dataEncryption',
    'replica',
    'storage',
  ]);
});
