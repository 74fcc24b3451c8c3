import { expect } from 'vitest';
import type { AzureReader } from '../../../src/azure/reader.ts';
import { waitForStableState } from '../../../src/azure/server-states.ts';
import { actionError } from '../../../src/common/errors.ts';
import { present } from '../../../src/reconcile/findings.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

test('fifty jobs that wait for one server stay within the reads that ARM permits', async ({ inFakeTime }) => {
  const start = performance.now();
  const readTimesMs: number[] = [];
  const refreshServer = async () => {
    readTimesMs.push(performance.now() - start);
    const state = performance.now() - start < 600_000 ? 'Provisioning' : 'Ready';
    return present({ name: 'demo', resourceGroup: 'demo', server: { location: 'westeurope', state } });
  };
  const reader = { config: { name: 'demo' }, getServer: refreshServer, refreshServer };
  await inFakeTime(waitForStableState(createTestRun(), reader as unknown as AzureReader));
  // The burst of 250 is left for what the jobs have read before.
  for (const [i, at] of readTimesMs.entries()) expect(50 * i).toBeLessThanOrEqual((25 * at) / 1000 + 1);
  expect((readTimesMs.at(-1) ?? 0) - 600_000).toBeLessThanOrEqual(5000);
});

test('a run that times out while a server stays in a transient state names the state, for how long, and what to do', async ({
  inFakeTime,
}) => {
  const run = createTestRun();
  const observed = present({
    name: 'demo',
    resourceGroup: 'demo',
    server: { location: 'westeurope', state: 'Updating' },
  });
  const getServer = async () => observed;
  const reader = { config: { name: 'demo' }, getServer, refreshServer: getServer } as unknown as AzureReader;
  setTimeout(
    () => run.abort(actionError('timed-out', { after: '2 min 0 s', hint: 'Run it again.' })),
    120_000,
  );
  const error = await errorOf(inFakeTime(waitForStableState(run, reader)));
  expect(error).toMatchObject({
    code: 'timed-out',
    summary:
      "Timed out after 2 min 0 s, while waiting for server 'demo' to be Ready (2 min 0 s: it is in state Updating).",
    hint: expect.stringMatching(/activity log.*Run it again\./),
  });
});
