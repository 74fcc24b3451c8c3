import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult, signalWhen } from '../helpers/e2e/job.ts';
import { testWith } from '../helpers/e2e/test.ts';
import { startSilentProxy } from '../helpers/silent-proxy.ts';

const test = testWith({ provisionMs: 3_600_000 });

/** Runs a step, and cancels it as GitHub does when the trigger resolves. */
const runAndCancel = (
  emulator: EmulatorHarness,
  server: string,
  trigger: Promise<void>,
): Promise<PhaseResult> =>
  new Job(emulator).spawnStep({ ...defaultInputs, 'server-name': server }, signalWhen(trigger, 'SIGINT'));

describe('a cancelled or timed-out run', () => {
  test('stops waiting for Azure when the job is cancelled, and reports that it was cancelled', async ({
    emulator,
  }) => {
    // The creation takes an hour: if the step ends, it has not waited for it.
    const poll = await emulator.hold({ service: 'arm', path: '/azureAsyncOperation/' }, 'answer');
    // After this response the step waits for its next poll.
    const step = await runAndCancel(emulator, 'endless', poll.triggered.then(poll.release));
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
    expect(step.log).not.toContain('(unexpected)');
    expect(step.summary).toContain('cancelled');
  });

  test('aborts a request when the job is cancelled', async ({ emulator }) => {
    const search = await emulator.hold({ service: 'arm', method: 'GET', path: '/flexibleServers' });
    const step = await runAndCancel(emulator, 'endless-2', search.triggered);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
  });

  test('ends after timeout-minutes, with an error that states what to do', async ({ emulator }) => {
    const step = await new Job(emulator).step({
      ...defaultInputs,
      'server-name': 'endless-3',
      // Time to reach the creation also on a busy machine.
      'timeout-minutes': '0.15',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(timed-out)');
    expect(step.log).toContain('Increase timeout-minutes');
    expect(step.log).toMatch(
      /while waiting for server 'endless-3' to be created \(\d.* s: Azure is still working on it/,
    );
  });

  test.for([
    ['Entra', { service: 'entra' }],
    ['GitHub’s OIDC endpoint', { service: 'oidc' }],
    ['Azure', { service: 'arm' }],
  ] as const)('ends after timeout-minutes if %s does not respond', async ([, match], { emulator }) => {
    const held = await emulator.hold(match, 'request', { times: 100 });
    const limit = { 'timeout-minutes': '0.05' };
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'silent', ...limit });
    await held.release();
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(timed-out)');
    expect(step.summary).toContain('timed-out');
  });

  test('ends after timeout-minutes if a proxy does not respond', async ({ emulator }) => {
    const proxy = await startSilentProxy();
    const job = new Job(emulator, { HTTPS_PROXY: proxy.url });
    const limit = { 'timeout-minutes': '0.05' };
    const step = await job.spawnStep({ ...defaultInputs, 'server-name': 'silent-3', ...limit });
    await proxy.close();
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(timed-out)');
    expect(step.log).toContain(`Requests go through the proxy ${new URL(proxy.url).host} (HTTPS_PROXY).`);
  });

  test('ends when the job is cancelled, although Entra does not respond', async ({ emulator }) => {
    const held = await emulator.hold({ service: 'entra', method: 'POST' }, 'request', { times: 100 });
    const step = await runAndCancel(emulator, 'silent-2', held.triggered);
    await held.release();
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
  });
});
