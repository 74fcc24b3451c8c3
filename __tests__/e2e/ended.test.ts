import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Azure, useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';

const bench = useAzure({ provision: 60_000, blocked: 'reject' });

/** Cancels the step as GitHub does, once a request has been seen. */
async function cancelAt(azure: Azure, child: ChildProcess, path: RegExp): Promise<void> {
  while (!(await azure.requests()).some((request) => path.test(request.path))) await sleep(20);
  child.kill('SIGINT');
}

describe('a run that is ended from outside', () => {
  test('a cancelled job ends its long wait at once, and the step says that it was cancelled', async () => {
    const { azure } = bench;
    const step = await new Job(azure).step(
      { ...tutorial, 'server-name': 'endless' },
      { started: (child) => void cancelAt(azure, child, /azureAsyncOperation/) },
    );
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
    expect(step.log).not.toContain('(unexpected)');
    expect(step.summary).toContain('cancelled');
  });

  test('also in the middle of a request', async () => {
    const { azure } = bench;
    await azure.fault({ service: 'arm', method: 'GET' }, { delay: 3000 });
    const step = await new Job(azure).step(
      { ...tutorial, 'server-name': 'endless-2' },
      { started: (child) => void cancelAt(azure, child, /flexibleServers/) },
    );
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(cancelled)');
  });

  test('timeout-minutes ends it, and the error says what to do', async () => {
    const { azure } = bench;
    const step = await new Job(azure).step({
      ...tutorial,
      'server-name': 'endless-3',
      'timeout-minutes': '0.05',
    });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(timed-out)');
    expect(step.log).toContain('Raise timeout-minutes');
  });
});
