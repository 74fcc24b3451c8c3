import { setTimeout as sleep } from 'node:timers/promises';
import { ActionError, actionError, addWaitContext } from './errors.ts';

/** The log and the abort signal of a run. */
export interface RunContext {
  /** Aborted when the run is out of time or the job is cancelled; its reason is the error of the run. */
  readonly signal: AbortSignal;
  readonly info: (text: string) => void;
  readonly warning: (text: string) => void;
  readonly debug: (text: string) => void;
}

/**
 * Milliseconds of the next pause between two polls.
 * @param elapsedMs milliseconds since the first poll
 * @param pauseCount pauses so far
 */
export type Pauses = (elapsedMs: number, pauseCount: number) => number;

/**
 * For a wait for what another party does: each pause is a share of the time that the wait has taken so far. What takes
 * longer is noticed later in proportion, and the number of polls grows only with the logarithm of the time.
 * @param share of the time so far (default 0.05)
 * @param minMs milliseconds of the shortest pause (default 500)
 * @param maxMs milliseconds of the longest pause (default 5000)
 */
export const followAge =
  ({ share = 0.05, minMs = 500, maxMs = 5000 } = {}): Pauses =>
  (elapsedMs) =>
    Math.min(Math.max(elapsedMs * share, minMs), maxMs);

/**
 * For another attempt after a failure, which can add to the load that made the previous one fail: each pause is 1.5 times
 * the previous one.
 * @param firstMs milliseconds of the first pause (default 500)
 * @param maxMs milliseconds of the longest pause (default 10,000)
 * @param jitter whether a pause has a random length up to that, so that jobs that collided do not collide again
 */
export const backOff =
  ({ firstMs = 500, maxMs = 10_000, jitter = false } = {}): Pauses =>
  (_elapsedMs, pauseCount) => {
    const pauseMs = Math.min(firstMs * 1.5 ** pauseCount, maxMs);
    return jitter ? Math.random() * pauseMs : pauseMs;
  };

export interface WaitOptions {
  /** The pauses between polls (default {@link followAge}). */
  readonly pauses?: Pauses;
  /** Milliseconds until the wait fails with `timed-out`; by default it ends only with the run. */
  readonly timeoutMs?: number;
  /** What a person can do after `timed-out`, also of the run during this wait. */
  readonly hint?: string;
  /** How long such a wait usually takes, such as `5 to 10 min`; see docs/azure-behavior.md#operation-timings. */
  readonly usually?: string;
}

/** A poll calls it with the reason why there is no result yet. The last reason is in log lines and errors. */
export type SetReason = (reason: string) => void;

/** Milliseconds between two log lines of a wait: in its first minute, and later. */
const PROGRESS_INTERVALS_MS = { first: 15_000, later: 30_000 };
/** Milliseconds from which on a wait is logged less often. */
const LONG_WAIT_MS = 60_000;
/** Milliseconds from which on the debug log names a wait that has ended. */
const DEBUG_WAIT_MS = 1000;

/**
 * Polls until `poll` returns something. A long wait logs every 15 s, after a minute every 30 s, what
 * it waits for, for how long so far, how long this usually takes, and why. The debug log has each wait of a second or more.
 * @param what to follow "waiting for"
 * @throws what `poll` throws; `timed-out` after `timeoutMs`; when the run ends, its error with `what` and the last reason
 */
export async function waitFor<T>(
  run: RunContext,
  what: string,
  poll: (setReason: SetReason) => Promise<T | undefined>,
  options: WaitOptions = {},
): Promise<T> {
  const { pauses = followAge(), timeoutMs = Number.POSITIVE_INFINITY } = options;
  const start = performance.now();
  const logProgress = createProgressLog(run, what, options);
  let reason: string | undefined;
  const setReason: SetReason = (text) => {
    reason = text;
  };
  const elapsedMs = (): number => performance.now() - start;
  const describeWait = (): string =>
    `${what} (${formatDuration(elapsedMs())}${reason === undefined ? '' : `: ${reason}`})`;
  try {
    for (let pauseCount = 0; ; pauseCount += 1) {
      run.signal.throwIfAborted();
      const result = await poll(setReason);
      if (result !== undefined) {
        logEnd(run, what, elapsedMs());
        return result;
      }
      if (elapsedMs() >= timeoutMs) {
        throw actionError('timed-out', {
          waitingFor: reason === undefined ? what : `${what} (${reason})`,
          after: formatDuration(elapsedMs()),
          hint: options.hint ?? 'Run the workflow again.',
        });
      }
      logProgress(elapsedMs(), reason);
      await abortableSleep(run, Math.min(pauses(elapsedMs(), pauseCount), timeoutMs - elapsedMs()));
    }
  } catch (error) {
    throw run.signal.aborted
      ? toWaitError(run.signal, error, { what: describeWait(), elapsedMs: elapsedMs(), hint: options.hint })
      : error;
  }
}

