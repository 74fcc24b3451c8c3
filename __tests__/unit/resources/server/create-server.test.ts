import { describe, expect } from 'vitest';
import { AzureReader } from '../../../../src/azure/reader.ts';
import { AzureWriter } from '../../../../src/azure/writer.ts';
import { createServer } from '../../../../src/resources/server/create-server.ts';
import {
  type ArmResponse,
  acceptedResponse,
  createFakeArmClients,
  pollResponse,
} from '../../../helpers/unit/fake-arm.ts';
import { test as base } from '../../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../../helpers/unit/test-run.ts';

const id = '/subscriptions/s/resourceGroups/demo/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo';

const test = base.extend('create', async ({ inFakeTime }) => {
  /** Creates a server that is Ready, or whose operation fails, after so many milliseconds. */
  return async (outcome: { readonly readyAfter: number } | { readonly failsAfter: number }) => {
    const start = performance.now();
    const elapsedMs = (): number => performance.now() - start;
    const isReady = (): boolean => 'readyAfter' in outcome && elapsedMs() >= outcome.readyAfter;
    const pollOperation = (): ArmResponse =>
      'failsAfter' in outcome && elapsedMs() >= outcome.failsAfter
        ? pollResponse('Failed', { code: 'LocationIsOfferRestricted', message: 'Try another location.' })
        : pollResponse(isReady() ? 'Succeeded' : 'InProgress');
    const { clients, requests } = createFakeArmClients((sent) => {
      const last = sent.at(-1) ?? '';
      if (last.startsWith('PUT')) return acceptedResponse;
      if (last.includes('azureAsyncOperation')) return pollOperation();
      const properties = { state: isReady() ? 'Ready' : 'Provisioning' };
      return { status: 200, body: { id, name: 'demo', location: 'West Europe', properties } };
    });
    const run = createTestRun();
    const reader = new AzureReader(clients, run, { name: 'demo', resourceGroup: 'demo' });
    const created = inFakeTime(
      createServer(new AzureWriter(clients, run, reader), { location: 'westeurope' }),
    );
    const failure = 'failsAfter' in outcome ? await errorOf(created) : await created.then(() => undefined);
    return { tookMs: elapsedMs(), failure, requestCount: requests.length };
  };
});

describe('the creation of a server', () => {
  test.for([5000, 20_000, 300_000, 600_000])(
    'is noticed at most 0.6 s or 3 %% after the server is Ready after %d ms',
    async (readyAfter, { create }) => {
      const { tookMs } = await create({ readyAfter });
      expect(tookMs - readyAfter).toBeLessThanOrEqual(Math.max(600, Math.min(readyAfter * 0.03, 5000)));
    },
  );

  test('takes fewer than 60 requests in 20 s, and fewer than 250 in ten minutes', async ({ create }) => {
    expect((await create({ readyAfter: 20_000 })).requestCount).toBeLessThan(60);
    expect((await create({ readyAfter: 600_000 })).requestCount).toBeLessThan(250);
  });

  test.for([2000, 60_000, 300_000])(
    'ends with the failure of its operation after %d ms, at most 1.5 s or 18 %% late',
    async (failsAfter, { create }) => {
      const { tookMs, failure } = await create({ failsAfter });
      expect(String(failure)).toContain('LocationIsOfferRestricted');
      // A poll is due in one of the rounds, which are up to 5 s apart.
      expect(tookMs - failsAfter).toBeLessThanOrEqual(Math.max(1500, Math.min(failsAfter * 0.18, 35_000)));
    },
  );
});
