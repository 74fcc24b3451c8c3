import { expect, it } from 'vitest';
import { accessToken } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { send } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator({ latency: 150 });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

it('--latency is added to each answer of ARM and Entra (contract.md)', async () => {
  const arm = await timed(() => bench.arm.send('GET', '/subscriptions?api-version=2022-12-01'));
  const entra = await timed(() => accessToken(bench.emulator));
  expect(arm).toBeGreaterThanOrEqual(149);
  expect(entra).toBeGreaterThanOrEqual(149);
});

it('the requests are recorded with the time of their arrival', async () => {
  const before = new Date().toISOString();
  await accessToken(bench.emulator);
  const { text } = await send(bench.emulator, 'GET', `${bench.emulator.ready.control}/requests`);
  const last = JSON.parse(text).at(-1);
  expect(Date.parse(last.at) - Date.parse(before)).toBeLessThan(150);
});
