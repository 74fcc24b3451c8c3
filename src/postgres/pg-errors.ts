import { actionError, getErrorMessage } from '../common/errors.ts';
import { type RunContext, retry } from '../common/polling.ts';
import { sanitizeText } from '../common/sanitize.ts';

/** No SQLSTATE begins with E, but codes of the operating system do (EPIPE). */
export const isSqlState = (code: string): boolean => /^(?!E)[0-9A-Z]{5}$/.test(code);

/** The SQLSTATE of an error of PostgreSQL; empty for every other error, such as the end of the run. */
export function getSqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && isSqlState(code) ? code : '';
}

/** The message of an error, with PostgreSQL's detail and SQLSTATE. */
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

/** PostgreSQL's own hint; empty if the error has none. */
export function getPgHint(error: unknown): string {
  const hint = (error as { hint?: unknown } | null)?.hint;
  return typeof hint === 'string' ? sanitizeText(hint) : '';
}

/** Another session has created the object, or is creating it (docs/azure-behavior.md#concurrent-changes). */
export const isDuplicateObject = (error: unknown): boolean =>
  ['42P04', '23505', '42710'].includes(getSqlState(error));

/** The SQLSTATE of a lock that was not granted within the session's `lock_timeout`. */
export const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Another session changes the same object: a catalog row that was updated or deleted (XX000), a unique index, a deadlock,
 * a serialization failure, or a lock (docs/azure-behavior.md#concurrent-changes).
 */
function isConcurrencyError(error: unknown): boolean {
  const state = getSqlState(error);
  if (state === 'XX000') return /tuple concurrently/.test(getErrorMessage(error));
  return ['23505', '40P01', '40001', LOCK_NOT_AVAILABLE].includes(state);
}

/** Milliseconds for which conflicts are retried; twenty jobs that change one role need a few rounds. */
const CONFLICT_TIMEOUT_MS = 60_000;

/**
 * Retries `work` while it conflicts with another session.
 * @param unblock called when a lock was not granted; ends the sessions that hold it, as far as the action may
 * @throws the error of `work` when it is no conflict, or after {@link CONFLICT_TIMEOUT_MS}
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

/**
 * Turns an error of PostgreSQL into `drop-failed`; returns every other error unchanged.
 * @param blockers the sessions and prepared transactions that hold the lock, a line each
 */
export function toDropError(what: string, error: unknown, blockers: readonly string[] = []): unknown {
  const state = getSqlState(error);
  if (state === '') return error;
  const hint =
    state === '2BP01'
      ? 'Transfer or drop the objects that depend on it, then run the step again.'
      : state === '42501'
        ? 'Grant the missing privilege to admin-username, or set admin-username to the administrator of the server.'
        : 'Fix what PostgreSQL reports, then run the step again.';
  const reason = blockers.length === 0 ? formatPgError(error) : `${formatPgError(error)}. It is locked by:`;
  return actionError('drop-failed', { what, reason, lines: blockers, hint }, { cause: error });
}
