import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  describePreparedTransaction,
  findCurrentDatabaseOid,
  listPreparedTransactions,
  MIGRATION_LOCK_SQL,
} from '../postgres/activity.ts';
import { type LoginTarget, login } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';

/** Prefix of the application names of all sessions of the action, see `ActionsRuntime.applicationName`. */
const APPLICATION_NAME_PREFIX = 'azure-postgresql-action ';

/** Milliseconds between two polls of sessions that are being terminated. */
const POLL_INTERVAL_MS = 100;

/** Maximum number of sessions or locks that are listed; there can be thousands. */
const MAX_LISTED = 20;

/** Selects the sessions of a migration, see `MIGRATION_SESSION_SQL`. */
export interface MigrationSessionFilter {
  readonly applicationName: string;
  /** The server's time at the start of the migration, in PostgreSQL's format; undefined: select by application name only. */
  readonly since?: string | undefined;
  /** Excludes idle sessions that only hold an advisory lock and do not have the migration's application name. */
  readonly onlyBusy?: boolean;
}

/** `PGAPPNAME` of a migration: 58 bytes with a tag of 24 characters, of the 63 that PostgreSQL stores. */
export const migrationApplicationName = (tag: string): string => `${APPLICATION_NAME_PREFIX}migration ${tag}`;

/** The server's current time, to compare with `backend_start`. */
export async function serverTime(session: Session): Promise<string> {
  const [row] = await session.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return row?.now ?? '';
}

/** The address of this session from the view with which it is compared: `inet_client_addr()` differs from it in the emulator. */
const OWN_ADDRESS_SQL = '(SELECT client_addr FROM pg_stat_activity WHERE pid = pg_backend_pid())';

/**
 * Condition for a session `a` of pg_stat_activity to be one of the migration's. It is run by the migration's role in
 * the migration's database; $1 to $3 are the fields of {@link MigrationSessionFilter}. The session either has the
 * migration's application name, which contains a random tag, or meets all of these conditions, because some clients
 * (pgJDBC, Prisma) set another name:
 * - It has the same role, database and client address as this session. A deployed application has another address.
 * - It started after the migration.
 * - It is not a session of the action, in this or another run.
 * - It executes a statement, is in a transaction, or (unless $3) holds an advisory lock. Any other session changes
 *   nothing and ends with its client, so idle connections of another job or application behind the same address are not
 *   selected.
 */
const MIGRATION_SESSION_SQL = `a.usename = current_user AND a.pid <> pg_backend_pid() AND (
  a.application_name = $1
  OR (a.datname = current_database()
    AND a.client_addr IS NOT DISTINCT FROM ${OWN_ADDRESS_SQL}
    AND a.backend_start >= $2::timestamptz
    AND NOT starts_with(a.application_name, '${APPLICATION_NAME_PREFIX}')
    AND (a.state IS DISTINCT FROM 'idle'
      OR (NOT $3::boolean
        AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted)))))`;

/** Description of a session, with the columns that this role can read. */
const SESSION_DESCRIPTION_SQL = `format('application %L, role %L, process %s%s%s', a.application_name, a.usename, a.pid,
  ', from ' || host(a.client_addr),
  ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC')`;

const filterValues = ({
  applicationName,
  since,
  onlyBusy = false,
}: MigrationSessionFilter): readonly unknown[] => [applicationName, since ?? 'infinity', onlyBusy];

/**
 * Cancels the statements of the migration's sessions, so that a running tool can roll back.
 * @param session of the migration's role, in its database
 */
export async function cancelMigrationSessions(
  session: Session,
  filter: MigrationSessionFilter,
): Promise<void> {
  await session.query(
    `SELECT pg_cancel_backend(a.pid) FROM pg_stat_activity a WHERE ${MIGRATION_SESSION_SQL}`,
    filterValues(filter),
  );
}

/**
 * Whether the migration may have busy sessions. Every role can read the application name, role and database of a session,
 * but state, address and start of another role's session are NULL.
 * @param session of any role, in the migration's database
 * @param role of the migration
 */
