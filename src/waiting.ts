import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from './errors.ts';

/** What every part of a run shares: how to say things, when to stop, and how waits are told and bounded. */
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

/** Milliseconds between the lines that say what is being waited for. */
const sayEvery = 15_000;

/**
 * Looks again and again, at a growing interval, until the look returns something. Long waits say what they wait for
 * and how long it has taken.
 * @param what for the sentences "waiting for …" and "gave up waiting for …"
 * @throws what `look` throws; `timed-out` of the catalogue after `atMost`; the signal's reason when the run ends
 */
export async function waitFor<T>(
  run: Run,
  what: string,
  look: () => Promise<T | undefined>,
  options: WaitOptions = {},
): Promise<T> {
  const { longestPause = 10_000, atMost = Number.POSITIVE_INFINITY } = options;
  const start = performance.now();
  let pause = options.pause ?? 500;
  let saidAt = 0;
  for (;;) {
    run.signal.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    const waited = performance.now() - start;
    if (waited >= atMost) {
      throw fail('timed-out', {
        waitingFor: what,
        after: duration(waited),
        advice: options.advice ?? 'Run the workflow again.',
      });
    }
    if (waited - saidAt >= sayEvery) {
      run.info(`Still waiting for ${what} (${duration(waited)}) …`);
      saidAt = waited;
    }
    await pauseFor(run, Math.min(pause, atMost - waited));
    pause = Math.min(pause * 1.5, longestPause);
  }
}

/** Sleeps so many milliseconds, or throws the signal's reason when the run ends first. */
export async function pauseFor(run: Run, milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: run.signal }).catch(() => run.signal.throwIfAborted());
}

/** Milliseconds as people read them: `0.4 s`, `12 s`, `3 min 20 s`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
