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

/** What the names of all sessions of the action begin with, in any run: see `Workflow.applicationName`. */
const APPLICATION_NAME_PREFIX = 'azure-postgresql-action ';

/** Milliseconds between two looks at sessions that are being ended. */
const POLL_INTERVAL_MS = 100;

/** Sessions and locks that a log line or an error names; there can be thousands. */
const MAX_LISTED = 20;

/** By what the sessions of a migration are found; see {@link terminateMigrationSessions}. */
export interface MigrationSessionFilter {
  readonly applicationName: string;
  /** The server's time when the migration began, as PostgreSQL writes it; undefined: found by the name alone. */
  readonly since?: string | undefined;
  /** By the second rule only those that execute something or are in a transaction, not idle ones with a lock. */
  readonly onlyBusy?: boolean;
}

/** `PGAPPNAME` of a migration; with a tag of 24 characters, 58 of the 63 bytes that PostgreSQL keeps. */
export const migrationApplicationName = (tag: string): string => `${APPLICATION_NAME_PREFIX}migration ${tag}`;

/** The server's time, to compare with `backend_start`. */
export async function serverTime(session: Session): Promise<string> {
  const [row] = await session.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return row?.now ?? '';
}

/**
 * The rule by which a session `a` of pg_stat_activity is one of the migration's, for a session of the migration's role
 * in its database; $1 to $3 are the fields of {@link MigrationSessionFilter}. Either it has the migration's application
 * name, which holds a random tag. Or, since some clients set another name (pgJDBC, Prisma), all of this is true:
 * - the same role, in the same database, from the same client address as this session. An application that is deployed
 *   elsewhere has another address.
 * - it began after the migration did.
 * - it is no session of the action, of this run or another.
 * - it is doing something, is in a transaction, or (unless $3) holds an advisory lock. Any other session changes nothing, and ends
 *   with its client; so the idle connections of another job or application behind the same address stay.
 */
const MIGRATION_SESSION_SQL = `a.usename = current_user AND a.pid <> pg_backend_pid() AND (
  a.application_name = $1
  OR (a.datname = current_database()
    AND a.client_addr IS NOT DISTINCT FROM inet_client_addr()
    AND a.backend_start >= $2::timestamptz
    AND NOT starts_with(a.application_name, '${APPLICATION_NAME_PREFIX}')
    AND (a.state IS DISTINCT FROM 'idle'
      OR (NOT $3::boolean
        AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted)))))`;

/** How a session is named, as far as this role may see it. */
const SESSION_DESCRIPTION_SQL = `format('application %L, role %L, process %s%s%s', a.application_name, a.usename, a.pid,
  ', from ' || host(a.client_addr),
  ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC')`;

const filterValues = ({
  applicationName,
  since,
  onlyBusy = false,
}: MigrationSessionFilter): readonly unknown[] => [applicationName, since ?? 'infinity', onlyBusy];

/**
 * Cancels what the migration's sessions are executing, so that a tool that still runs can roll back.
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
 * Whether busy sessions of the migration may be there, as far as this role may see: names of application, role and
 * database are visible to each, while state, address and beginning of another role's session are NULL.
 * @param session in the migration's database, of any role
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
         AND coalesce(a.client_addr = inet_client_addr(), true)
         AND a.state IS DISTINCT FROM 'idle')
     LIMIT 1`,
    [applicationName, since ?? 'infinity', role],
  );
  return rows.length > 0;
}

/**
 * Ends the sessions of a migration whose processes have ended: what a server executes goes on when its client is gone,
 * and would be committed at any later time. Waits until they are gone from pg_stat_activity. Which sessions are the
 * migration's: see `MIGRATION_SESSION_SQL`.
 * @param session of the migration's role, in its database; a role may end its own sessions
 * @param timeoutMs milliseconds to wait for their end
 * @returns a line for each that was ended, 20 at most
 * @throws where one does not end, with its line
 */
export async function terminateMigrationSessions(
  session: Session,
  filter: MigrationSessionFilter,
  timeoutMs: number,
): Promise<readonly string[]> {
  const ended = new Map<number, string>();
  const start = performance.now();
  for (;;) {
    // What is executing is cancelled by the same signal.
    const rows = await session.query<{ pid: number; line: string }>(
      `SELECT a.pid, ${SESSION_DESCRIPTION_SQL} AS line, pg_terminate_backend(a.pid)
       FROM pg_stat_activity a WHERE ${MIGRATION_SESSION_SQL}`,
      filterValues(filter),
    );
    for (const { pid, line } of rows) ended.set(pid, line);
    if (rows.length === 0) return [...ended.values()].slice(0, MAX_LISTED);
    if (performance.now() - start > timeoutMs) {
      const remaining = rows.slice(0, MAX_LISTED).map(({ line }) => line);
      throw new Error(`these have not ended within ${timeoutMs / 1000} s: ${remaining.join('; ')}`);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

/**
 * The sessions and prepared transactions that hold advisory locks in the session's database, except the action's own
 * lock; what a migration tool may be waiting for, such as Prisma (P1002).
 * @returns a line for each with the statement that ends it, 20 of each kind at most
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
        (each) => `${describePreparedTransaction(each)}: ROLLBACK PREPARED ${pg.escapeLiteral(each.gid)};`,
      ),
  ];
}

/**
 * Does something in a session that does not end with the run's signal, which has aborted when a job is cancelled.
 * @param timeoutMs milliseconds for all of it
 * @throws what `work` throws; why it could not log in
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
    // A server that does not answer must not take more of the time that GitHub leaves.
    if (!signal.aborted) await closed;
  }
}
