import pg from 'pg';
import { count } from '../../common/count.ts';
import { type ActionError, actionError } from '../../common/errors.ts';
import { isWaitTimeout, waitFor } from '../../common/polling.ts';
import {
  describePreparedTransaction,
  listPreparedTransactions,
  type PreparedTransaction,
} from '../../postgres/activity.ts';
import { type AdminSessions, readCurrentUser, withDatabaseSession } from '../../postgres/admin-sessions.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { findPullRequestDatabases } from '../../reconcile/ownership.ts';

/**
 * Finds what prevents the drop of a pull request's role: objects that it owns outside the pull request's database,
 * databases that cannot be checked, and prepared transactions.
 */

/** A role that the action created for a pull request. */
export interface RoleToDrop {
  readonly name: string;
  readonly oid: string;
  /** GitHub's numeric id of the repository of the pull request. */
  readonly repositoryId: string;
}

/** What prevents the drop of a role. */
export interface RoleBlocker {
  /** Its location and a description. */
  readonly line: string;
  /** How its owner can remove it: sentences with statements. */
  readonly remedies: readonly string[];
}

/**
 * Finds the blockers of a role. The action removes none of them: outside the pull request's own database it drops
 * nothing and rolls nothing back.
 * @param droppedDatabase the pull request's own database, which is dropped before the role; undefined if it does not exist
 */
export async function findRoleBlockers(
  admin: AdminSessions,
  role: RoleToDrop,
  droppedDatabase: { readonly name: string; readonly oid: string } | undefined,
): Promise<readonly RoleBlocker[]> {
  const { session } = admin.reader;
  const blockers: RoleBlocker[] = [];
  for (const database of await listRoleDatabases(admin.reader, role)) {
    if (database.oid === droppedDatabase?.oid) continue;
    const owned =
      database.owned === 0
        ? await waitForDatabaseState(admin, database)
        : await withRoleDatabase(admin, database, (databaseSession) =>
            findOwnedInDatabase(databaseSession, role.oid, database.ofPullRequest),
          );
    if (owned === 'closed') blockers.push(closedDatabaseBlocker(database, await readCurrentUser(session)));
    else if (typeof owned === 'object' && owned.count > 0)
      blockers.push(ownedObjectsBlocker(role, database.name, owned));
  }
  const serverObjects = await findOwnedOnServer(session, role.oid, droppedDatabase?.name);
  if (serverObjects.count > 0)
    blockers.push({
      line: `on the server itself: ${describeOwnedObjects(serverObjects)}`,
      remedies: remediesFor(role, serverObjects),
    });
  return [...blockers, ...(await findPreparedBlockers(admin, role, droppedDatabase?.oid))];
}

/** Leaves out the prepared transactions that dropping the database rolls back. */
async function findPreparedBlockers(
  { reader: { session } }: AdminSessions,
  { oid }: RoleToDrop,
  droppedDatabaseOid: string | undefined,
): Promise<readonly RoleBlocker[]> {
  const all = await listPreparedTransactions(session, 'of the role', { oid });
  if (all.length === 0 || droppedDatabaseOid === undefined) return all.map(preparedTransactionBlocker);
  const rolledBackGids = [
    ...(await listPreparedTransactions(session, 'in the database', { oid: droppedDatabaseOid })),
    ...(await listPreparedTransactions(session, 'that lock the database', { oid: droppedDatabaseOid })),
  ].map(({ gid }) => gid);
  return all.filter(({ gid }) => !rolledBackGids.includes(gid)).map(preparedTransactionBlocker);
}

/** The error for a role that has blockers, with what to run. */
export const roleBlockedError = (role: string, blockers: readonly RoleBlocker[], rest = ''): ActionError =>
  actionError('drop-failed', {
    what: `Role '${role}'`,
    reason: "outside the pull request's database, where the action drops nothing, it still has:",
    lines: blockers.map(({ line }) => line),
    rest,
    hint: 'Run the following as admin-username (or as the role that a line names), then run the step again:',
    statements: [...new Set(blockers.flatMap(({ remedies }) => remedies))],
  });

export function preparedTransactionBlocker(transaction: PreparedTransaction): RoleBlocker {
  const { gid, owner, database } = transaction;
  const literal = pg.escapeLiteral(gid);
  return {
    line: describePreparedTransaction(transaction),
    remedies: [
      `In database '${database}', as ${owner}: ROLLBACK PREPARED ${literal}; to discard its changes, or COMMIT PREPARED ${literal}; to keep them.`,
    ],
  };
}

export const ownedObjectsBlocker = (
  role: RoleToDrop,
  database: string,
  owned: OwnedObjects,
): RoleBlocker => ({
  line: `in database '${database}': ${describeOwnedObjects(owned)}`,
  remedies: remediesFor(role, owned),
});

