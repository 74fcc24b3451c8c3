import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import { type ArmClient, defaultServer, errorCode } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { type HttpResponse, valueAt } from '../../helpers/emulator/http-client.ts';

// The facts are from azure-cli's recording of 2026-04-22 (test_elastic_clusters_mgmt).

function clusterServerBody(cluster: object, properties: object = {}): JsonObject {
  return { ...defaultServer, properties: { ...defaultServer.properties, ...properties, cluster } };
}

async function propertiesOf(arm: ArmClient, name: string, version = '2025-08-01'): Promise<unknown> {
  const path = `${arm.serverPath(name)}?api-version=${version}`;
  return valueAt((await arm.send('GET', path)).json, 'properties');
}

async function clusterSizeOf(arm: ArmClient, name: string): Promise<unknown> {
  return valueAt(await propertiesOf(arm, name), 'cluster', 'clusterSize');
}

function resizeCluster(arm: ArmClient, name: string, clusterSize: unknown): Promise<HttpResponse> {
  return arm.sendAndWait('PATCH', arm.serverPath(name), { properties: { cluster: { clusterSize } } });
}

describe('a new elastic cluster', () => {
  test('shows size and database, and no property of single servers, also on Burstable', async ({ arm }) => {
    await arm.createServer('clustered', clusterServerBody({ clusterSize: 2 }));
    const properties = await propertiesOf(arm, 'clustered');
    expect(properties).toMatchObject({
      cluster: { clusterSize: 2, defaultDatabaseName: 'postgres' },
      highAvailability: { mode: 'Disabled' },
      replica: { role: 'Primary', replicationState: 'Active' },
    });
    for (const member of ['minorVersion', 'replicaCapacity']) expect(properties).not.toHaveProperty(member);
    expect(properties).not.toHaveProperty('highAvailability.state');
    expect((await arm.send('GET', arm.serverPath('clustered'))).json).toMatchObject({
      sku: { tier: 'Burstable' },
    });
  });

  test('gets the requested database, and no other through ARM', async ({ arm }) => {
    await arm.createServer('named', clusterServerBody({ clusterSize: 4, defaultDatabaseName: 'stars' }));
    const stars = await arm.send('GET', arm.serverPath('named', '/databases/stars'));
    expect([stars.status, valueAt(stars.json, 'properties', 'charset')]).toEqual([200, 'UTF8']);
    const more = await arm.send('PUT', arm.serverPath('named', '/databases/more'), { properties: {} });
    expect([more.status, errorCode(more)]).toEqual([400, 'InvalidParameterValue']);
    const again = await arm.sendAndWait('PUT', arm.serverPath('named', '/databases/stars'), {
      properties: {},
    });
    expect(again.json['status']).toBe('Succeeded');
  });

  test('has its own name of the operation', async ({ arm }) => {
    const accepted = await arm.send('PUT', arm.serverPath('another'), clusterServerBody({ clusterSize: 1 }));
    expect(accepted.json['operation']).toBe('UpsertFlexClusterManagementOperation');
    await arm.waitForOperation(accepted);
    const plain = await arm.send('PUT', arm.serverPath('plain'), clusterServerBody({ clusterSize: 0 }));
    expect(plain.json['operation']).toBe('UpsertServerManagementOperationV2');
    await arm.waitForOperation(plain);
    expect(await propertiesOf(arm, 'plain')).not.toHaveProperty('cluster');
    expect(await propertiesOf(arm, 'plain')).toHaveProperty('minorVersion');
  });

  test('is shown since 2025-01-01-preview, and its database since 2025-06-01-preview', async ({ arm }) => {
    expect(await propertiesOf(arm, 'named', '2024-08-01')).not.toHaveProperty('cluster');
    expect(valueAt(await propertiesOf(arm, 'named', '2025-01-01-preview'), 'cluster')).toEqual({
      clusterSize: 4,
    });
    const path = `${arm.serverPath('older')}?api-version=2024-08-01`;
    await arm.sendAndWait('PUT', path, clusterServerBody({ clusterSize: 2 }));
    expect(await propertiesOf(arm, 'older')).not.toHaveProperty('cluster');
  });

  test.for<[string, JsonObject, string]>([
    ['a size that is not a number', clusterServerBody({ clusterSize: 'two' }), 'InvalidParameterValue'],
    ['half a node', clusterServerBody({ clusterSize: 1.5 }), 'InvalidParameterValue'],
    [
      'an invalid database name',
      clusterServerBody({ clusterSize: 2, defaultDatabaseName: '1st' }),
      'InvalidParameterValue',
    ],
    [
      'a virtual network',
      clusterServerBody(
        { clusterSize: 2 },
        { network: { delegatedSubnetResourceId: '/subscriptions/s/subnets/n' } },
      ),
      'InvalidParameterValue',
    ],
  ])('is refused with %s', async ([_what, wrong, code], { arm }) => {
    const answer = await arm.send('PUT', arm.serverPath('wrong'), wrong);
    expect([answer.status, errorCode(answer)]).toEqual([400, code]);
  });

  test.for([
    ['more nodes than 20', clusterServerBody({ clusterSize: 21 }), 'UnsupportedValue'],
    [
      'automatic growth of the storage',
      clusterServerBody({ clusterSize: 2 }, { storage: { autoGrow: 'Enabled' } }),
      'ClusterStorageAutoGrowIsDisabled',
    ],
  ])('is accepted and fails with %s', async ([_what, wrong, code], { arm }) => {
    const end = await arm.sendAndWait('PUT', arm.serverPath('failing'), wrong);
    expect([end.json['status'], valueAt(end.json, 'error', 'code')]).toEqual(['Failed', code]);
    expect((await arm.send('GET', arm.serverPath('failing'))).status).toBe(404);
  });
});

