import { createHash } from 'node:crypto';
import type { RunContext } from '../common/polling.ts';
import { retryOnConflict } from './pg-errors.ts';
import { withRoleMembership } from './role-membership.ts';
import type { Session } from './session.ts';

/** One key for all migrations of this action; advisory locks are per database. */
export const MIGRATION_LOCK_KEY = createHash('sha256')
  .update('azure-postgresql-action: migration')
  .digest()
  .readBigInt64BE()
  .toString();

/** Conditions with an oid ($1): on `a` (pg_stat_activity), and on `p` (pg_prepared_xacts). */
interface ActivityCondition {
  readonly session: string;
  readonly prepared: string;
}

/** Those with an entry `l` in pg_locks. A prepared transaction has its locks without a process, and awaits none. */
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
/** The condition that a row `l` of pg_locks is the migration lock, in whatever database. */
export const MIGRATION_LOCK_SQL = `(l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = ${MIGRATION_LOCK_KEY})`;
const migrationLockCondition = lockCondition(`${ADVISORY_LOCK_SQL} AND ${MIGRATION_LOCK_SQL}`);

const roleChangeCondition = heldLockCondition(
  `l.locktype = 'relation' AND l.relation IN ('pg_authid'::regclass, 'pg_db_role_setting'::regclass)
     AND l.mode = 'RowExclusiveLock'`,
);

/** Whose sessions and prepared transactions; by oid, since a name may mean another thing in a moment. */
const ACTIVITY_CONDITIONS = {
  'in the database': {
    session: 'a.datid = $1',
    prepared: 'p.database = (SELECT datname FROM pg_database WHERE oid = $1)',
  },
  'of the role': {
    session: 'a.usesysid = $1',
    prepared: 'p.owner = (SELECT rolname FROM pg_roles WHERE oid = $1)',
  },
  /** Those that have changed something and not said COMMIT; of prepared ones those that have changed a role. */
  'of the role, in the midst of a change': {
    session: 'a.usesysid = $1 AND a.backend_xid IS NOT NULL',
    prepared: `p.owner = (SELECT rolname FROM pg_roles WHERE oid = $1) AND ${roleChangeCondition.prepared}`,
  },
  /** From outside too: ALTER ROLE … IN DATABASE, by any role and about itself, locks the database until it ends. */
  'that lock the database': {
    ...databaseLockCondition,
    session: `a.usename <> current_user AND ${databaseLockCondition.session}`,
  },
  'that hold the migration lock': heldLockCondition(`${ADVISORY_LOCK_SQL} AND ${MIGRATION_LOCK_SQL}`),
  /** Who waits gets the lock as soon as its holder is ended. */
  'of other roles, that hold or await the migration lock': {
    session: `a.usename <> current_user AND ${migrationLockCondition.session}`,
    prepared: `p.owner <> current_user AND ${migrationLockCondition.prepared}`,
  },
  'that hold advisory locks, without the migration lock': heldLockCondition(
    `${ADVISORY_LOCK_SQL} AND NOT ${MIGRATION_LOCK_SQL}`,
  ),
} as const satisfies Readonly<Record<string, ActivityCondition>>;

export type ActivityFilter = keyof typeof ACTIVITY_CONDITIONS;

/** An oid, and where that is wanted the only roles that count, by name. */
export interface ActivityScope {
  readonly oid: string;
  readonly roles?: readonly string[];
}

const roleFilterSql = (name: string): string => `($2::text[] IS NULL OR ${name} = ANY ($2))`;
const scopeParameters = ({ oid, roles }: ActivityScope): readonly unknown[] => [oid, roles ?? null];

/**
 * Ends sessions of roles that the administrator administers, itself included; superusers' and others' are beyond it.
 * @param scope the oid of the database or role
 */
export async function terminateSessions(
  run: RunContext,
  session: Session,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<void> {
  const fromClause = (condition: string): string =>
    `FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
     WHERE NOT r.rolsuper AND a.pid <> pg_backend_pid() AND ${roleFilterSql('r.rolname')} AND ${condition}`;
  const visibleFilter = filter === 'of the role, in the midst of a change' ? 'of the role' : filter;
  const roles = await session.query<{ role: string }>(
    `SELECT DISTINCT r.rolname AS role ${fromClause(ACTIVITY_CONDITIONS[visibleFilter].session)}`,
    scopeParameters(scope),
  );
  if (roles.length === 0) return;
  const names = roles.map(({ role }) => role);
  await retryOnConflict(run, () =>
    withRoleMembership(session, names, () =>
      // Only a member sees whether a session is in the midst of something.
      session.query(
        `SELECT pg_terminate_backend(a.pid) ${fromClause(ACTIVITY_CONDITIONS[filter].session)}
           AND (r.rolname = current_user OR pg_has_role(r.oid, 'USAGE'))`,
        scopeParameters(scope),
      ),
    ),
  );
}

/** A transaction that PREPARE TRANSACTION has left behind: no session, but its locks, until somebody ends it. */
export interface PreparedTransaction {
  readonly gid: string;
  readonly owner: string;
  /** Only a session in it can end the transaction. */
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

/** A line for each session and each prepared transaction, as far as this role may see; empty where there are none. */
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

/** The same for a sentence that needs one. */
export async function describeBlockers(
  session: Session,
  filter: ActivityFilter,
  scope: ActivityScope,
): Promise<readonly string[]> {
  const lines = await describeActivity(session, filter, scope);
  return lines.length > 0 ? lines : ['one that has ended just now'];
}

/** The lines that have not been seen before, which are seen from now on. */
export function takeUnseen(lines: readonly string[], observed: Set<string>): readonly string[] {
  const unseen = lines.filter((line) => !observed.has(line));
  for (const line of unseen) observed.add(line);
  return unseen;
}

/** The oid of the session's own database. */
export async function findCurrentDatabaseOid(session: Session): Promise<string> {
  const [row] = await session.query<{ oid: string }>(
    'SELECT oid::text AS oid FROM pg_database WHERE datname = current_database()',
  );
  return row?.oid ?? '0';
}
