import { describe, expect } from 'vitest';
import type { EmulatorHarness, FaultMatch } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult } from '../helpers/e2e/job.ts';
import { testWith } from '../helpers/e2e/test.ts';

const test = testWith({ provision: 3_600_000 });

/** A step that GitHub cancels while a request of it is held. */
async function cancelledStep(
  emulator: EmulatorHarness,
  server: string,
  match: FaultMatch,
): Promise<PhaseResult> {
  const held = await emulator.hold(match);
  return await new Job(emulator).spawnStep(
    { ...defaultInputs, 'server-name': server },
    { started: (child) => void held.struck.then(() => child.kill('SIGINT')) },
  );
}

describe('a run that is ended from outside', () => {
  test('a cancelled job ends its long wait at once, and the step says that it was cancelled', async ({
    emulator,
  }) => {
    // Of a creation that takes an hour: that the step ends at all shows that it does not wait for it.
    const poll = { service: 'arm', path: '/azureAsyncOperation/' } as const;
    const step = await cancelledStep(emulator, 'endless', poll);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
    expect(step.log).not.toContain('(unexpected)');
    expect(step.summary).toContain('cancelled');
  });

  test('also in the middle of a request', async ({ emulator }) => {
    const search = { service: 'arm', method: 'GET', path: '/flexibleServers' } as const;
    const step = await cancelledStep(emulator, 'endless-2', search);
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
  });
});
