import { afterEach, describe, expect, it } from 'vitest';
import { control } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { until } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator();

function fault(effect: object, more: object = {}): Promise<{ status: number }> {
  const match = { service: 'arm', method: 'PUT', path: '/resourcegroups/target\\b' };
  // biome-ignore lint/suspicious/noThenProperty: the contract's own name for what a fault does
  return control(bench.emulator, 'POST', 'faults', { match, ...more, then: effect });
}

function put(): Promise<{ status: number; headers: object; text: string }> {
  const path = `${bench.arm.subscription}/resourceGroups/target?api-version=2025-04-01`;
  return bench.arm.send('PUT', path, { location: 'westeurope' });
}

async function exists(): Promise<boolean> {
  const path = `${bench.arm.subscription}/resourceGroups/target?api-version=2025-04-01`;
  return (await bench.arm.send('HEAD', path)).status === 204;
}

async function remove(): Promise<void> {
  await control(bench.emulator, 'DELETE', 'faults');
  const path = `${bench.arm.subscription}/resourceGroups/target?api-version=2025-04-01`;
  await bench.arm.send('DELETE', path);
  await until(exists, (there) => !there);
}

describe('a fault (contract.md)', () => {
  afterEach(remove);

  it('with a status answers in the place of Azure, with its headers and body', async () => {
    await fault({ status: 429, headers: { 'Retry-After': '7' }, body: { error: { code: 'X' } } });
    const answer = await put();
    expect([answer.status, answer.text]).toEqual([429, '{"error":{"code":"X"}}']);
    expect(answer.headers).toMatchObject({ 'retry-after': '7' });
    expect(await exists()).toBe(false);
  });

  it('skips as many as it says, strikes as often as it says, and is used up', async () => {
    await fault({ status: 503 }, { skip: 1, times: 2 });
    const statuses = [];
    for (let count = 0; count < 4; count += 1) statuses.push((await put()).status);
    expect(statuses).toEqual([201, 503, 503, 200]);
  });

  it('with reset breaks the connection, and nothing takes effect', async () => {
    await fault({ reset: true });
    await expect(put()).rejects.toThrow();
    expect(await exists()).toBe(false);
  });

  it('with applyThenReset takes effect, and the answer is lost', async () => {
    await fault({ applyThenReset: true });
    await expect(put()).rejects.toThrow();
    expect(await exists()).toBe(true);
  });

  it('with delay answers as usual, that much later', async () => {
    await fault({ delay: 120 });
    const start = performance.now();
    expect((await put()).status).toBe(201);
    expect(performance.now() - start).toBeGreaterThanOrEqual(115);
  });

  it('matches by body where it asks for that, and not otherwise', async () => {
    const match = { service: 'arm', body: 'northeurope' };
    await fault({ status: 503 }, { match });
    expect((await put()).status).toBe(201);
  });

  it.each([
    ['no effect', {}],
    ['a pattern that is none', { match: { path: '(' }, status: 500 }],
  ])('with %s is refused with 400', async (_what, { match, ...effect }: { match?: object }) => {
    expect((await fault(effect, match ? { match } : {})).status).toBe(400);
  });
});
