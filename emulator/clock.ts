import { setTimeout as delay } from 'node:timers/promises';

/** The emulator's waiting: every wait ends when the emulator does, so that nothing outlives it. */
export class Clock {
  readonly #end = new AbortController();

  get ended(): boolean {
    return this.#end.signal.aborted;
  }

  /** Resolves after this many milliseconds; rejects with an AbortError once the emulator is closing. */
  async wait(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await delay(milliseconds, undefined, { signal: this.#end.signal });
    else this.#end.signal.throwIfAborted();
  }

  end(): void {
    this.#end.abort();
  }
}
