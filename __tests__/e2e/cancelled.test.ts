import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult, signalWhen } from '../helpers/e2e/job.ts';
import { testWith } from '../helpers/e2e/test.ts';
import { startSilentProxy } from '../helpers/silent-proxy.ts';

const test = testWith({ provisionMs: 3_600_000 });

/** A step that GitHub cancels at a moment. */
const runAndCancel = (
  emulator: EmulatorHarness,
  server: string,
  trigger: Promise<void>,
): Promise<PhaseResult> =>
  new Job(emulator).spawnStep({ ...defaultInputs, 'server-name': server }, signalWhen(trigger, 'SIGINT'));

describe('a run that is ended from outside', () => {
  test('a cancelled job ends its long wait at once, and the step says that it was cancelled', async ({
    emulator,
  }) => {
    // Of a creation that takes an hour: that the step ends at all shows that it does not wait for it.
    const poll = await emulator.hold({ service: 'arm', path: '/azureAsyncOperation/' }, 'answer');
    // After the answer the step waits for its next look.
    const step = await runAndCancel(emulator, 'endless', poll.triggered.then(poll.release));
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
    expect(step.log).not.toContain('(unexpected)');
    expect(step.summary).toContain('cancelled');
  });

  test('also in the middle of a request', async ({ emulator }) => {
    const search = await emulator.hold({ service: 'arm', method: 'GET', path: '/flexibleServers' });
    const step = await runAndCancel(emulator, 'endless-2', search.triggered);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
  });

  test('timeout-minutes ends it, and the error says what to do', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      ...defaultInputs,
      'server-name': 'endless-3',
      'timeout-minutes': '0.05',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(timed-out)');
    expect(step.log).toContain('Raise timeout-minutes');
    expect(step.log).toMatch(
      /while waiting for server 'endless-3' to be created \(\d.* s: Azure is still working on it/,
    );
  });

  test.for([
    ['Entra', { service: 'entra' }],
    ['GitHub’s OIDC endpoint', { service: 'oidc' }],
    ['Azure', { service: 'arm' }],
  ] as const)('it ends at its limit while %s is silent', async ([, match], { emulator }) => {
    const held = await emulator.hold(match, 'request', { times: 100 });
    const limit = { 'timeout-minutes': '0.05' };
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'silent', ...limit });
    await held.release();
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(timed-out)');
    expect(step.summary).toContain('timed-out');
  });

  test('it ends at its limit while a proxy is silent', async ({ emulator }) => {
    const proxy = await startSilentProxy();
    const job = new Job(emulator, { HTTPS_PROXY: proxy.url });
    const limit = { 'timeout-minutes': '0.05' };
    const step = await job.spawnStep({ ...defaultInputs, 'server-name': 'silent-3', ...limit });
    await proxy.close();
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(timed-out)');
    expect(step.log).toContain(`Requests go through the proxy ${new URL(proxy.url).host} (HTTPS_PROXY).`);
  });

  test('a cancelled job ends while Entra is silent', async ({ emulator }) => {
    const held = await emulator.hold({ service: 'entra', method: 'POST' }, 'request', { times: 100 });
    const step = await runAndCancel(emulator, 'silent-2', held.triggered);
    await held.release();
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
  });
});
