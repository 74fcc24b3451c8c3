import { getErrorMessage } from '../common/errors.ts';
import { abortableSleep, formatDuration, type RunContext } from '../common/polling.ts';
import { sanitizeText } from '../common/sanitize.ts';

/** No SQLSTATE begins with E, while the system's own codes do (EPIPE). */
export const isSqlState = (code: string): boolean => /^(?!E)[0-9A-Z]{5}$/.test(code);

/** PostgreSQL's five characters, where it is PostgreSQL that refused; empty for everything else, a run's end among it. */
export function getSqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && isSqlState(code) ? code : '';
}

/** What PostgreSQL said, with its detail where that names what the message does not. */
export function formatPgError(error: unknown): string {
  const detail = (error as { detail?: unknown } | null)?.detail;
  const state = getSqlState(error);
  return [
    getErrorMessage(error),
    typeof detail === 'string' && `(${sanitizeText(detail)})`,
    state && `(SQLSTATE ${state})`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** A creation that somebody else won: it is there, or is about to be (facts.md §5). */
export const isDuplicateObject = (error: unknown): boolean =>
  ['42P04', '23505', '42710'].includes(getSqlState(error));

/** That a lock was not to be had within the session's `lock_timeout`. */
export const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Two sessions at one catalogue row: `tuple concurrently updated` (XX000) or deleted, a unique index, a deadlock, a
 * serialization failure (facts.md §5), or a lock that another holds.
 */
function isConcurrencyError(error: unknown): boolean {
  const state = getSqlState(error);
  if (state === 'XX000') return /tuple concurrently/.test(getErrorMessage(error));
  return ['23505', '40P01', '40001', LOCK_NOT_AVAILABLE].includes(state);
}

/** Milliseconds after which a wait is logged. */
const LOG_AFTER_MS = 15_000;
/** Milliseconds for collisions to pass; twenty jobs at one role take a few rounds. */
const CONFLICT_TIMEOUT_MS = 60_000;

/**
 * Does something that another session may collide with, again until it is done.
 * @param unblock called where a lock was not to be had: ends who holds it, if that is ours to do
 */
export async function retryOnConflict<T>(
  run: RunContext,
  work: () => Promise<T>,
  unblock: () => Promise<unknown> = async () => {},
): Promise<T> {
  const start = performance.now();
  let hasLogged = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const waitedMs = performance.now() - start;
      if (!isConcurrencyError(error) || waitedMs > CONFLICT_TIMEOUT_MS) throw error;
      if (waitedMs > LOG_AFTER_MS && !hasLogged) {
        run.info(
          `Still waiting for another session at the same object (${formatDuration(waitedMs)}: ${formatPgError(error)}) …`,
        );
        hasLogged = true;
      }
      run.debug(`Another session was at the same object (${getSqlState(error)}); trying again.`);
      if (getSqlState(error) === LOCK_NOT_AVAILABLE) await unblock();
      // Apart, or those that have collided would collide again.
      await abortableSleep(run, Math.random() * Math.min(50 * attempt, 1000));
    }
  }
}
