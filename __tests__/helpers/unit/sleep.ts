/**
 * `node:timers/promises` over the global timers, which vitest's fake timers reach (they leave this module alone).
 * For `vi.mock('node:timers/promises', () => import('…/sleep.ts'))`.
 */
export function setTimeout<T>(
  milliseconds: number,
  value: T,
  options: { signal?: AbortSignal } = {},
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const { signal } = options;
  const timer = globalThis.setTimeout(() => resolve(value), milliseconds);
  const abort = (): void => {
    clearTimeout(timer);
    reject(new DOMException('aborted', 'AbortError'));
  };
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  return promise.finally(() => signal?.removeEventListener('abort', abort));
}
