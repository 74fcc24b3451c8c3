import { actionError, getErrorMessage, type StatementContext } from '../common/errors.ts';
import { backOff, type RunContext, retry } from '../common/polling.ts';
import { sanitizeText } from '../common/sanitize.ts';

/** No SQLSTATE begins with E, but codes of the operating system do (EPIPE). */
export const isSqlState = (code: string): boolean => /^(?!E)[0-9A-Z]{5}$/.test(code);

/** The SQLSTATE of an error of PostgreSQL; empty for every other error, such as the end of the run. */
export function getSqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && isSqlState(code) ? code : '';
}

/** The parts of PostgreSQL's error message besides its text and SQLSTATE. */
interface PgErrorFields {
  readonly severity?: unknown;
  readonly detail?: unknown;
  readonly hint?: unknown;
  /** The function of the server that reports the error; unlike the message, it is never translated. */
  readonly routine?: unknown;
}

const fieldsOf = (error: unknown): PgErrorFields => (error as PgErrorFields | null | undefined) ?? {};

/** The message of an error, with PostgreSQL's detail, hint and SQLSTATE. */
export function formatPgError(error: unknown): string {
  const { detail, hint } = fieldsOf(error);
  const state = getSqlState(error);
  return [
    getErrorMessage(error),
    typeof detail === 'string' && `(${sanitizeText(detail)})`,
    state && typeof hint === 'string' && `(PostgreSQL’s hint: ${sanitizeText(hint)})`,
    state && `(SQLSTATE ${state})`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** What to do, by SQLSTATE or by its class (the first two characters); docs/azure-behavior.md#errors-of-postgresql. */
export type SqlStateHints = Readonly<Record<string, string>>;

const SQL_STATE_HINTS: SqlStateHints = {
  '08': 'The connection failed. Check in the Azure portal whether the server restarted or failed over, then run the step again.',
  '0A000': 'This server does not support the statement. Check the version and the parameters of the server.',
  '22': 'PostgreSQL does not accept a value. Correct the input that it comes from.',
  '25006':
    'The transaction is read-only. Check whether the server, the database or the role sets default_transaction_read_only.',
  '25P03':
    'The server ended the session because of its timeouts. Check idle_in_transaction_session_timeout, then run the step again.',
  '25P04':
    'The server ended the session because of its timeouts. Check transaction_timeout, then run the step again.',
  '28': 'Check the role and its password.',
  '2BP01': 'Transfer or drop the objects that depend on it, then run the step again.',
  '3D000': 'The database does not exist. Another job may have dropped it: run the step again.',
  '40': 'Another session changes the same object. Run the step again.',
  '42501':
    'Grant the missing privilege to admin-username, or set admin-username to the administrator of the server.',
  '42704': 'An object that the statement names does not exist. Check the names in the inputs.',
  '42710': 'Another job has created the same object. Run the step again.',
  '42P04': 'Another job has created the same database. Run the step again.',
  '53100':
    'The storage of the server is full. Increase storage-size-gb with on-drift: fix, or free space: mode: sweep drops the databases of closed pull requests.',
  '53200':
    'The server has no memory left for the statement. If PostgreSQL’s hint names max_locks_per_transaction, increase that server parameter; otherwise choose a larger sku.',
  '53300': 'All connections are in use. End sessions that are not needed, or run fewer jobs at once.',
  '53400':
    'A limit in the configuration of the server is exceeded. Increase the server parameter that PostgreSQL names.',
  '54': 'A limit of PostgreSQL is exceeded, which no parameter changes. Reduce what the statement works on.',
  '55000':
    'The object is not in the state that the statement requires. Wait for the operation that PostgreSQL names, then run the step again.',
  '55006': 'Other sessions use the object. End them (pg_stat_activity lists them), then run the step again.',
  '55P03':
    'Another session holds the lock. Wait until it has ended, or end it (pg_locks and pg_stat_activity list it), then run the step again.',
  '57014':
    'Another session or a timeout of the server cancelled the statement. Check who can call pg_cancel_backend, then run the step again.',
  '57P01': 'An administrator ended the session, or the server shut down. Run the step again.',
  '57P02': 'A process of the server crashed, and the server restarts. Run the step again.',
  '57P03': 'The server does not accept connections yet, or no longer. Check its state in the Azure portal.',
  '57P04': 'The database was dropped during the run. Run the step again.',
  '57P05':
    'The server ended the session because of its timeouts. Check idle_session_timeout, then run the step again.',
  '58': 'The server could not use one of its files. Check the health of the server in the Azure portal, and open a support request if it persists.',
  XX: 'PostgreSQL reports an internal error. Run the step again, and open a support request at Azure if it persists.',
};

/** For a SQLSTATE that no table contains. */
const UNKNOWN_STATE_HINT = 'Correct what PostgreSQL reports, then run the step again.';

const CONNECTION_LOST_HINT =
  'Check in the Azure portal whether the server restarted or failed over, and whether a proxy or NAT ends connections. Then run the step again.';

/** An error of PostgreSQL for people. */
export interface PgErrorExplanation {
  /** PostgreSQL's message with its detail, hint and SQLSTATE. */
  readonly reason: string;
  /** What to do. */
  readonly hint: string;
}

/**
 * Explains an error of a session. Every place that turns an error of PostgreSQL into an error of the catalog uses it.
 * @param specific hints for the statement at hand, which precede the general ones
 */
export function explainPgError(error: unknown, specific: SqlStateHints = {}): PgErrorExplanation {
  const state = getSqlState(error);
  const find = (hints: SqlStateHints): string | undefined => hints[state] ?? hints[state.slice(0, 2)];
  const hint =
    state === '' ? CONNECTION_LOST_HINT : (find(specific) ?? find(SQL_STATE_HINTS) ?? UNKNOWN_STATE_HINT);
  return { reason: formatPgError(error), hint };
}

/** Whose limit of connections is reached. */
export type ConnectionLimitScope = 'server' | 'database' | 'role';

/**
 * Whose limit of connections an error with SQLSTATE 53300 reports. The message can be in any language, so the server's
 * function decides first (docs/azure-behavior.md#login-errors).
 */
export function connectionLimitScope(error: unknown): ConnectionLimitScope {
  const { routine } = fieldsOf(error);
  const message = getErrorMessage(error);
  if (routine === 'CheckMyDatabase' || /connections for database/.test(message)) return 'database';
  if (routine === 'InitializeSessionUserId' || /connections for role/.test(message)) return 'role';
  return 'server';
}

const statementContexts = new WeakMap<object, StatementContext>();

const contextOf = (error: unknown): StatementContext =>
  statementContexts.get(Object(error)) ?? { statement: '', database: '', user: '' };

/** Records which statement failed, for {@link toSqlError}. */
export function recordStatement(
  error: unknown,
  text: string,
  where: Omit<StatementContext, 'statement'>,
): void {
  if (typeof error === 'object' && error !== null)
    statementContexts.set(error, { ...where, statement: summarizeStatement(text) });
}

/** The keywords of a statement, and for a query the first catalog that it reads. Values could be secrets. */
function summarizeStatement(text: string): string {
  const [, keywords = ''] = /^\s*([A-Z]+(?:\s+[A-Z]+){0,3})\b/.exec(text) ?? [];
  if (!keywords.startsWith('SELECT')) return keywords;
  const [, catalog] = /\bFROM (pg_\w+)/.exec(text) ?? [];
  return catalog === undefined ? 'SELECT' : `SELECT from ${catalog}`;
}

/** A session that the server or the network has ended. The message names the first cause. */
export class SessionLostError extends Error {
  override readonly name = 'SessionLostError';

  constructor(cause: unknown) {
    super(formatPgError(cause), { cause });
  }
}

/** Whether the server ends the session with this error. */
export const isFatal = (error: unknown): boolean =>
  getSqlState(error) !== '' && ['FATAL', 'PANIC'].includes(String(fieldsOf(error).severity));

/**
 * Turns an error of a session that no other code explains into an error of the catalog: `session-lost` or `sql-failed`.
 * Returns every other value unchanged.
 */
export function toSqlError(error: unknown): unknown {
  if (error instanceof SessionLostError || isFatal(error)) {
    const explained = explainPgError(error instanceof SessionLostError ? error.cause : error);
    return actionError('session-lost', { ...contextOf(error), ...explained }, { cause: error });
  }
  if (getSqlState(error) === '') return error;
  return actionError('sql-failed', { ...contextOf(error), ...explainPgError(error) }, { cause: error });
}

/** PostgreSQL's own hint; empty if the error has none. */
export function getPgHint(error: unknown): string {
  const { hint } = fieldsOf(error);
  return typeof hint === 'string' ? sanitizeText(hint) : '';
}

/** Another session has created the object, or is creating it (docs/azure-behavior.md#concurrent-changes). */
export const isDuplicateObject = (error: unknown): boolean =>
  ['42P04', '23505', '42710'].includes(getSqlState(error));

/** The SQLSTATE of a lock that was not granted within the session's `lock_timeout`. */
export const LOCK_NOT_AVAILABLE = '55P03';

/** The server's functions whose errors all mean that another session has changed or dropped the object. */
const CONFLICT_ROUTINES = ['simple_heap_update', 'simple_heap_delete', 'shdepLockAndCheckObject'];

/** Internal errors (XX000) of a statement whose database or role another session drops; never translated. */
const CONCURRENT_DROP = /^(cache lookup failed for (database|role)|could not find tuple for role) \d+$/;

/**
 * Another session changes or drops the same object: a catalog row, a unique index, a deadlock, a serialization failure, or
 * a lock (docs/azure-behavior.md#concurrent-changes). The next attempt finds the object changed, missing, or created again.
 */
function isConcurrencyError(error: unknown): boolean {
  const state = getSqlState(error);
  if (['XX000', '42704'].includes(state) && CONFLICT_ROUTINES.includes(String(fieldsOf(error).routine)))
    return true;
  if (state === 'XX000') return CONCURRENT_DROP.test(getErrorMessage(error));
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
    pauses: backOff({ firstMs: 50, maxMs: 1000, jitter: true }),
    log: 'debug',
  });
}

/**
 * Turns an error of PostgreSQL into `drop-failed`; returns every other error unchanged.
 * @param blockers the sessions and prepared transactions that hold the lock, a line each
 */
export function toDropError(what: string, error: unknown, blockers: readonly string[] = []): unknown {
  if (getSqlState(error) === '') return error;
  const { reason, hint } = explainPgError(error);
  return actionError(
    'drop-failed',
    { what, reason: blockers.length === 0 ? reason : `${reason}. It is locked by:`, lines: blockers, hint },
    { cause: error },
  );
}
