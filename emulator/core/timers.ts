import { setTimeout as delay } from 'node:timers/promises';

/** The emulator's waiting: every wait ends when the emulator does, so that nothing outlives it. */
export class Timers {
  readonly #controller = new AbortController();

  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Resolves after this many milliseconds; rejects with an AbortError once the emulator is closing. */
  async sleep(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await delay(milliseconds, undefined, { signal: this.#controller.signal });
    else this.#controller.signal.throwIfAborted();
  }

  cancelAll(): void {
    this.#controller.abort();
  }
}
