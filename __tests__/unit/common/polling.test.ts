import { describe, expect } from 'vitest';
import { ActionError, actionError, getErrorMessage } from '../../../src/common/errors.ts';
import {
  backOff,
  followAge,
  formatDuration,
  retry,
  type SetReason,
  type WaitOptions,
  waitFor,
} from '../../../src/common/polling.ts';
import type { RunInFakeTime } from '../../helpers/unit/fake-time.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

/** Seconds, as real operations take: a firewall rule, a new server in the emulator, and one of Azure. */
const DURATIONS_MS = [300, 1000, 3000, 5000, 20_000, 60_000, 300_000, 600_000];

/** The times, in fake milliseconds, of the polls of a wait that ends after so many milliseconds. */
async function pollTimesUntil(
  inFakeTime: RunInFakeTime,
  end: number,
  options: WaitOptions = {},
): Promise<readonly number[]> {
  const start = performance.now();
  const pollTimes: number[] = [];
  const poll = async () => {
    pollTimes.push(performance.now() - start);
    return performance.now() - start >= end || undefined;
  };
  await inFakeTime(waitFor(createTestRun(), 'it', poll, options));
  return pollTimes;
}

const pausesOf = (times: readonly number[]): readonly number[] =>
  times.slice(1).map((at, i) => Math.round(at - (times[i] ?? 0)));

describe('waitFor', () => {
  test.for(DURATIONS_MS)(
    'notices what takes %d ms at most 5 %% of that later, or 0.5 s if that is longer, and never more than 5 s',
    async (took, { inFakeTime }) => {
      const times = await pollTimesUntil(inFakeTime, took);
      expect(times[0]).toBe(0);
      expect((times.at(-1) ?? 0) - took).toBeLessThanOrEqual(Math.max(500, Math.min(took * 0.05, 5000)));
    },
  );

  test('polls fewer than 40 times in 20 s, and fewer than 170 times in ten minutes', async ({
    inFakeTime,
  }) => {
    expect((await pollTimesUntil(inFakeTime, 20_000)).length).toBeLessThan(40);
    expect((await pollTimesUntil(inFakeTime, 600_000)).length).toBeLessThan(170);
  });

  test('pauses as its caller says, and never beyond its timeout', async ({ inFakeTime }) => {
    const pauses = followAge({ share: 0.5, minMs: 100, maxMs: 1000 });
    const times = await pollTimesUntil(inFakeTime, 2500, { pauses });
    expect(pausesOf(times)).toEqual([100, 100, 100, 150, 225, 337, 506, 759, 1000]);
    const start = performance.now();
    const wait = waitFor(createTestRun(), 'it', async () => undefined, {
      pauses: () => 700,
      timeoutMs: 1000,
    });
    expect(String(await errorOf(inFakeTime(wait)))).toContain('(timed-out)');
    expect(performance.now() - start).toBe(1000);
  });

  test('logs what a long wait waits for, and for how long so far', async ({ inFakeTime }) => {
    const run = createTestRun();
    const start = performance.now();
    const poll = async () => performance.now() - start > 100_000 || undefined;
    await inFakeTime(waitFor(run, "server 'demo' to be Ready", poll));
    const lines = run.logLines.filter((line) => line.startsWith('Still'));
    expect(lines.length).toBeGreaterThanOrEqual(4);
    expect(lines.length).toBeLessThan(7);
    for (const line of lines)
      expect(line).toMatch(/^Still waiting for server 'demo' to be Ready: \d+ (s|min \d+ s) so far$/);
    expect(run.logLines.at(-1)).toMatch(/^Waited 1 min \d+ s for server 'demo' to be Ready$/);
  });

  test('logs why, and how long such a wait usually takes', async ({ inFakeTime }) => {
    const run = createTestRun();
    const start = performance.now();
    const poll = async (setReason: SetReason) => {
      setReason('Azure is still working on it');
      return performance.now() - start > 20_000 || undefined;
    };
    await inFakeTime(waitFor(run, 'it', poll, { usually: '5 to 10 min' }));
    expect(run.logLines[0]).toMatch(
      /^Still waiting for it: \d+ s so far, usually 5 to 10 min \(Azure is still working on it\)$/,
    );
  });

  test('fails after its timeout, with what can be done', async ({ inFakeTime }) => {
    const start = performance.now();
    const wait = waitFor(createTestRun(), 'a rule', async () => undefined, {
      timeoutMs: 7000,
      hint: 'Check the server.',
    });
    const error = await errorOf(inFakeTime(wait));
    expect(error).toBeInstanceOf(ActionError);
    expect(String(error)).toContain('after 7.0 s waiting for a rule');
    expect(String(error)).toContain('Check the server.');
    expect(performance.now() - start).toBeLessThan(7500);
  });

  test('fails with the reason of the run as soon as the run ends', async ({ inFakeTime }) => {
    const run = createTestRun();
    const reason = new Error('cancelled');
    setTimeout(() => run.abort(reason), 30_100);
    const start = performance.now();
    expect(await errorOf(inFakeTime(waitFor(run, 'it', async () => undefined)))).toBe(reason);
    expect(performance.now() - start).toBe(30_100);
  });

  test.for<[innerStartsAt: number, awaited: RegExp]>([
    [0, /while waiting for the operation/],
    [29_000, /while waiting for the rule .*What to do: Check the rule\./s],
  ])(
    'of two nested waits names the inner one, unless it is only a step of the outer one: it began at %d ms',
    async ([innerStartsAt, awaited], { inFakeTime }) => {
      const run = createTestRun();
      const reason = actionError('timed-out', { after: '30 s', hint: 'Increase it.' });
      setTimeout(() => run.abort(reason), 30_000);
      const start = performance.now();
      const wait = waitFor(
        run,
        'the rule',
        async () =>
          performance.now() - start >= innerStartsAt
            ? await waitFor(run, 'the operation', async () => undefined)
            : undefined,
        { pauses: () => 500, hint: 'Check the rule.' },
      );
      expect(String(await errorOf(inFakeTime(wait)))).toMatch(awaited);
    },
  );

  test('throws what a poll throws', async ({ inFakeTime }) => {
    const reason = new Error('refused');
    const wait = waitFor(createTestRun(), 'it', () => Promise.reject(reason));
    expect(await errorOf(inFakeTime(wait))).toBe(reason);
  });
});

