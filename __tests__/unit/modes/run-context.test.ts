import { describe, expect } from 'vitest';
import { actionError } from '../../../src/common/errors.ts';
import { ActionsRuntime } from '../../../src/github/actions.ts';
import { withRunContext } from '../../../src/modes/run-context.ts';
import { test } from '../../helpers/unit/test.ts';
import { errorOf } from '../../helpers/unit/test-run.ts';

const minute = 60_000;

describe('a run ends at its time limit', () => {
  test('work that ignores the signal is abandoned some seconds later', async ({ inFakeTime }) => {
    const start = performance.now();
    const hangs = (): Promise<never> => new Promise(() => {});
    const error = await errorOf(
      inFakeTime(withRunContext(new ActionsRuntime(), minute, 'Wait longer.', hangs)),
    );
    expect(error).toMatchObject({ code: 'timed-out', hint: 'Wait longer.' });
    expect(performance.now() - start).toBeGreaterThanOrEqual(minute);
    expect(performance.now() - start).toBeLessThanOrEqual(minute + 10_000);
  });

  test('work that handles the signal has time to clean up, and its own error is thrown', async ({
    inFakeTime,
  }) => {
    const own = actionError('migration-failed', { reason: 'took too long' });
    const work = withRunContext(
      new ActionsRuntime(),
      minute,
      'Wait longer.',
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => setTimeout(() => reject(own), 5000));
        }),
    );
    expect(await errorOf(inFakeTime(work))).toBe(own);
  });

  test('an unexpected error after the limit is reported as the timeout', async ({ inFakeTime }) => {
    const work = withRunContext(
      new ActionsRuntime(),
      minute,
      'Wait longer.',
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('socket hang up')));
        }),
    );
    expect(await errorOf(inFakeTime(work))).toMatchObject({ code: 'timed-out' });
  });

  test('no signal handler remains after the run', async () => {
    const before = process.listenerCount('SIGINT');
    expect(await withRunContext(new ActionsRuntime(), minute, '', async () => 'done')).toBe('done');
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

test('an error that is not in the catalog is reported as unexpected', async () => {
  const work = withRunContext(new ActionsRuntime(), minute, '', () => Promise.reject(new Error('no')));
  expect(await errorOf(work)).toMatchObject({ code: 'unexpected', message: expect.stringContaining('no') });
});