/** The administrator cannot connect, so it can neither list the role's objects there nor revoke its privileges. */
export const closedDatabaseBlocker = (
  { name, owned, ofPullRequest }: RoleDatabase,
  administrator: string,
): RoleBlocker => ({
  line: `in database '${name}', to which admin-username cannot connect: ${owned === 0 ? 'only privileges' : count(owned, 'object')}`,
  remedies: [
    ofPullRequest
      ? `Database '${name}' was created for a pull request, and its drop was interrupted: run mode: drop for that pull request, or mode: sweep.`
      : `Allow connections to database '${name}', or ask its owner to run: ALTER DATABASE ${pg.escapeIdentifier(name)} ALLOW_CONNECTIONS true; GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(name)} TO ${pg.escapeIdentifier(administrator)}; The next run then lists the objects in it.`,
  ],
});

const describeOwnedObjects = ({ count: total, named }: OwnedObjects): string =>
  total > named.length ? `${count(total, 'object')}, such as ${named.join(', ')}` : named.join(', ');

/** Object types that REASSIGN OWNED and DROP OWNED do not treat like the objects of a database. */
const TYPES_WITH_OWN_REMEDY = ['policy', 'user mapping', 'database', 'subscription'];

function remediesFor({ name }: RoleToDrop, { types }: OwnedObjects): readonly string[] {
  const role = pg.escapeIdentifier(name);
  const asMember = `GRANT ${role} TO CURRENT_USER; then`;
  const has = (type: string): boolean => types.includes(type);
  return [
    types.some((type) => !TYPES_WITH_OWN_REMEDY.includes(type)) &&
      `${asMember} in each of these databases REASSIGN OWNED BY ${role} TO CURRENT_USER; to keep the objects, or DROP OWNED BY ${role}; to delete them.`,
    has('database') &&
      `${asMember} REASSIGN OWNED BY ${role} TO CURRENT_USER; in any database to keep the databases that it owns, or DROP DATABASE for each one that can be deleted.`,
    has('subscription') &&
      `A subscription needs ALTER SUBSCRIPTION … OWNER TO another role, or DROP SUBSCRIPTION, in its own database.`,
    has('policy') &&
      'A policy that is for this role alone needs ALTER POLICY … TO another role, or DROP POLICY.',
    has('user mapping') &&
      `A user mapping, which REASSIGN OWNED does not change, needs DROP USER MAPPING FOR ${role} SERVER with the server that is listed with it.`,
  ].filter((remedy) => remedy !== false);
}

/** A database in which a role owns objects or has privileges. */
export interface RoleDatabase {
  readonly name: string;
  readonly oid: string;
  /** The number of objects and policies, including temporary objects and policies that also apply to other roles. */
  readonly owned: number;
  /** Whether the action created it for a pull request of the role's repository. */
  readonly ofPullRequest: boolean;
}

/** The databases in which a role owns objects or has privileges, by name. */
export async function listRoleDatabases(
  reader: SqlReader,
  { oid, repositoryId }: RoleToDrop,
): Promise<readonly RoleDatabase[]> {
  const rows = await reader.session.query<Omit<RoleDatabase, 'ofPullRequest'> & pg.QueryResultRow>(
    `SELECT d.datname AS name, d.oid::text AS oid, count(*) FILTER (WHERE ${OWNERSHIP_DEPENDENCY_SQL})::int AS owned
     FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
     WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1
     GROUP BY d.oid, d.datname ORDER BY d.datname`,
    [oid],
  );
  const { owned } = findPullRequestDatabases(repositoryId, await reader.markedDatabases());
  const pullRequestOids = new Set(owned.map((database) => database.oid));
  return rows.map((row) => ({ ...row, ofPullRequest: pullRequestOids.has(row.oid) }));
}

/** Milliseconds for another job to drop a pull request's database that does not accept connections. */
const DATABASE_DROP_TIMEOUT_MS = 60_000;

/**
 * Runs `work` in a database of a role. Another job, or another worker of the same sweep, may drop that database at any
 * moment; an error is ignored then.
 * @returns what `work` returns; `absent` if the database was dropped, `closed` if the administrator cannot connect
 */
export async function withRoleDatabase<T>(
  admin: AdminSessions,
  database: RoleDatabase,
  work: (session: Session) => Promise<T>,
): Promise<T | 'absent' | 'closed'> {
  const state = await waitForDatabaseState(admin, database);
  if (state !== 'open') return state;
  try {
    return await withDatabaseSession(admin, database.name, work);
  } catch (error) {
    admin.run.signal.throwIfAborted();
    const stateAfterFailure = await waitForDatabaseState(admin, database);
    if (stateAfterFailure === 'open') throw error;
    return stateAfterFailure;
  }
}

