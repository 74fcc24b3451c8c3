import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/json.ts';
import { type Arm, codeOf, defaultServer } from '../../helpers/emulator/arm.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, at } from '../../helpers/emulator/http-client.ts';

// Elastic clusters as azure-cli's recording of 2026-04-22 has them (test_elastic_clusters_mgmt).

function body(cluster: object, properties: object = {}): JsonObject {
  return { ...defaultServer, properties: { ...defaultServer.properties, ...properties, cluster } };
}

async function propertiesOf(arm: Arm, name: string, version = '2025-08-01'): Promise<unknown> {
  const path = `${arm.server(name)}?api-version=${version}`;
  return at((await arm.send('GET', path)).json, 'properties');
}

async function size(arm: Arm, name: string): Promise<unknown> {
  return at(await propertiesOf(arm, name), 'cluster', 'clusterSize');
}

function grow(arm: Arm, name: string, clusterSize: unknown): Promise<Answer> {
  return arm.complete('PATCH', arm.server(name), { properties: { cluster: { clusterSize } } });
}

describe('a new elastic cluster', () => {
  test('shows size and database, and nothing that only a single server has; on Burstable, too', async ({
    arm,
  }) => {
    await arm.makeServer('clustered', body({ clusterSize: 2 }));
    const properties = await propertiesOf(arm, 'clustered');
    expect(properties).toMatchObject({
      cluster: { clusterSize: 2, defaultDatabaseName: 'postgres' },
      highAvailability: { mode: 'Disabled' },
      replica: { role: 'Primary', replicationState: 'Active' },
    });
    for (const member of ['minorVersion', 'replicaCapacity']) expect(properties).not.toHaveProperty(member);
    expect(properties).not.toHaveProperty('highAvailability.state');
    expect((await arm.send('GET', arm.server('clustered'))).json).toMatchObject({
      sku: { tier: 'Burstable' },
    });
  });

  test('gets the database that was asked for, and no other through ARM', async ({ arm }) => {
    await arm.makeServer('named', body({ clusterSize: 4, defaultDatabaseName: 'stars' }));
    const stars = await arm.send('GET', arm.server('named', '/databases/stars'));
    expect([stars.status, at(stars.json, 'properties', 'charset')]).toEqual([200, 'UTF8']);
    const more = await arm.send('PUT', arm.server('named', '/databases/more'), { properties: {} });
    expect([more.status, codeOf(more)]).toEqual([400, 'InvalidParameterValue']);
    const again = await arm.complete('PUT', arm.server('named', '/databases/stars'), { properties: {} });
    expect(again.json['status']).toBe('Succeeded');
  });

  test('is an operation of its own', async ({ arm }) => {
    const accepted = await arm.send('PUT', arm.server('another'), body({ clusterSize: 1 }));
    expect(accepted.json['operation']).toBe('UpsertFlexClusterManagementOperation');
    await arm.finish(accepted);
    const plain = await arm.send('PUT', arm.server('plain'), body({ clusterSize: 0 }));
    expect(plain.json['operation']).toBe('UpsertServerManagementOperationV2');
    await arm.finish(plain);
    expect(await propertiesOf(arm, 'plain')).not.toHaveProperty('cluster');
    expect(await propertiesOf(arm, 'plain')).toHaveProperty('minorVersion');
  });

  test('is known since 2025-01-01-preview, its database since 2025-06-01-preview', async ({ arm }) => {
    expect(await propertiesOf(arm, 'named', '2024-08-01')).not.toHaveProperty('cluster');
    expect(at(await propertiesOf(arm, 'named', '2025-01-01-preview'), 'cluster')).toEqual({ clusterSize: 4 });
    const path = `${arm.server('older')}?api-version=2024-08-01`;
    await arm.complete('PUT', path, body({ clusterSize: 2 }));
    expect(await propertiesOf(arm, 'older')).not.toHaveProperty('cluster');
  });

  test.for<[string, JsonObject, string]>([
    ['a size that is not a number', body({ clusterSize: 'two' }), 'InvalidParameterValue'],
    ['half a node', body({ clusterSize: 1.5 }), 'InvalidParameterValue'],
    [
      'a name that no database can have',
      body({ clusterSize: 2, defaultDatabaseName: '1st' }),
      'InvalidParameterValue',
    ],
    [
      'a virtual network',
      body({ clusterSize: 2 }, { network: { delegatedSubnetResourceId: '/subscriptions/s/subnets/n' } }),
      'InvalidParameterValue',
    ],
  ])('is refused with %s', async ([_what, wrong, code], { arm }) => {
    const answer = await arm.send('PUT', arm.server('wrong'), wrong);
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
  });

  test.for([
    ['more nodes than 20', body({ clusterSize: 21 }), 'UnsupportedValue'],
    [
      'storage that grows by itself',
      body({ clusterSize: 2 }, { storage: { autoGrow: 'Enabled' } }),
      'ClusterStorageAutoGrowIsDisabled',
    ],
  ])('is accepted and fails with %s', async ([_what, wrong, code], { arm }) => {
    const end = await arm.complete('PUT', arm.server('failing'), wrong);
    expect([end.json['status'], at(end.json, 'error', 'code')]).toEqual(['Failed', code]);
    expect((await arm.send('GET', arm.server('failing'))).status).toBe(404);
  });
});

describe('an existing elastic cluster', () => {
  test('grows', async ({ arm }) => {
    await grow(arm, 'clustered', 4);
    expect(await size(arm, 'clustered')).toBe(4);
  });

  test('silently ignores what would make it smaller', async ({ arm }) => {
    for (const fewer of [1, 0]) {
      expect((await grow(arm, 'clustered', fewer)).json['status']).toBe('Succeeded');
      expect(await size(arm, 'clustered')).toBe(4);
    }
  });

  test('fails with the recorded words, and stays Ready as it was', async ({ arm }) => {
    const { json } = await grow(arm, 'clustered', 21);
    expect([json['status'], json['error']]).toEqual([
      'Failed',
      { code: 'UnsupportedValue', message: 'Unsupported value 21 for parameter NumberOfNodes' },
    ]);
    const growing = { properties: { storage: { autoGrow: 'Enabled' }, backup: { backupRetentionDays: 9 } } };
    const end = await arm.complete('PATCH', arm.server('clustered'), growing);
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

  test('keeps its database’s name, and a server stays a server', async ({ arm }) => {
    const renamed = await arm.send('PATCH', arm.server('clustered'), {
      properties: { cluster: { defaultDatabaseName: 'moons' } },
    });
    expect([renamed.status, codeOf(renamed)]).toEqual([400, 'InvalidParameterValue']);
    const turned = await arm.send('PATCH', arm.server('plain'), {
      properties: { cluster: { clusterSize: 2 } },
    });
    expect([turned.status, codeOf(turned)]).toEqual([400, 'InvalidParameterValue']);
    await arm.complete('PUT', arm.server('clustered'), defaultServer);
    expect(await size(arm, 'clustered')).toBe(4);
  });
});
