import { setTimeout as sleep } from 'node:timers/promises';
import { ActionError, actionError, addWaitContext } from './errors.ts';

/** What every part of a run shares: how to log, when to stop, and how waits are reported and bounded. */
export interface RunContext {
  /** Aborted when the run's time is over or the job is cancelled; its reason is the error to end with. */
  readonly signal: AbortSignal;
  readonly info: (text: string) => void;
  readonly warning: (text: string) => void;
  readonly debug: (text: string) => void;
}

export interface WaitOptions {
  /** Milliseconds until the second look (default 500); each pause is half as long again as the one before. */
  readonly initialIntervalMs?: number;
  /** The longest pause in milliseconds (default 10,000). */
  readonly maxIntervalMs?: number;
  /** Milliseconds after which to give up; without it the run's own end is the bound. */
  readonly timeoutMs?: number;
  /** Whether each pause has a random length up to that, so that those who collided do not collide again. */
  readonly jitter?: boolean;
  /** What a person can do when the wait was in vain. */
  readonly hint?: string;
}

/** Called by a look with the reason why there is nothing yet; the last reason is logged, and named by the error. */
export type SetReason = (reason: string) => void;

/** Milliseconds between the lines that say what is being waited for. */
const PROGRESS_INTERVAL_MS = 15_000;

/**
 * Looks again and again, at a growing interval, until the look returns something. Long waits log what they wait for,
 * why, and for how long so far.
 * @param what for the sentences "waiting for …" and "gave up waiting for …"
 * @throws what `look` throws; `timed-out` of the catalogue after `timeoutMs`; when the run ends, its error with what was
 *   awaited and the last reason
 */
export async function waitFor<T>(
  run: RunContext,
  what: string,
  poll: (setReason: SetReason) => Promise<T | undefined>,
  options: WaitOptions = {},
): Promise<T> {
  const { maxIntervalMs = 10_000, timeoutMs = Number.POSITIVE_INFINITY } = options;
  const start = performance.now();
  let intervalMs = options.initialIntervalMs ?? 500;
  let loggedAtMs = 0;
  let reason: string | undefined;
  const setReason: SetReason = (text) => {
    reason = text;
  };
  const elapsedMs = (): number => performance.now() - start;
  const describeWait = (): string =>
    `${what} (${formatDuration(elapsedMs())}${reason === undefined ? '' : `: ${reason}`})`;
  try {
    for (;;) {
      run.signal.throwIfAborted();
      const result = await poll(setReason);
      if (result !== undefined) return result;
      if (elapsedMs() >= timeoutMs) {
        throw actionError('timed-out', {
          waitingFor: reason === undefined ? what : `${what} (${reason})`,
          after: formatDuration(elapsedMs()),
          hint: options.hint ?? 'Run the workflow again.',
        });
      }
      if (elapsedMs() - loggedAtMs >= PROGRESS_INTERVAL_MS) {
        run.info(`Still waiting for ${describeWait()} …`);
        loggedAtMs = elapsedMs();
      }
      await abortableSleep(run, Math.min(pauseMs(intervalMs, options), timeoutMs - elapsedMs()));
      intervalMs = Math.min(intervalMs * 1.5, maxIntervalMs);
    }
  } catch (error) {
    throw run.signal.aborted ? toWaitError(run.signal, error, describeWait()) : error;
  }
}

const pauseMs = (intervalMs: number, { jitter }: WaitOptions): number =>
  jitter ? Math.random() * intervalMs : intervalMs;

/**
 * What a wait ends with when the run has ended: the run's own error, with what was awaited; the innermost wait is named.
 * An error that the wait has found itself stays as it is.
 */
function toWaitError(signal: AbortSignal, thrown: unknown, awaited: string): unknown {
  const { reason } = signal;
  if (thrown instanceof ActionError && thrown !== reason) return thrown;
  return reason instanceof ActionError ? addWaitContext(reason, awaited, thrown) : reason;
}

/** Why a failed attempt is made again; undefined where it is not. `elapsedMs` counts from the first attempt. */
export type GetRetryReason = (
  error: unknown,
  elapsedMs: number,
) => string | undefined | Promise<string | undefined>;

export interface RetryOptions extends WaitOptions {
  /** Whether each retry is logged for everybody (default), or only for those who debug. */
  readonly log?: 'info' | 'debug';
}

/**
 * Makes an attempt again until it succeeds or its failure is no reason to. Long retries log what they wait for, as
 * {@link waitFor} does.
 * @param what to follow "waiting for" and "trying again", such as `creating firewall rule 'x'`
 * @throws the error of the attempt for which there is no reason to retry; when the run ends, its error
 */
export async function retry<T>(
  run: RunContext,
  what: string,
  attempt: () => Promise<T>,
  getRetryReason: GetRetryReason,
  { log = 'info', ...waitOptions }: RetryOptions = {},
): Promise<T> {
  const start = performance.now();
  const poll = async (setReason: SetReason): Promise<{ readonly value: T } | undefined> => {
    try {
      return { value: await attempt() };
    } catch (error) {
      const reason = run.signal.aborted ? undefined : await getRetryReason(error, performance.now() - start);
      if (reason === undefined) throw error;
      run[log](`${reason}; trying again: ${what}`);
      setReason(reason);
      return undefined;
    }
  };
  return (await waitFor(run, what, poll, waitOptions)).value;
}

/** Sleeps so many milliseconds, or throws the signal's reason when the run ends first. */
export async function abortableSleep(run: Pick<RunContext, 'signal'>, milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: run.signal }).catch(() => run.signal.throwIfAborted());
}

/**
 * Settles as the work does, or rejects when its time is over, whatever the work itself then goes on doing: for work of
 * libraries that may never settle, whatever signal they get.
 * @param timeoutMs until it is given up
 * @param createError what to reject with then
 */
export async function withTimeout<T>(
  timeoutMs: number,
  createError: () => Error,
  work: Promise<T>,
): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(createError()), timeoutMs);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/**
 * Settles as the work does; once the signal has aborted, the work has so many milliseconds to come to its own end, and
 * then this rejects with the signal's reason, whatever hangs.
 */
export async function withAbortGrace<T>(signal: AbortSignal, graceMs: number, work: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => reject(signal.reason), graceMs);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/** Milliseconds as people read them: `0.4 s`, `12 s`, `3 min 20 s`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
