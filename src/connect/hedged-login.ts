import type { LoginAttempt, LoginResult } from '../postgres/login.ts';

/** Milliseconds between the starts of two attempts: this share of the time since the first one, within these limits. */
const START_INTERVAL = { share: 0.05, minMs: 300, maxMs: 2000 } as const;
/** Attempts that wait at the same time. */
const MAX_PENDING_ATTEMPTS = 12;
/** Milliseconds of the longest attempt. */
const MAX_ATTEMPT_TIMEOUT_MS = 8000;

/**
 * Login attempts that start one after another, beside those that still wait. A firewall drops the packets of a connection
 * that it blocks, so an attempt from before a rule works is never answered, and only a later one shows that the rule works.
 *
 * Only one attempt at a time sends credentials: as soon as the server responds to one, all others are ended, and none starts
 * until that one has a result. So a slow server gets one login, and a wrong password is tried once.
 */
export class HedgedLogin {
  readonly #login: (timeoutMs: number) => LoginAttempt;
  readonly #signal: AbortSignal;
  /** When the first attempt was started; undefined before that. */
  #start: number | undefined;
  #nextStartAt = 0;
  readonly #pending = new Set<LoginAttempt>();
  /** The pending attempt that the server has responded to. */
  #responding: LoginAttempt | undefined;
  /** Results that {@link next} has not returned yet. */
  readonly #results: LoginResult[] = [];
  #startTimer: NodeJS.Timeout | undefined;
  #wake = (): void => {};

  /**
   * @param login starts an attempt, which ends after `timeoutMs` milliseconds
   * @param signal ends the attempts and {@link next}
   * @param first an attempt that waits already
   */
  constructor(login: (timeoutMs: number) => LoginAttempt, signal: AbortSignal, first?: LoginAttempt) {
    this.#login = login;
    this.#signal = signal;
    if (first !== undefined) this.#add(first);
  }

  /**
   * Starts an attempt if one is due, and waits for the first result of any attempt, or until the next one is due.
   * @returns undefined if no attempt has ended
   */
  async next(): Promise<LoginResult | undefined> {
    if (this.#results.length === 0) {
      if (this.#responding === undefined && performance.now() >= this.#nextStartAt) this.#startAttempt();
      await this.#waitForResult();
    }
    return this.#results.shift();
  }

  /** Ends all attempts without a result. Sessions that were opened, and not returned by {@link next}, are closed. */
  end(): void {
    this.#endAllExcept(undefined);
    for (const result of this.#results.splice(0)) if ('session' in result) void result.session.close();
    this.#wake();
  }

  #startAttempt(): void {
    const now = performance.now();
    this.#start ??= now;
    const { share, minMs, maxMs } = START_INTERVAL;
    const intervalMs = Math.min(Math.max((now - this.#start) * share, minMs), maxMs);
    this.#nextStartAt = now + intervalMs;
    this.#add(this.#login(Math.min(MAX_PENDING_ATTEMPTS * intervalMs, MAX_ATTEMPT_TIMEOUT_MS)));
  }

  #add(attempt: LoginAttempt): void {
    this.#pending.add(attempt);
    void attempt.responded.then(() => {
      if (!this.#pending.has(attempt)) return;
      this.#responding = attempt;
      this.#endAllExcept(attempt);
      clearTimeout(this.#startTimer);
    });
    void attempt.result.then((result) => {
      if (!this.#pending.delete(attempt)) return;
      if (this.#responding === attempt) this.#responding = undefined;
      this.#results.push(result);
      this.#wake();
    });
  }

  #endAllExcept(kept: LoginAttempt | undefined): void {
    for (const attempt of this.#pending) {
      if (attempt === kept) continue;
      this.#pending.delete(attempt);
      attempt.end();
    }
  }

  /** Resolves also when the next attempt is due, unless the server has responded to one, and when the signal aborts. */
  async #waitForResult(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#signal.addEventListener('abort', this.#wake, { once: true });
    if (this.#signal.aborted) resolve();
    if (this.#responding === undefined)
      this.#startTimer = setTimeout(resolve, Math.ceil(this.#nextStartAt - performance.now()));
    await promise;
    clearTimeout(this.#startTimer);
    this.#signal.removeEventListener('abort', this.#wake);
  }
}
