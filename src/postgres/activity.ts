import { createHash } from 'node:crypto';
import pg from 'pg';
import { getErrorMessage } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import { findPullRequestRoleNames } from '../reconcile/ownership.ts';
import { type AdminSessions, withDatabaseSession } from './admin-sessions.ts';
import { retryOnConflict } from './pg-errors.ts';
import { runAsRole, withRoleMembership } from './role-membership.ts';
import type { Session } from './session.ts';

/**
 * Sessions and prepared transactions that use a database, belong to a role, or hold a lock: lists, describes and ends
 * them.
 */

/** The key of the advisory lock that every migration of this action takes; the server keeps keys for each database. */
export const MIGRATION_LOCK_KEY = createHash('sha256')
  .update('azure-postgresql-action: migration')
  .digest()
  .readBigInt64BE()
  .toString();

/** SQL conditions with an oid ($1): on rows `a` of pg_stat_activity and `p` of pg_prepared_xacts. */
interface ActivityCondition {
  readonly session: string;
  readonly prepared: string;
}

/**
 * Matches sessions and prepared transactions that have a row `l` in pg_locks. A prepared transaction holds its locks
 * without a process and waits for none.
 */
const lockCondition = (lock: string): ActivityCondition => ({
  session: `a.pid IN (SELECT l.pid FROM pg_locks l WHERE ${lock})`,
  prepared: `p.transaction IN (SELECT t.transactionid FROM pg_locks l JOIN pg_locks t
     ON t.virtualtransaction = l.virtualtransaction AND t.pid IS NULL AND t.locktype = 'transactionid'
     WHERE l.pid IS NULL AND ${lock})`,
});

const heldLockCondition = (lock: string): ActivityCondition => lockCondition(`l.granted AND ${lock}`);

const databaseLockCondition = heldLockCondition(
  `l.locktype = 'object' AND l.classid = 'pg_database'::regclass AND l.objid = $1`,
);

const ADVISORY_LOCK_SQL = "l.locktype = 'advisory' AND l.database = $1";
/** The condition that a row `l` of pg_locks is the migration lock of any database. */
export const MIGRATION_LOCK_SQL = `(l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = ${MIGRATION_LOCK_KEY})`;
const migrationLockCondition = lockCondition(`${ADVISORY_LOCK_SQL} AND ${MIGRATION_LOCK_SQL}`);

const roleChangeCondition = heldLockCondition(
  `l.locktype = 'relation' AND l.relation IN ('pg_authid'::regclass, 'pg_db_role_setting'::regclass)
     AND l.mode = 'RowExclusiveLock'`,
);

/** Which sessions and prepared transactions match; by oid, because a name can be reused at any moment. */
const ACTIVITY_CONDITIONS = {
  'in the database': {
    session: 'a.datid = $1',
    prepared: 'p.database = (SELECT datname FROM pg_database WHERE oid = $1)',
  },
  'of the role': {
    session: 'a.usesysid = $1',
    prepared: 'p.owner = (SELECT rolname FROM pg_roles WHERE oid = $1)',
  },
  /** Sessions with uncommitted changes, and prepared transactions that have changed a role. */
  'of the role, with uncommitted changes': {
    session: 'a.usesysid = $1 AND a.backend_xid IS NOT NULL',
    prepared: `p.owner = (SELECT rolname FROM pg_roles WHERE oid = $1) AND ${roleChangeCondition.prepared}`,
  },
  /** Also from other databases: ALTER ROLE … IN DATABASE, which any role can run for itself, locks the database. */
  'that lock the database': {
    ...databaseLockCondition,
    session: `a.usename <> current_user AND ${databaseLockCondition.session}`,
  },
  'that hold the migration lock': heldLockCondition(`${ADVISORY_LOCK_SQL} AND ${MIGRATION_LOCK_SQL}`),
  /** Includes sessions that wait, because the next of them gets the lock when its holder ends. */
  'of other roles, that hold or await the migration lock': {
    session: `a.usename <> current_user AND ${migrationLockCondition.session}`,
    prepared: `p.owner <> current_user AND ${migrationLockCondition.prepared}`,
  },
  'that hold advisory locks, without the migration lock': heldLockCondition(
    `${ADVISORY_LOCK_SQL} AND NOT ${MIGRATION_LOCK_SQL}`,
  ),
} as const satisfies Readonly<Record<string, ActivityCondition>>;