test.each([
  [400, '0.4 s'],
  [9_940, '9.9 s'],
  [12_300, '12 s'],
  [200_000, '3 min 20 s'],
  [119_700, '2 min 0 s'],
])('formatDuration: %d ms is %s', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

describe('retry', () => {
  /** Retries only the error `busy`. */
  const whileBusy = (error: unknown) =>
    getErrorMessage(error) === 'busy' ? 'The server is busy' : undefined;

  test('repeats the attempt until it succeeds, and logs why', async ({ inFakeTime }) => {
    const run = createTestRun();
    const failures = [new Error('busy'), new Error('busy')];
    const attempt = async () => {
      const failure = failures.shift();
      if (failure) throw failure;
      return 'done';
    };
    expect(await inFakeTime(retry(run, 'creating a rule', attempt, whileBusy))).toBe('done');
    expect(run.logLines.slice(0, 2)).toEqual(
      Array(2).fill('The server is busy; trying again: creating a rule'),
    );
  });

  test('repeats an attempt after pauses that grow from 0.5 s to 10 s, however long an attempt takes', async ({
    inFakeTime,
  }) => {
    const times: number[] = [];
    const attempt = async () => {
      times.push(performance.now());
      if (times.length === 12) return 'done';
      await new Promise((resolve) => setTimeout(resolve, 20_000));
      throw new Error('busy');
    };
    await inFakeTime(retry(createTestRun(), 'x', attempt, whileBusy));
    const pauses = pausesOf(times).map((each) => each - 20_000);
    expect(pauses.slice(0, 4)).toEqual([500, 750, 1125, 1687]);
    expect(pauses.slice(-2)).toEqual([10_000, 10_000]);
  });

  test('with jitter, pauses at most as long as without', () => {
    const pauses = backOff({ firstMs: 100, maxMs: 1000, jitter: true });
    const maximum = backOff({ firstMs: 100, maxMs: 1000 });
    for (let count = 0; count < 20; count += 1) {
      expect(pauses(0, count)).toBeLessThanOrEqual(maximum(0, count));
      expect(pauses(0, count)).toBeGreaterThanOrEqual(0);
    }
    expect(new Set(Array.from({ length: 20 }, () => pauses(0, 9))).size).toBeGreaterThan(1);
  });

  test('throws a failure without a reason to retry unchanged', async ({ inFakeTime }) => {
    const failure = new Error('forbidden');
    const attempt = (): Promise<never> => Promise.reject(failure);
    expect(await errorOf(inFakeTime(retry(createTestRun(), 'x', attempt, whileBusy)))).toBe(failure);
  });

  test('passes the elapsed time, so that the caller can end the retries', async ({ inFakeTime }) => {
    const attempt = () => Promise.reject(new Error('busy'));
    const forOneMinute = (_: unknown, elapsedMs: number) => (elapsedMs > 60_000 ? undefined : 'busy');
    const start = performance.now();
    expect(String(await errorOf(inFakeTime(retry(createTestRun(), 'x', attempt, forOneMinute))))).toContain(
      'busy',
    );
    expect(performance.now() - start).toBeGreaterThan(60_000);
  });

  test('fails with the reason of the run when the run ends', async ({ inFakeTime }) => {
    const run = createTestRun();
    const reason = new Error('over');
    setTimeout(() => run.abort(reason), 100_000);
    const attempt = () => Promise.reject(new Error('busy'));
    expect(await errorOf(inFakeTime(retry(run, 'x', attempt, whileBusy)))).toBe(reason);
  });
});
