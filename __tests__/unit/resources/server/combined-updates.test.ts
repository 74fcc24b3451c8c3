import { describe, expect } from 'vitest';
import { AzureReader } from '../../../../src/azure/reader.ts';
import { AzureWriter } from '../../../../src/azure/writer.ts';
import { CREATION_TAG } from '../../../../src/common/creation-tag.ts';
import { ensurePolicy } from '../../../../src/reconcile/policy.ts';
import { reconcile, toPlanFunction } from '../../../../src/reconcile/reconcile.ts';
import { serverHandler } from '../../../../src/resources/server/server-handler.ts';
import {
  type ArmResponse,
  acceptedResponse,
  createFakeArmClients,
  pollResponse,
} from '../../../helpers/unit/fake-arm.ts';
import { test as base } from '../../../helpers/unit/test.ts';
import { ensureConfig, type InputValues, pushEvent, repository } from '../../../helpers/unit/test-configs.ts';
import { createTestRun, errorOf } from '../../../helpers/unit/test-run.ts';

interface Body {
  sku?: object;
  tags?: object;
  properties?: Record<string, object | string>;
}

const id = '/subscriptions/s/resourceGroups/demo/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo';

/** An ARM that stores what a PATCH sends, except for the properties that it ignores if another one is sent too. */
class FakeServerApi {
  readonly patches: Body[] = [];
  readonly ignoredTogether: string[] = [];
  rejection: ArmResponse | undefined;
  sku: object = { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' };
  tags: object = { other: 'x' };
  properties: Record<string, object | string> = {
    state: 'Ready',
    version: '17',
    fullyQualifiedDomainName: 'demo.postgres.database.azure.com',
    storage: { storageSizeGB: 32, autoGrow: 'Disabled' },
    backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
    highAvailability: { mode: 'Disabled' },
    authConfig: { passwordAuth: 'Enabled', activeDirectoryAuth: 'Disabled' },
    network: { publicNetworkAccess: 'Enabled' },
  };

  respond(request: string, body: string | undefined): ArmResponse {
    if (request.includes('azureAsyncOperation')) return pollResponse('Succeeded');
    if (request.startsWith('PATCH')) {
      const patch = JSON.parse(body ?? '{}') as Body;
      this.patches.push(patch);
      if (this.rejection !== undefined) return this.rejection;
      this.#apply(patch);
      return acceptedResponse;
    }
    const { sku, tags, properties } = this;
    return { status: 200, body: { id, name: 'demo', location: 'West Europe', sku, tags, properties } };
  }

  #apply({ sku = this.sku, tags = this.tags, properties = {} }: Body): void {
    Object.assign(this, { sku, tags });
    for (const [name, value] of Object.entries(properties)) {
      if (Object.keys(properties).length > 1 && this.ignoredTogether.includes(name)) continue;
      const current = this.properties[name];
      this.properties[name] =
        typeof value === 'object' && typeof current === 'object' ? { ...current, ...value } : value;
    }
  }
}

const test = base.extend('fix', async ({ inFakeTime }) => {
  const server = new FakeServerApi();
  const { clients } = createFakeArmClients((requests, body) => server.respond(requests.at(-1) ?? '', body));
  const run = createTestRun();
  const applied: string[] = [];
  const listener = {
    recordPlan: () => {},
    onApplyStart: () => {},
    onApplied: ({ details }: { details: string }) => void applied.push(details),
    onAdopted: () => {},
  };
  const reader = new AzureReader(clients, run, { name: 'demo', resourceGroup: 'demo' });
  /** Runs `on-drift: fix` for the declared properties. */
  const ensure = (inputs: InputValues) => {
    const desired = ensureConfig({ 'server-name': 'demo', 'on-drift': 'fix', ...inputs }, {}, pushEvent);
    const writer = new AzureWriter(clients, run, reader);
    return inFakeTime(
      reconcile(listener, [toPlanFunction(serverHandler)], {
        desired,
        policy: ensurePolicy(desired),
        reader,
        writer,
      }),
    );
  };
  return { server, ensure, applied, run };
});

describe('properties of a server that differ', () => {
  test('are updated by one request where Azure takes them together, and each is a change', async ({
    fix: { server, ensure, applied },
  }) => {
    await ensure({
      'sku-name': 'Standard_D4s_v3',
      'backup-retention-days': '14',
      'microsoft-entra-auth': 'true',
      'maintenance-window': 'Sun 03:30',
      tags: 'team=space',
    });
    expect(server.patches).toEqual([
      {
        sku: { name: 'Standard_D4s_v3', tier: 'GeneralPurpose' },
        tags: { other: 'x', team: 'space' },
        properties: {
          backup: { backupRetentionDays: 14 },
          authConfig: expect.objectContaining({ activeDirectoryAuth: 'Enabled' }),
          maintenanceWindow: { customWindow: 'Enabled', dayOfWeek: 0, startHour: 3, startMinute: 30 },
        },
      },
    ]);
    expect(applied.map((details) => details.split(':')[0])).toEqual([
      'sku',
      'backup retention',
      'maintenance window',
      'Entra authentication',
      'tags',
    ]);
  });

  test('of the storage have a request of their own, because Azure ignores a backup beside them', async ({
    fix: { server, ensure },
  }) => {
    await ensure({ 'storage-size-gb': '64', 'storage-auto-grow': 'true', 'backup-retention-days': '14' });
    expect(server.patches).toEqual([
      { properties: { storage: { storageSizeGB: 64, autoGrow: 'Enabled' } } },
      { properties: { backup: { backupRetentionDays: 14 } } },
    ]);
  });

  test('such as high availability and public access are updated alone', async ({
    fix: { server, ensure },
  }) => {
    await ensure({
      'sku-name': 'Standard_D4s_v3',
      'high-availability': 'ZoneRedundant',
      'public-access': 'Disabled',
      tags: 'team=space',
    });
    expect(server.patches.map((patch) => Object.keys({ ...patch, ...patch.properties }))).toEqual([
      ['sku', 'tags', 'properties'],
      ['properties', 'highAvailability'],
      ['properties', 'network'],
    ]);
  });

  test('are updated alone if Azure accepts the request for several and ignores them', async ({
    fix: { server, ensure, applied, run },
  }) => {
    server.ignoredTogether.push('backup');
    await ensure({ 'backup-retention-days': '14', 'maintenance-window': 'Sun 03:30', tags: 'team=space' });
    expect(server.patches).toHaveLength(2);
    expect(server.patches[1]).toEqual({ properties: { backup: { backupRetentionDays: 14 } } });
    expect(run.logLines).toContain(
      'Azure has not set backup retention together with the other properties; setting it alone',
    );
    expect(applied).toHaveLength(3);
  });

  test('are all named in the error if Azure rejects the request for them', async ({
    fix: { server, ensure, applied },
  }) => {
    server.rejection = { status: 400, body: { error: { code: 'InvalidParameterValue', message: 'no' } } };
    const error = await errorOf(ensure({ 'backup-retention-days': '14', tags: 'team=space' }));
    expect(String(error)).toContain("while updating backup retention, tags of server 'demo'");
    expect(applied).toEqual([]);
  });
});

test('the request with the maintenance window that removes the tag of an unfinished creation keeps declared tags', async ({
  fix: { server, ensure },
}) => {
  server.tags = { other: 'x', [CREATION_TAG]: repository.id };
  await ensure({ 'maintenance-window': 'Sun 03:30', tags: 'team=space' });
  expect(server.patches).toHaveLength(1);
  expect(server.tags).toEqual({ other: 'x', team: 'space' });
});
