import { setTimeout as sleep } from 'node:timers/promises';
import { ActionError, endedWhile, fail } from './errors.ts';

/** What every part of a run shares: how to log, when to stop, and how waits are reported and bounded. */
export interface Run {
  /** Aborted when the run's time is over or the job is cancelled; its reason is the error to end with. */
  readonly signal: AbortSignal;
  readonly info: (text: string) => void;
  readonly warning: (text: string) => void;
  readonly debug: (text: string) => void;
}

export interface WaitOptions {
  /** Milliseconds until the second look (default 500); each pause is half as long again as the one before. */
  readonly pause?: number;
  /** The longest pause in milliseconds (default 10,000). */
  readonly longestPause?: number;
  /** Milliseconds after which to give up; without it the run's own end is the bound. */
  readonly atMost?: number;
  /** What a person can do when the wait was in vain. */
  readonly advice?: string;
}

/** Called by a look with the reason why there is nothing yet; the last reason is logged, and named by the error. */
export type Because = (reason: string) => void;

/** Milliseconds between the lines that say what is being waited for. */
const sayEvery = 15_000;

/**
 * Looks again and again, at a growing interval, until the look returns something. Long waits log what they wait for,
 * why, and for how long so far.
 * @param what for the sentences "waiting for …" and "gave up waiting for …"
 * @throws what `look` throws; `timed-out` of the catalogue after `atMost`; when the run ends, its error with what was
 *   awaited and the last reason
 */
export async function waitFor<T>(
  run: Run,
  what: string,
  look: (because: Because) => Promise<T | undefined>,
  options: WaitOptions = {},
): Promise<T> {
  const { longestPause = 10_000, atMost = Number.POSITIVE_INFINITY } = options;
  const start = performance.now();
  let pause = options.pause ?? 500;
  let saidAt = 0;
  let reason: string | undefined;
  const because: Because = (text) => {
    reason = text;
  };
  const waited = (): number => performance.now() - start;
  const described = (): string =>
    `${what} (${duration(waited())}${reason === undefined ? '' : `: ${reason}`})`;
  try {
    for (;;) {
      run.signal.throwIfAborted();
      const seen = await look(because);
      if (seen !== undefined) return seen;
      if (waited() >= atMost) {
        throw fail('timed-out', {
          waitingFor: reason === undefined ? what : `${what} (${reason})`,
          after: duration(waited()),
          advice: options.advice ?? 'Run the workflow again.',
        });
      }
      if (waited() - saidAt >= sayEvery) {
        run.info(`Still waiting for ${described()} …`);
        saidAt = waited();
      }
      await pauseFor(run, Math.min(pause, atMost - waited()));
      pause = Math.min(pause * 1.5, longestPause);
    }
  } catch (error) {
    throw run.signal.aborted ? awaitedAt(run.signal, error, described()) : error;
  }
}

/**
 * What a wait ends with when the run has ended: the run's own error, with what was awaited; the innermost wait is named.
 * An error that the wait has found itself stays as it is.
 */
function awaitedAt(signal: AbortSignal, thrown: unknown, awaited: string): unknown {
  const { reason } = signal;
  const isConsequence = thrown === reason || !(thrown instanceof ActionError);
  return reason instanceof ActionError && isConsequence ? endedWhile(reason, awaited, thrown) : thrown;
}

/** Sleeps so many milliseconds, or throws the signal's reason when the run ends first. */
export async function pauseFor(run: Pick<Run, 'signal'>, milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: run.signal }).catch(() => run.signal.throwIfAborted());
}

/**
 * Settles as the work does, or rejects when its time is over, whatever the work itself then goes on doing: for work of
 * libraries that may never settle, whatever signal they get.
 * @param milliseconds until it is given up
 * @param error what to reject with then
 */
export async function within<T>(milliseconds: number, error: () => Error, work: Promise<T>): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(error()), milliseconds);
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/**
 * Settles as the work does; once the signal has aborted, the work has so many milliseconds to come to its own end, and
 * then this rejects with the signal's reason, whatever hangs.
 */
export async function untilAborted<T>(signal: AbortSignal, grace: number, work: Promise<T>): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => reject(signal.reason), grace);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, over]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/** Milliseconds as people read them: `0.4 s`, `12 s`, `3 min 20 s`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
