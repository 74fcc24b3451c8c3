import type { Run } from '../../../src/waiting.ts';

/** A run whose voice is kept, and whose end the test holds. */
export interface TestRun extends Run {
  readonly said: string[];
  end(reason: Error): void;
}

export function testRun(): TestRun {
  const controller = new AbortController();
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  return {
    signal: controller.signal,
    info: say,
    warning: say,
    debug: say,
    said,
    end: (reason) => controller.abort(reason),
  };
}

/** What a promise throws, as it is; fails where it throws nothing. */
export async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol('nothing');
  const thrown = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  if (thrown === nothing) throw new Error('nothing was thrown');
  return thrown;
}
