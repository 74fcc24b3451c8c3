import { getErrorMessage } from '../common/errors.ts';
import { type RunContext, retry } from '../common/polling.ts';
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

/** Milliseconds for collisions to pass; twenty jobs at one role take a few rounds. */
const CONFLICT_TIMEOUT_MS = 60_000;

/**
 * Does something that another session may collide with, again until it is done.
 * @param unblock called where a lock was not to be had: ends who holds it, if that is ours to do
 */
export function retryOnConflict<T>(
  run: RunContext,
  work: () => Promise<T>,
  unblock: () => Promise<unknown> = async () => {},
): Promise<T> {
  const getRetryReason = async (error: unknown, elapsedMs: number): Promise<string | undefined> => {
    if (!isConcurrencyError(error) || elapsedMs > CONFLICT_TIMEOUT_MS) return undefined;
    if (getSqlState(error) === LOCK_NOT_AVAILABLE) await unblock();
    return formatPgError(error);
  };
  return retry(run, 'another session that changes the same object', work, getRetryReason, {
    initialIntervalMs: 50,
    maxIntervalMs: 1000,
    jitter: true,
    log: 'debug',
  });
}
