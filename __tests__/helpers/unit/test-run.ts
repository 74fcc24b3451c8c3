import type { RunContext } from '../../../src/common/polling.ts';

/** A run that records its log lines, and that the test can abort. */
export interface TestRun extends RunContext {
  readonly logLines: string[];
  abort(reason: Error): void;
}

export function createTestRun(): TestRun {
  const controller = new AbortController();
  const logLines: string[] = [];
  const log = (text: string): void => void logLines.push(text);
  return {
    signal: controller.signal,
    info: log,
    warning: log,
    debug: log,
    logLines,
    abort: (reason) => controller.abort(reason),
  };
}

/** The error with which a promise rejects. @throws where it resolves */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol('nothing');
  const thrown = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  if (thrown === nothing) throw new Error('nothing was thrown');
  return thrown;
}
