import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { vi } from 'vitest';

/** Advances the fake time until a promise has settled, and returns its value. */
export type RunInFakeTime = <T>(promise: Promise<T>) => Promise<T>;

/** More timers than any wait of a run sets. */
const MAX_TIMERS = 5000;

export const runInFakeTime: RunInFakeTime = async (promise) => {
  let settled = false;
  const observedPromise = promise.finally(() => {
    settled = true;
  });
  observedPromise.catch(() => {});
  for (let i = 0; !settled && i < MAX_TIMERS; i += 1) await vi.advanceTimersToNextTimerAsync();
  if (!settled) throw new Error('the promise did not settle');
  return await observedPromise;
};

/**
 * Replaces timers and clocks, those of `node:timers/promises` included, which vitest's fake timers leave alone.
 * @returns restores them. The files of a worker share modules, which see both replacements.
 */
export function useFakeTime(): () => void {
  const { setTimeout: realSetTimeout } = timersPromises;
  vi.useFakeTimers();
  replaceSetTimeout(sleep as typeof realSetTimeout);
  return () => {
    replaceSetTimeout(realSetTimeout);
    vi.useRealTimers();
  };
}

/** Replaces `setTimeout` of `node:timers/promises` for every module of the process. */
export function replaceSetTimeout(setTimeout: typeof timersPromises.setTimeout): void {
  timersPromises.setTimeout = setTimeout;
  syncBuiltinESMExports();
}

/** `setTimeout` of `node:timers/promises` over the global timers, which are fake. */
function sleep<T>(milliseconds: number, value: T, options: { signal?: AbortSignal } = {}): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const { signal } = options;
  const timer = setTimeout(() => resolve(value), milliseconds);
  const abort = (): void => {
    clearTimeout(timer);
    reject(new DOMException('aborted', 'AbortError'));
  };
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  return promise.finally(() => signal?.removeEventListener('abort', abort));
}