export type ActivityFilter = keyof typeof ACTIVITY_CONDITIONS;

/** The oid of the database or role that a filter refers to. */
export interface ActivityScope {
  readonly oid: string;
  /** Names of the only roles whose activity matches; without it, every role matches. */
  readonly roles?: readonly string[];
}

const roleFilterSql = (name: string): string => `($2::text[] IS NULL OR ${name} = ANY ($2))`;
const scopeParameters = ({ oid, roles }: ActivityScope): readonly unknown[] => [oid, roles ?? null];

/** Ends sessions of roles that the administrator administers, including its own. Other sessions continue. */
export async function terminateSessions(
  run: RunContext,
  session: Session,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<void> {
  const fromClause = (condition: string): string =>
    `FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
     WHERE NOT r.rolsuper AND a.pid <> pg_backend_pid() AND ${roleFilterSql('r.rolname')} AND ${condition}`;
  const visibleFilter = filter === 'of the role, with uncommitted changes' ? 'of the role' : filter;
  const roles = await session.query<{ role: string }>(
    `SELECT DISTINCT r.rolname AS role ${fromClause(ACTIVITY_CONDITIONS[visibleFilter].session)}`,
    scopeParameters(scope),
  );
  if (roles.length === 0) return;
  const names = roles.map(({ role }) => role);
  await retryOnConflict(run, () =>
    withRoleMembership(session, names, () =>
      // Only a member of the role sees whether its session has uncommitted changes.
      session.query(
        `SELECT pg_terminate_backend(a.pid) ${fromClause(ACTIVITY_CONDITIONS[filter].session)}
           AND (r.rolname = current_user OR pg_has_role(r.oid, 'USAGE'))`,
        scopeParameters(scope),
      ),
    ),
  );
}

/** What PREPARE TRANSACTION leaves: no session, but its locks, until its owner commits or rolls it back. */
export interface PreparedTransaction {
  readonly gid: string;
  readonly owner: string;
  /** Only a session in this database can end the transaction. */
  readonly database: string;
}

export const listPreparedTransactions = (
  session: Session,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<readonly (PreparedTransaction & Record<string, unknown>)[]> =>
  session.query(
    `SELECT p.gid, p.owner, p.database FROM pg_prepared_xacts p
     WHERE ${roleFilterSql('p.owner')} AND ${ACTIVITY_CONDITIONS[filter].prepared} ORDER BY p.prepared, p.gid`,
    scopeParameters(scope),
  );

export const describePreparedTransaction = ({ gid, owner, database }: PreparedTransaction): string =>
  `prepared transaction '${gid}' of role ${owner} in database '${database}'`;

/**
 * Rolls back prepared transactions whose owner the administrator administers. Other transactions stay, and so do those
 * in a database that the administrator cannot connect to.
 */
export async function rollBackPreparedTransactions(
  admin: AdminSessions,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<void> {
  const { run, reader } = admin;
  const found = await listPreparedTransactions(reader.session, filter, scope);
  for (const [database, transactions] of Map.groupBy(found, (transaction) => transaction.database)) {
    const logFailure = (error: unknown): void => {
      run.signal.throwIfAborted();
      run.debug(
        `Prepared transactions in database '${database}' were not rolled back: ${getErrorMessage(error)}`,
      );
    };
    await withDatabaseSession(admin, database, async (session) => {
      for (const transaction of transactions)
        await rollBackTransaction(run, session, transaction).catch(logFailure);
    }).catch(logFailure);
  }
}

async function rollBackTransaction(
  run: RunContext,
  session: Session,
  { gid, owner, database }: PreparedTransaction,
): Promise<void> {
  // PostgreSQL lets only the owner end it, and only outside a transaction.
  await runAsRole(session, owner, () => session.query(`ROLLBACK PREPARED ${pg.escapeLiteral(gid)}`));
  run.info(`Rolled back prepared transaction '${gid}' of role '${owner}' in database '${database}'.`);
}

/** @returns a line for each session and each prepared transaction that this role can see, at most 20 of each */
export async function describeActivity(
  session: Session,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<readonly string[]> {
  const rows = await session.query<{ line: string }>(
    `SELECT format('%s of role %s, process %s%s%s', coalesce(nullif(a.application_name, ''), 'a session'),
       coalesce(a.usename, a.backend_type, 'unknown'), a.pid, ', from ' || host(a.client_addr),
       ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC') AS line
     FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid() AND ${roleFilterSql('a.usename')} AND ${ACTIVITY_CONDITIONS[filter].session}
     ORDER BY a.backend_start, a.pid LIMIT 20`,
    scopeParameters(scope),
  );
  const prepared = await listPreparedTransactions(session, filter, scope);
  return [...rows.map(({ line }) => line), ...prepared.slice(0, 20).map(describePreparedTransaction)];
}

/** The lines of {@link describeActivity} for what blocks a statement; never empty. */
export async function describeBlockers(
  session: Session,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<readonly string[]> {
  const lines = await describeActivity(session, filter, scope);
  return lines.length > 0 ? lines : ['a session that has just ended'];
}

/** The lines that are not in `observed`; adds them to it. */
export function takeUnseen(lines: readonly string[], observed: Set<string>): readonly string[] {
  const unseen = lines.filter((line) => !observed.has(line));
  for (const line of unseen) observed.add(line);
  return unseen;
}

/** A database, and the repository whose pull requests' roles must not use it. */
export interface ProtectedDatabase {
  readonly name: string;
  readonly oid: string;
  /** GitHub's numeric id. */
  readonly repositoryId: string;
}

/**
 * Ends sessions and prepared transactions of pull requests' roles of this repository in a database that does not belong
 * to them. PostgreSQL lets PUBLIC connect to a database by default. Each such role can then block a clone of it and
 * take any advisory lock. The roles of this database's own pull request and roles that the administrator did not create
 * for a pull request are not affected.
 * @param alreadyWarned lines that a warning has named; this function adds the lines that it warns about
 * @returns a line for each that was ended
 */
export async function terminatePullRequestSessions(
  admin: AdminSessions,
  filter: ActivityFilter,
  { name, oid, repositoryId }: ProtectedDatabase,
  alreadyWarned: Set<string>,
): Promise<readonly string[]> {
  const { run, reader } = admin;
  const roles = findPullRequestRoleNames(repositoryId, await reader.markedRoles(), name);
  if (roles.length === 0) return [];
  const scope = { oid, roles };
  const found = await describeActivity(reader.session, filter, scope);
  if (found.length === 0) return [];
  await terminateSessions(run, reader.session, filter, scope);
  await rollBackPreparedTransactions(admin, filter, scope);
  const newLines = takeUnseen(found, alreadyWarned);
  if (newLines.length > 0)
    run.warning(
      `Ended sessions and prepared transactions of pull requests’ roles in database '${name}', which does not belong to them: ${newLines.join('; ')}. Every role can connect to a database while PUBLIC has CONNECT. ${revokePublicConnectHint(name)}`,
    );
  return found;
}

/** How to keep roles of pull requests from connecting to a database, with the statements. */
export function revokePublicConnectHint(database: string): string {
  const on = `CONNECT ON DATABASE ${pg.escapeIdentifier(database)}`;
  return `Revoke CONNECT from PUBLIC: for each role that needs it GRANT ${on} TO ROLE; then REVOKE ${on} FROM PUBLIC;`;
}

/** The oid of the database that the session is connected to. */
export async function findCurrentDatabaseOid(session: Session): Promise<string> {
  const [row] = await session.query<{ oid: string }>(
    'SELECT oid::text AS oid FROM pg_database WHERE datname = current_database()',
  );
  return row?.oid ?? '0';
}
