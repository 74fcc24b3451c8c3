import { bounded } from '../bounds.ts';
import { messageOf } from '../errors.ts';
import { duration, pauseFor, type Run } from '../waiting.ts';

/** No SQLSTATE begins with E, while the system's own codes do (EPIPE). */
export const isSqlState = (code: string): boolean => /^(?!E)[0-9A-Z]{5}$/.test(code);

/** PostgreSQL's five characters, where it is PostgreSQL that refused; empty for everything else, a run's end among it. */
export function sqlStateOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && isSqlState(code) ? code : '';
}

/** What PostgreSQL said, with its detail where that names what the message does not. */
export function said(error: unknown): string {
  const detail = (error as { detail?: unknown } | null)?.detail;
  const state = sqlStateOf(error);
  return [
    messageOf(error),
    typeof detail === 'string' && `(${bounded(detail)})`,
    state && `(SQLSTATE ${state})`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** A creation that somebody else won: it is there, or is about to be (facts.md §5). */
export const lostRace = (error: unknown): boolean => ['42P04', '23505', '42710'].includes(sqlStateOf(error));

/** That a lock was not to be had within the session's `lock_timeout`. */
export const lockNotAvailable = '55P03';

/**
 * Two sessions at one catalogue row: `tuple concurrently updated` (XX000) or deleted, a unique index, a deadlock, a
 * serialization failure (facts.md §5), or a lock that another holds.
 */
function collided(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state === 'XX000') return /tuple concurrently/.test(messageOf(error));
  return ['23505', '40P01', '40001', lockNotAvailable].includes(state);
}

/** Milliseconds after which a wait is logged. */
const SAY_AFTER_MS = 15_000;
/** Milliseconds for collisions to pass; twenty jobs at one role take a few rounds. */
const patience = 60_000;

/**
 * Does something that another session may collide with, again until it is done.
 * @param unblock called where a lock was not to be had: ends who holds it, if that is ours to do
 */
export async function againOnCollision<T>(
  run: Run,
  work: () => Promise<T>,
  unblock: () => Promise<unknown> = async () => {},
): Promise<T> {
  const start = performance.now();
  let isSaid = false;
  for (let round = 1; ; round += 1) {
    try {
      return await work();
    } catch (error) {
      const waited = performance.now() - start;
      if (!collided(error) || waited > patience) throw error;
      if (waited > SAY_AFTER_MS && !isSaid) {
        run.info(
          `Still waiting for another session at the same object (${duration(waited)}: ${said(error)}) …`,
        );
        isSaid = true;
      }
      run.debug(`Another session was at the same object (${sqlStateOf(error)}); trying again.`);
      if (sqlStateOf(error) === lockNotAvailable) await unblock();
      // Apart, or those that have collided would collide again.
      await pauseFor(run, Math.random() * Math.min(50 * round, 1000));
    }
  }
}
