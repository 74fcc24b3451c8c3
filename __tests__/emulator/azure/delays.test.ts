import { expect, test, vi } from 'vitest';
import { Timers } from '../../../emulator/core/timers.ts';
import { type Emulator, startEmulator } from '../../../emulator/emulator.ts';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import {
  ArmClient,
  accessToken,
  errorCode,
  errorMessage,
  sendControl,
} from '../../helpers/emulator/arm-client.ts';
import { pollUntilAccepted, send } from '../../helpers/emulator/http-client.ts';

// Each test has an emulator with other options, and controls the clock if a busy machine could change the result.

async function withEmulator(
  options: Partial<EmulatorOptions>,
  use: (emulator: Emulator, arm: ArmClient) => Promise<void>,
): Promise<void> {
  const emulator = await startEmulator(options);
  try {
    await use(emulator, await ArmClient.signIn(emulator));
  } finally {
    vi.restoreAllMocks();
    await emulator.close();
  }
}

const subscriptionsPath = '/subscriptions?api-version=2022-12-01';

test('--latency is added to each answer of every HTTP service', async () => {
  const latency = 40;
  await withEmulator({ latencyMs: latency }, async (emulator, arm) => {
    const { env, graph, managedIdentity } = emulator.readyLine;
    const urls = [
      graph,
      env['GITHUB_API_URL'],
      env['ACTIONS_ID_TOKEN_REQUEST_URL'],
      managedIdentity.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'],
      ...(env['IP_ECHO_URLS'] ?? '').split(','),
    ];
    for (const request of [
      () => arm.send('GET', subscriptionsPath),
      () => accessToken(emulator),
      ...urls.map(
        (url = '') =>
          () =>
            send(emulator, 'GET', url),
      ),
    ]) {
      const start = performance.now();
      await request();
      // A timer can fire up to a millisecond early.
      expect(performance.now() - start).toBeGreaterThanOrEqual(latency - 1);
    }
  });
});

test('only the answer waits for the latency; the request is recorded when it arrives, and again when it is answered', async () => {
  // So long that an answer would never come if its wait were not replaced below.
  const latency = 86_400_000;
  const original = Timers.prototype.sleep;
  let passed = Promise.resolve();
  const wait = vi.spyOn(Timers.prototype, 'sleep').mockImplementation(function (
    this: Timers,
    milliseconds: number,
  ) {
    return milliseconds === latency ? passed : original.call(this, milliseconds);
  });
  const waits = () => wait.mock.calls.filter(([milliseconds]) => milliseconds === latency).length;
  await withEmulator({ latencyMs: latency }, async (emulator, arm) => {
    const latencyPasses = Promise.withResolvers<void>();
    passed = latencyPasses.promise;
    await sendControl(emulator, 'DELETE', 'requests');
    wait.mockClear();
    const before = Date.now();
    let answered = 0;
    const gitHub = emulator.readyLine.env['GITHUB_API_URL'] ?? '';
    const answers = [
      arm.send('GET', subscriptionsPath),
      accessToken(emulator),
      send(emulator, 'GET', gitHub),
    ].map(async (answer) => {
      await answer;
      answered += 1;
    });
    await pollUntilAccepted(
      async () => waits(),
      (count) => count === 3,
    );
    expect([answered, waits()]).toEqual([0, 3]);
    const requests = async (): Promise<{ service: string; at: string; answeredAt: string | null }[]> =>
      JSON.parse((await sendControl(emulator, 'GET', 'requests')).text);
    const recorded = await requests();
    expect(recorded.map(({ service }) => service).sort()).toEqual(['arm', 'entra', 'github']);
    for (const { at, answeredAt } of recorded) {
      expect(answeredAt).toBeNull();
      expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
    }
    latencyPasses.resolve();
    await Promise.all(answers);
    expect(answered).toBe(3);
    for (const { at, answeredAt } of await requests())
      expect(Date.parse(answeredAt ?? '')).toBeGreaterThanOrEqual(Date.parse(at));
  });
});

test('an empty bucket answers 429 with Retry-After, subscription, actor and kind of request', async () => {
  await withEmulator({ throttlingScale: 0.04 }, async (_emulator, arm) => {
    let now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => now);
    const path = `${arm.subscriptionPath}/resourceGroups?api-version=2025-04-01`;
    const get = () => arm.send('GET', path);
    // 0.04 of 250 reads, and 0.04 of 25 reads per second.
    const answers = await Promise.all(Array.from({ length: 15 }, get));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    const throttled = answers.filter(({ status }) => status === 429);
    expect(throttled).toHaveLength(5);
    for (const answer of throttled) {
      expect(errorCode(answer)).toBe('SubscriptionRequestsThrottled');
      expect(errorMessage(answer)).toMatch(
        /^Number of 'read' requests for subscription '[0-9a-f-]+' actor '[0-9a-f-]+' exceeded\. Please try again after '\d+' seconds\.$/,
      );
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    // Reads, writes and deletes have separate buckets.
    const group = `${arm.subscriptionPath}/resourceGroups/rg?api-version=2025-04-01`;
    expect((await arm.send('PUT', group, { location: 'westeurope' })).status).toBe(201);
    now += 2000;
    expect((await Promise.all([get(), get(), get()])).map(({ status }) => status).sort()).toEqual([
      200, 200, 429,
    ]);
  });
});

test('ARM answers ExpiredAuthenticationToken after the lifetime of the token', async () => {
  await withEmulator({ tokenLifetimeSeconds: 0 }, async (_emulator, arm) => {
    const answer = await arm.send('GET', subscriptionsPath);
    expect([answer.status, errorCode(answer)]).toEqual([401, 'ExpiredAuthenticationToken']);
    expect(answer.headers['www-authenticate']).toContain('invalid_token');
  });
});
