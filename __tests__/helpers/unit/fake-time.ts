import { vi } from 'vitest';

/** Far more timers than any wait of a run sets. */
const manyTimers = 5000;

/** Lets fake time run until a promise has settled, and returns what it brings. */
export async function inFakeTime<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const watched = promise.finally(() => {
    settled = true;
  });
  watched.catch(() => {});
  for (let i = 0; !settled && i < manyTimers; i += 1) await vi.advanceTimersToNextTimerAsync();
  if (!settled) throw new Error('it never came to an end');
  return await watched;
}