/** Returns a function that logs the progress of a wait, if the last line about it is old enough. */
function createProgressLog(
  run: RunContext,
  what: string,
  { usually }: WaitOptions,
): (elapsedMs: number, reason: string | undefined) => void {
  const { first, later } = PROGRESS_INTERVALS_MS;
  const usualTime = usually === undefined ? '' : `, usually ${usually}`;
  let loggedAtMs = 0;
  return (elapsedMs, reason) => {
    if (elapsedMs - loggedAtMs < (elapsedMs < LONG_WAIT_MS ? first : later)) return;
    const why = reason === undefined ? '' : ` (${reason})`;
    run.info(`Still waiting for ${what}: ${formatDuration(elapsedMs)} so far${usualTime}${why}`);
    loggedAtMs = elapsedMs;
  };
}

function logEnd(run: RunContext, what: string, elapsedMs: number): void {
  if (elapsedMs >= DEBUG_WAIT_MS) run.debug(`Waited ${formatDuration(elapsedMs)} for ${what}`);
}

interface EndedWait {
  readonly what: string;
  readonly elapsedMs: number;
  readonly hint: string | undefined;
}

/** Milliseconds that the wait of an error lasted, for {@link toWaitError}. */
const waitedMs = new WeakMap<ActionError, number>();

/**
 * The error of a wait when the run has ended: the run's error, with what the innermost wait waited for. That is the outer
 * wait if most of its time had passed before: then the inner one is only a step of one of its polls. An error that the wait
 * has found itself is thrown unchanged.
 */
function toWaitError(signal: AbortSignal, thrown: unknown, { what, elapsedMs, hint }: EndedWait): unknown {
  const { reason } = signal;
  const innerMs = thrown instanceof ActionError ? waitedMs.get(thrown) : undefined;
  const isStep = innerMs !== undefined && innerMs < elapsedMs / 2;
  if (thrown instanceof ActionError && thrown !== reason && !isStep) return thrown;
  if (!(reason instanceof ActionError)) return reason;
  const error = addWaitContext(reason, what, thrown, hint);
  waitedMs.set(error, elapsedMs);
  return error;
}

/** Whether a wait has reached its own `timeoutMs`, and not the end of the run. */
export const isWaitTimeout = ({ signal }: Pick<RunContext, 'signal'>, error: unknown): boolean =>
  !signal.aborted && error instanceof ActionError && error.code === 'timed-out';

/** The reason to retry after an error; undefined to throw it. `elapsedMs` counts milliseconds from the first attempt. */
export type GetRetryReason = (
  error: unknown,
  elapsedMs: number,
) => string | undefined | Promise<string | undefined>;

export interface RetryOptions extends WaitOptions {
  /** The pauses between attempts (default {@link backOff}). */
  readonly pauses?: Pauses;
  /** Level of the log line for each retry (default `info`). */
  readonly log?: 'info' | 'debug';
}

/**
 * Retries an attempt until it succeeds or its error is no reason to retry. The log lines are those of {@link waitFor}.
 * @param what to follow "waiting for" and "trying again:", such as `creating firewall rule 'x'`
 * @throws the error of the last attempt; when the run ends, its error
 */
export async function retry<T>(
  run: RunContext,
  what: string,
  attempt: () => Promise<T>,
  getRetryReason: GetRetryReason,
  { log = 'info', pauses = backOff(), ...waitOptions }: RetryOptions = {},
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
  return (await waitFor(run, what, poll, { ...waitOptions, pauses })).value;
}

/** Sleeps so many milliseconds. @throws the signal's reason when the run ends first */
export async function abortableSleep(run: Pick<RunContext, 'signal'>, milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: run.signal }).catch(() => run.signal.throwIfAborted());
}

/**
 * Settles as the work does, or rejects after `timeoutMs` milliseconds. The work itself continues: libraries may ignore a
 * signal and never settle.
 * @param createError the error after the timeout
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
 * Settles as the work does. Once the signal has aborted, the work gets `graceMs` milliseconds to settle; after that this
 * rejects with the signal's reason, although the work continues.
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

/** Formats milliseconds as `0.4 s`, `12 s` or `3 min 20 s`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