describe('an existing elastic cluster', () => {
  test('grows', async ({ arm }) => {
    await resizeCluster(arm, 'clustered', 4);
    expect(await clusterSizeOf(arm, 'clustered')).toBe(4);
  });

  test('silently ignores a smaller number of nodes', async ({ arm }) => {
    for (const fewer of [1, 0]) {
      expect((await resizeCluster(arm, 'clustered', fewer)).json['status']).toBe('Succeeded');
      expect(await clusterSizeOf(arm, 'clustered')).toBe(4);
    }
  });

  test('fails with the recorded errors, and stays Ready and unchanged', async ({ arm }) => {
    const { json } = await resizeCluster(arm, 'clustered', 21);
    expect([json['status'], json['error']]).toEqual([
      'Failed',
      { code: 'UnsupportedValue', message: 'Unsupported value 21 for parameter NumberOfNodes' },
    ]);
    const growing = { properties: { storage: { autoGrow: 'Enabled' }, backup: { backupRetentionDays: 9 } } };
    const end = await arm.sendAndWait('PATCH', arm.serverPath('clustered'), growing);
    expect(end.json['error']).toEqual({
      code: 'ClusterStorageAutoGrowIsDisabled',
      message: 'Cannot enable storage autogrow.',
    });
    expect(await propertiesOf(arm, 'clustered')).toMatchObject({
      cluster: { clusterSize: 4 },
      backup: { backupRetentionDays: 7 },
      state: 'Ready',
    });
  });

  test('cannot change the name of its database, and a single server cannot become a cluster', async ({
    arm,
  }) => {
    const renamed = await arm.send('PATCH', arm.serverPath('clustered'), {
      properties: { cluster: { defaultDatabaseName: 'moons' } },
    });
    expect([renamed.status, errorCode(renamed)]).toEqual([400, 'InvalidParameterValue']);
    const turned = await arm.send('PATCH', arm.serverPath('plain'), {
      properties: { cluster: { clusterSize: 2 } },
    });
    expect([turned.status, errorCode(turned)]).toEqual([400, 'InvalidParameterValue']);
    await arm.sendAndWait('PUT', arm.serverPath('clustered'), defaultServer);
    expect(await clusterSizeOf(arm, 'clustered')).toBe(4);
  });
});