export async function mayHaveMigrationSessions(
  session: Session,
  role: string,
  { applicationName, since }: MigrationSessionFilter,
): Promise<boolean> {
  const rows = await session.query(
    `SELECT FROM pg_stat_activity a WHERE a.application_name = $1
       OR (a.usename = $3 AND a.datname = current_database() AND a.pid <> pg_backend_pid()
         AND NOT starts_with(a.application_name, '${APPLICATION_NAME_PREFIX}')
         AND coalesce(a.backend_start >= $2::timestamptz, true)
         AND coalesce(a.client_addr = ${OWN_ADDRESS_SQL}, true)
         AND a.state IS DISTINCT FROM 'idle')
     LIMIT 1`,
    [applicationName, since ?? 'infinity', role],
  );
  return rows.length > 0;
}

/**
 * Terminates the sessions of a migration whose processes have ended: the server continues a statement after its client has
 * ended, and would commit it later. Waits until they have disappeared from pg_stat_activity.
 * @param session of the migration's role, in its database; a role can terminate its own sessions
 * @param timeoutMs milliseconds to wait for their end
 * @returns a line for each terminated session, at most 20
 * @throws an Error with the lines of the sessions that have not ended
 */
export async function terminateMigrationSessions(
  session: Session,
  filter: MigrationSessionFilter,
  timeoutMs: number,
): Promise<readonly string[]> {
  const ended = new Map<number, string>();
  const start = performance.now();
  for (;;) {
    // This also cancels the running statement.
    const rows = await session.query<{ pid: number; line: string }>(
      `SELECT a.pid, ${SESSION_DESCRIPTION_SQL} AS line, pg_terminate_backend(a.pid)
       FROM pg_stat_activity a WHERE ${MIGRATION_SESSION_SQL}`,
      filterValues(filter),
    );
    for (const { pid, line } of rows) ended.set(pid, line);
    if (rows.length === 0) return [...ended.values()].slice(0, MAX_LISTED);
    if (performance.now() - start > timeoutMs) {
      const remaining = rows.slice(0, MAX_LISTED).map(({ line }) => line);
      throw new Error(`these sessions did not end within ${timeoutMs / 1000} s: ${remaining.join('; ')}`);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

/**
 * The sessions and prepared transactions that hold advisory locks in the session's database, except the migration lock of
 * the action. A migration tool may be waiting for one of these, such as Prisma (P1002).
 * @returns a line for each with the statement that ends it, at most 20 sessions and 20 transactions
 */
export async function advisoryLockHolders(session: Session): Promise<readonly string[]> {
  const rows = await session.query<{ line: string }>(
    `SELECT ${SESSION_DESCRIPTION_SQL} || format(': SELECT pg_terminate_backend(%s);', a.pid) AS line
     FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid() AND EXISTS (
       SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND NOT ${MIGRATION_LOCK_SQL})
     ORDER BY a.backend_start, a.pid LIMIT ${MAX_LISTED}`,
  );
  const prepared = await listPreparedTransactions(
    session,
    'that hold advisory locks, without the migration lock',
    { oid: await findCurrentDatabaseOid(session) },
  );
  return [
    ...rows.map(({ line }) => line),
    ...prepared
      .slice(0, MAX_LISTED)
      .map(
        (transaction) =>
          `${describePreparedTransaction(transaction)}: ROLLBACK PREPARED ${pg.escapeLiteral(transaction.gid)};`,
      ),
  ];
}

/**
 * Runs `work` in a new session that does not depend on the run's signal, which is aborted when the job is cancelled.
 * @param timeoutMs milliseconds for the login and the work
 * @throws what `work` throws, or an Error with the reason why the login failed
 */
export async function withSeparateSession<T>(
  target: LoginTarget,
  timeoutMs: number,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  const result = await login(target, timeoutMs, signal).result;
  if ('failure' in result) throw new Error(result.failure.reason);
  try {
    return await work(result.session);
  } finally {
    const closed = result.session.close();
    // Does not wait for a server that does not respond, because GitHub limits the time.
    if (!signal.aborted) await closed;
  }
}