/** Whether the administrator can connect. Waits while another job drops a pull request's database. */
async function waitForDatabaseState(
  { run, reader }: AdminSessions,
  { name, oid, ofPullRequest }: RoleDatabase,
): Promise<'open' | 'closed' | 'absent'> {
  const state = await readDatabaseState(reader.session, oid);
  if (state !== 'closed' || !ofPullRequest) return state;
  const poll = async () => {
    const now = await readDatabaseState(reader.session, oid);
    return now === 'closed' ? undefined : now;
  };
  return await waitFor(run, `another job to drop database '${name}'`, poll, {
    timeoutMs: DATABASE_DROP_TIMEOUT_MS,
  }).catch((error: unknown) => {
    if (isWaitTimeout(run, error)) return 'closed' as const;
    throw error;
  });
}

async function readDatabaseState(session: Session, oid: string): Promise<'open' | 'closed' | 'absent'> {
  const [row] = await session.query<{ open: boolean }>(
    `SELECT datallowconn AND has_database_privilege(oid, 'CONNECT') AS open FROM pg_database WHERE oid = $1`,
    [oid],
  );
  if (row === undefined) return 'absent';
  return row.open ? 'open' : 'closed';
}

/** Objects of each database that an error names. */
const MAX_EXAMPLES = 5;

/**
 * The condition that a row `s` of pg_shdepend is something that DROP OWNED drops instead of revoking it: an object of the
 * role ($1), or a policy for it. Grants ('a', 'i') and default privileges are only revoked.
 */
const OWNERSHIP_DEPENDENCY_SQL = `
  s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1 AND s.deptype NOT IN ('a', 'i')
  AND s.classid <> 'pg_default_acl'::regclass`;

/** DROP OWNED only removes the role from a policy for several roles. A temporary table's policy ends with its session. */
const EXCLUSIVE_POLICY_SQL = `EXISTS (SELECT FROM pg_policy y JOIN pg_class c ON c.oid = y.polrelid
  WHERE y.oid = s.objid AND cardinality(y.polroles) = 1 AND c.relpersistence <> 't')`;

const TEMPORARY_OBJECT_SQL = `coalesce(i.schema, '') ~ '^pg_temp'`;

export interface OwnedObjects {
  readonly count: number;
  /** At most {@link MAX_EXAMPLES} of them, as PostgreSQL identifies them, such as `table public.trips`. */
  readonly named: readonly string[];
  /** The types of all of them, such as `table`, `policy`, `user mapping`. */
  readonly types: readonly string[];
}

/**
 * What the role owns in the database of this session, and the policies that are for this role alone.
 * @param isPullRequestDatabase whether the action created the database for a pull request of the same repository. Policies
 *   do not count there: CREATE POLICY needs no privilege on the role that it names, so a pull request could otherwise
 *   prevent the drop of other pull requests' roles. A policy for a dropped role permits nothing.
 */
export const findOwnedInDatabase = (
  session: Session,
  oid: string,
  isPullRequestDatabase: boolean,
): Promise<OwnedObjects> =>
  queryOwnedObjects(
    session,
    `s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND (s.classid <> 'pg_policy'::regclass OR ${isPullRequestDatabase ? 'false' : EXCLUSIVE_POLICY_SQL})`,
    [oid],
  );

/** The shared objects that the role owns: databases, and subscriptions except those of one database. */
const findOwnedOnServer = (
  session: Session,
  oid: string,
  excludedDatabase: string | undefined,
): Promise<OwnedObjects> =>
  queryOwnedObjects(
    session,
    `s.dbid = 0 AND NOT EXISTS (SELECT FROM pg_subscription u JOIN pg_database d ON d.oid = u.subdbid
       WHERE s.classid = 'pg_subscription'::regclass AND u.oid = s.objid AND d.datname = $2)`,
    [oid, excludedDatabase ?? null],
  );

async function queryOwnedObjects(
  session: Session,
  where: string,
  parameters: readonly unknown[],
): Promise<OwnedObjects> {
  const [row] = await session.query<{ count: number; named: string[]; types: string[] }>(
    `SELECT count(*)::int AS count, coalesce(array_agg(DISTINCT i.type), '{}') AS types,
       coalesce((array_agg(i.type || ' ' || coalesce(i.identity, s.objid::text)
         ORDER BY s.classid = 'pg_class'::regclass DESC, s.classid, s.objid))[1:${MAX_EXAMPLES}], '{}') AS named
     FROM pg_shdepend s CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) i
     WHERE ${where} AND ${OWNERSHIP_DEPENDENCY_SQL} AND NOT ${TEMPORARY_OBJECT_SQL}`,
    parameters,
  );
  return row ?? { count: 0, named: [], types: [] };
}
