import { messageOf } from '../errors.ts';
import { pauseFor, type Run } from '../waiting.ts';

/** PostgreSQL's five characters, where the error is PostgreSQL's; else the system's code, or an empty text. */
export function sqlStateOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** What PostgreSQL said, with its detail where that names what the message does not. */
export function said(error: unknown): string {
  const detail = (error as { detail?: unknown } | null)?.detail;
  const state = sqlStateOf(error);
  return [messageOf(error), typeof detail === 'string' && `(${detail})`, state && `(SQLSTATE ${state})`]
    .filter(Boolean)
    .join(' ');
}

/** A creation that somebody else won: it is there, or is about to be (facts.md §5). */
export const lostRace = (error: unknown): boolean => ['42P04', '23505', '42710'].includes(sqlStateOf(error));

/**
 * Two sessions at one catalogue row: `tuple concurrently updated` (XX000) or deleted, a unique index, a deadlock, a
 * serialization failure (facts.md §5).
 */
function collided(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state === 'XX000') return /tuple concurrently/.test(messageOf(error));
  return ['23505', '40P01', '40001', '55P03'].includes(state);
}

/** Milliseconds for collisions to pass; twenty jobs at one role take a few rounds. */
const patience = 60_000;

/** Does something that another session may collide with, again until it is done. */
export async function againOnCollision<T>(run: Run, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  for (let round = 1; ; round += 1) {
    try {
      return await work();
    } catch (error) {
      if (!collided(error) || performance.now() - start > patience) throw error;
      run.debug(`Another session was at the same object (${sqlStateOf(error)}); trying again.`);
      // Apart, or those that have collided would collide again.
      await pauseFor(run, Math.random() * Math.min(50 * round, 1000));
    }
  }
}
