import { expect, it } from 'vitest';
import { codeOf, messageOf } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';

const bench = useEmulator({ throttling: 0.04 });

it('an empty bucket answers 429 with Retry-After and says whose requests of which kind exceeded (facts.md §3)', async () => {
  const { arm } = bench;
  const path = `${arm.subscription}/resourceGroups?api-version=2025-04-01`;
  const answers = await Promise.all(Array.from({ length: 15 }, () => arm.send('GET', path)));
  const throttled = answers.find(({ status }) => status === 429);
  if (!throttled) throw new Error('Nothing was throttled.');
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(9);
  expect(codeOf(throttled)).toBe('SubscriptionRequestsThrottled');
  expect(messageOf(throttled)).toMatch(
    /^Number of 'read' requests for subscription '[0-9a-f-]+' actor '[0-9a-f-]+' exceeded\. Please try again after '\d+' seconds\.$/,
  );
  expect(Number(throttled.headers['retry-after'])).toBeGreaterThanOrEqual(1);
});

it('reads, writes and deletes have buckets of their own', async () => {
  const path = `${bench.arm.subscription}/resourceGroups/rg?api-version=2025-04-01`;
  expect((await bench.arm.send('PUT', path, { location: 'westeurope' })).status).toBe(201);
});
