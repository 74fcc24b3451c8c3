import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../emulator/json.ts';
import { codeOf, tutorial } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, at } from '../../helpers/emulator/http-client.ts';

// Elastic clusters as azure-cli's recording of 2026-04-22 has them (test_elastic_clusters_mgmt).
const bench = useEmulator();

function body(cluster: object, properties: object = {}): JsonObject {
  return { ...tutorial, properties: { ...tutorial.properties, ...properties, cluster } };
}

async function propertiesOf(name: string, version = '2025-08-01'): Promise<unknown> {
  const path = `${bench.arm.server(name)}?api-version=${version}`;
  return at((await bench.arm.send('GET', path)).json, 'properties');
}

async function size(name: string): Promise<unknown> {
  return at(await propertiesOf(name), 'cluster', 'clusterSize');
}

function grow(name: string, clusterSize: unknown): Promise<Answer> {
  return bench.arm.complete('PATCH', bench.arm.server(name), { properties: { cluster: { clusterSize } } });
}

describe('a new elastic cluster', () => {
  it('shows size and database, and nothing that only a single server has; on Burstable, too', async () => {
    const { arm } = bench;
    await arm.makeServer('clustered', body({ clusterSize: 2 }));
    const properties = await propertiesOf('clustered');
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

  it('gets the database that was asked for, and no other through ARM', async () => {
    const { arm } = bench;
    await arm.makeServer('named', body({ clusterSize: 4, defaultDatabaseName: 'stars' }));
    const stars = await arm.send('GET', arm.server('named', '/databases/stars'));
    expect([stars.status, at(stars.json, 'properties', 'charset')]).toEqual([200, 'UTF8']);
    const more = await arm.send('PUT', arm.server('named', '/databases/more'), { properties: {} });
    expect([more.status, codeOf(more)]).toEqual([400, 'InvalidParameterValue']);
    const again = await arm.complete('PUT', arm.server('named', '/databases/stars'), { properties: {} });
    expect(again.json['status']).toBe('Succeeded');
  });

  it('is an operation of its own', async () => {
    const accepted = await bench.arm.send('PUT', bench.arm.server('another'), body({ clusterSize: 1 }));
    expect(accepted.json['operation']).toBe('UpsertFlexClusterManagementOperation');
    await bench.arm.finish(accepted);
    const plain = await bench.arm.send('PUT', bench.arm.server('plain'), body({ clusterSize: 0 }));
    expect(plain.json['operation']).toBe('UpsertServerManagementOperationV2');
    await bench.arm.finish(plain);
    expect(await propertiesOf('plain')).not.toHaveProperty('cluster');
    expect(await propertiesOf('plain')).toHaveProperty('minorVersion');
  });

  it('is known since 2025-01-01-preview, its database since 2025-06-01-preview', async () => {
    expect(await propertiesOf('named', '2024-08-01')).not.toHaveProperty('cluster');
    expect(at(await propertiesOf('named', '2025-01-01-preview'), 'cluster')).toEqual({ clusterSize: 4 });
    const path = `${bench.arm.server('older')}?api-version=2024-08-01`;
    await bench.arm.complete('PUT', path, body({ clusterSize: 2 }));
    expect(await propertiesOf('older')).not.toHaveProperty('cluster');
  });

  it.each<[string, JsonObject, string]>([
    ['no number', body({ clusterSize: 'two' }), 'InvalidParameterValue'],
    ['half a node', body({ clusterSize: 1.5 }), 'InvalidParameterValue'],
    [
      'a name that no database has',
      body({ clusterSize: 2, defaultDatabaseName: '1st' }),
      'InvalidParameterValue',
    ],
    [
      'a virtual network',
      body({ clusterSize: 2 }, { network: { delegatedSubnetResourceId: '/subscriptions/s/subnets/n' } }),
      'InvalidParameterValue',
    ],
  ])('is refused with %s', async (_what, wrong, code) => {
    const answer = await bench.arm.send('PUT', bench.arm.server('wrong'), wrong);
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
  });

  it.each([
    ['more nodes than 20', body({ clusterSize: 21 }), 'UnsupportedValue'],
    [
      'storage that grows by itself',
      body({ clusterSize: 2 }, { storage: { autoGrow: 'Enabled' } }),
      'ClusterStorageAutoGrowIsDisabled',
    ],
  ])('is accepted and fails with %s', async (_what, wrong, code) => {
    const end = await bench.arm.complete('PUT', bench.arm.server('failing'), wrong);
    expect([end.json['status'], at(end.json, 'error', 'code')]).toEqual(['Failed', code]);
    expect((await bench.arm.send('GET', bench.arm.server('failing'))).status).toBe(404);
  });
});

describe('an elastic cluster that is there', () => {
  it('grows', async () => {
    await grow('clustered', 4);
    expect(await size('clustered')).toBe(4);
  });

  it('ignores in silence what would make it smaller', async () => {
    for (const fewer of [1, 0]) {
      expect((await grow('clustered', fewer)).json['status']).toBe('Succeeded');
      expect(await size('clustered')).toBe(4);
    }
  });

  it('fails with the recorded words, and stays Ready as it was', async () => {
    const { json } = await grow('clustered', 21);
    expect([json['status'], json['error']]).toEqual([
      'Failed',
      { code: 'UnsupportedValue', message: 'Unsupported value 21 for parameter NumberOfNodes' },
    ]);
    const growing = { properties: { storage: { autoGrow: 'Enabled' }, backup: { backupRetentionDays: 9 } } };
    const end = await bench.arm.complete('PATCH', bench.arm.server('clustered'), growing);
    expect(end.json['error']).toEqual({
      code: 'ClusterStorageAutoGrowIsDisabled',
      message: 'Cannot enable storage autogrow.',
    });
    expect(await propertiesOf('clustered')).toMatchObject({
      cluster: { clusterSize: 4 },
      backup: { backupRetentionDays: 7 },
      state: 'Ready',
    });
  });

  it('keeps its database’s name, and a server stays a server', async () => {
    const { arm } = bench;
    const renamed = await arm.send('PATCH', arm.server('clustered'), {
      properties: { cluster: { defaultDatabaseName: 'moons' } },
    });
    expect([renamed.status, codeOf(renamed)]).toEqual([400, 'InvalidParameterValue']);
    const turned = await arm.send('PATCH', arm.server('plain'), {
      properties: { cluster: { clusterSize: 2 } },
    });
    expect([turned.status, codeOf(turned)]).toEqual([400, 'InvalidParameterValue']);
    await arm.complete('PUT', arm.server('clustered'), tutorial);
    expect(await size('clustered')).toBe(4);
  });
});
