import { createHash } from 'node:crypto';
import type { Run } from '../waiting.ts';
import { againOnCollision } from './errors.ts';
import { asMemberOf } from './membership.ts';
import type { Session } from './session.ts';

/** One key for all migrations of this action; advisory locks are per database. */
export const migrationLockKey = createHash('sha256')
  .update('azure-postgresql-action: migration')
  .digest()
  .readBigInt64BE()
  .toString();

/** Conditions with an oid ($1): on `a` (pg_stat_activity), and on `p` (pg_prepared_xacts). */
interface Condition {
  readonly session: string;
  readonly prepared: string;
}

/** Those with an entry `l` in pg_locks. A prepared transaction has its locks without a process, and awaits none. */
const withLock = (lock: string): Condition => ({
  session: `a.pid IN (SELECT l.pid FROM pg_locks l WHERE ${lock})`,
  prepared: `p.transaction IN (SELECT t.transactionid FROM pg_locks l JOIN pg_locks t
     ON t.virtualtransaction = l.virtualtransaction AND t.pid IS NULL AND t.locktype = 'transactionid'
     WHERE l.pid IS NULL AND ${lock})`,
});

const holding = (lock: string): Condition => withLock(`l.granted AND ${lock}`);

const lockOnDatabase = holding(
  `l.locktype = 'object' AND l.classid = 'pg_database'::regclass AND l.objid = $1`,
);

const advisoryLock = "l.locktype = 'advisory' AND l.database = $1";
/** The condition that a row `l` of pg_locks is the migration lock, in whatever database. */
export const isMigrationLock = `(l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = ${migrationLockKey})`;
const heldOrAwaited = withLock(`${advisoryLock} AND ${isMigrationLock}`);

const changeOfRole = holding(
  `l.locktype = 'relation' AND l.relation IN ('pg_authid'::regclass, 'pg_db_role_setting'::regclass)
     AND l.mode = 'RowExclusiveLock'`,
);

/** Whose sessions and prepared transactions; by oid, since a name may mean another thing in a moment. */
const which = {
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
    prepared: `p.owner = (SELECT rolname FROM pg_roles WHERE oid = $1) AND ${changeOfRole.prepared}`,
  },
  /** From outside too: ALTER ROLE … IN DATABASE, by any role and about itself, locks the database until it ends. */
  'that lock the database': {
    ...lockOnDatabase,
    session: `a.usename <> current_user AND ${lockOnDatabase.session}`,
  },
  'that hold the migration lock': holding(`${advisoryLock} AND ${isMigrationLock}`),
  /** Who waits gets the lock as soon as its holder is ended. */
  'of other roles, that hold or await the migration lock': {
    session: `a.usename <> current_user AND ${heldOrAwaited.session}`,
    prepared: `p.owner <> current_user AND ${heldOrAwaited.prepared}`,
  },
  'that hold advisory locks, without the migration lock': holding(
    `${advisoryLock} AND NOT ${isMigrationLock}`,
  ),
} as const satisfies Readonly<Record<string, Condition>>;

export type Those = keyof typeof which;

/** An oid, and where that is wanted the only roles that count, by name. */
export interface Scope {
  readonly oid: string;
  readonly roles?: readonly string[];
}

const ofRoles = (name: string): string => `($2::text[] IS NULL OR ${name} = ANY ($2))`;
const parametersOf = ({ oid, roles }: Scope): readonly unknown[] => [oid, roles ?? null];

/**
 * Ends sessions of roles that the administrator administers, itself included; superusers' and others' are beyond it.
 * @param scope the oid of the database or role
 */
export async function endSessions(run: Run, session: Session, those: Those, scope: Scope): Promise<void> {
  const inside = (condition: string): string =>
    `FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
     WHERE NOT r.rolsuper AND a.pid <> pg_backend_pid() AND ${ofRoles('r.rolname')} AND ${condition}`;
  const broad = those === 'of the role, in the midst of a change' ? 'of the role' : those;
  const roles = await session.query<{ role: string }>(
    `SELECT DISTINCT r.rolname AS role ${inside(which[broad].session)}`,
    parametersOf(scope),
  );
  if (roles.length === 0) return;
  const names = roles.map(({ role }) => role);
  await againOnCollision(run, () =>
    asMemberOf(session, names, () =>
      // Only a member sees whether a session is in the midst of something.
      session.query(
        `SELECT pg_terminate_backend(a.pid) ${inside(which[those].session)}
           AND (r.rolname = current_user OR pg_has_role(r.oid, 'USAGE'))`,
        parametersOf(scope),
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

export const preparedTransactions = (
  session: Session,
  those: Those,
  scope: Scope,
): Promise<readonly (PreparedTransaction & Record<string, unknown>)[]> =>
  session.query(
    `SELECT p.gid, p.owner, p.database FROM pg_prepared_xacts p
     WHERE ${ofRoles('p.owner')} AND ${which[those].prepared} ORDER BY p.prepared, p.gid`,
    parametersOf(scope),
  );

export const preparedLine = ({ gid, owner, database }: PreparedTransaction): string =>
  `prepared transaction '${gid}' of role ${owner} in database '${database}'`;

/** A line for each session and each prepared transaction, as far as this role may see; empty where there are none. */
export async function holders(session: Session, those: Those, scope: Scope): Promise<readonly string[]> {
  const rows = await session.query<{ line: string }>(
    `SELECT format('%s of role %s, process %s%s%s', coalesce(nullif(a.application_name, ''), 'a session'),
       coalesce(a.usename, a.backend_type, 'unknown'), a.pid, ', from ' || host(a.client_addr),
       ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC') AS line
     FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid() AND ${ofRoles('a.usename')} AND ${which[those].session}
     ORDER BY a.backend_start, a.pid LIMIT 20`,
    parametersOf(scope),
  );
  const prepared = await preparedTransactions(session, those, scope);
  return [...rows.map(({ line }) => line), ...prepared.slice(0, 20).map(preparedLine)];
}

/** The same for a sentence that needs one. */
export async function namedHolders(session: Session, those: Those, scope: Scope): Promise<readonly string[]> {
  const lines = await holders(session, those, scope);
  return lines.length > 0 ? lines : ['one that has ended just now'];
}

/** The lines that have not been seen before, which are seen from now on. */
export function firstSeen(lines: readonly string[], seen: Set<string>): readonly string[] {
  const first = lines.filter((line) => !seen.has(line));
  for (const line of first) seen.add(line);
  return first;
}

/** The oid of the session's own database. */
export async function ownDatabase(session: Session): Promise<string> {
  const [row] = await session.query<{ oid: string }>(
    'SELECT oid::text AS oid FROM pg_database WHERE datname = current_database()',
  );
  return row?.oid ?? '0';
}
