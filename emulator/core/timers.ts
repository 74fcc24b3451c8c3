import { setTimeout as delay } from 'node:timers/promises';

/** The waits of an emulator. They all end when the emulator closes. */
export class Timers {
  readonly #controller = new AbortController();

  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Resolves after this number of milliseconds. Rejects with an AbortError when the emulator closes. */
  async sleep(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await delay(milliseconds, undefined, { signal: this.#controller.signal });
    else this.#controller.signal.throwIfAborted();
  }

  cancelAll(): void {
    this.#controller.abort();
  }
}
