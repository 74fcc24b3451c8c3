import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { pullRequestName } from '../../common/resource-names.ts';
import type { RoleConfig } from '../../inputs/types.ts';
import { describeBlockers, listPreparedTransactions, terminateSessions } from '../../postgres/activity.ts';
import { readCurrentUser } from '../../postgres/admin-sessions.ts';
import { getSqlState, LOCK_NOT_AVAILABLE, retryOnConflict, toDropError } from '../../postgres/pg-errors.ts';
import { withRoleMembership } from '../../postgres/role-membership.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { isManagedDatabase, isManagedRole, roleNotOwnedError } from '../../reconcile/ownership.ts';
import type { ApplyResult } from '../../reconcile/resource-handler.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import {
  closedDatabaseBlocker,
  findOwnedInDatabase,
  findRoleBlockers,
  listRoleDatabases,
  ownedObjectsBlocker,
  preparedTransactionBlocker,
  type RoleToDrop,
  roleBlockedError,
  withRoleDatabase,
} from './role-blockers.ts';

/**
 * Drops an application role, with its privileges and default privileges in every database. It drops nothing that the role
 * owns: its own database is dropped before, and objects in other databases are an error.
 * @returns `adopted` when there is nothing left to drop
 * @throws `not-owned`, `drop-failed`
 */
export async function dropRole(deps: SqlWriterDeps, desired: RoleConfig): Promise<ApplyResult> {
  const { run, reader } = deps;
  const { session } = reader;
  const observed = await reader.role(desired.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent') return 'adopted';
  if (!isManagedRole(observed.value, desired)) throw roleNotOwnedError(observed.value, desired, 'drop');
  await rejectWhileDatabaseExists(reader, desired);
  const { name, oid } = observed.value;
  const role = { name, oid, repositoryId: desired.marker.repositoryId };
  const roleBlockers = await findRoleBlockers(deps, role, undefined);
  if (roleBlockers.length > 0) throw roleBlockedError(name, roleBlockers);
  try {
    const unblock = async (): Promise<void> => {
      await terminateSessions(run, session, 'of the role', { oid });
      const newTransactions = await listPreparedTransactions(session, 'of the role', { oid });
      if (newTransactions.length > 0)
        throw roleBlockedError(name, newTransactions.map(preparedTransactionBlocker), LATE_BLOCKERS_NOTE);
    };
    await retryOnConflict(run, () => disableLoginThen(session, name, oid), unblock);
    // The role cannot log in again, so no further activity can start.
    await unblock();
    await revokeInAllDatabases(deps, role);
    await retryOnConflict(run, () =>
      disableLoginThen(session, name, oid, `DROP ROLE ${pg.escapeIdentifier(name)}`),
    );
    return 'applied';
  } catch (error) {
    if (error instanceof RoleRecreatedError || getSqlState(error) === '42704') return 'adopted';
    if (getSqlState(error) !== LOCK_NOT_AVAILABLE) throw toDropError(`Role '${name}'`, error);
    const blockers = await describeBlockers(session, 'of the role', { oid });
    throw toDropError(`Role '${name}'`, error, blockers);
  }
}

/** Another job has dropped the role, and perhaps created one with the same name, which must not be dropped here. */
class RoleRecreatedError extends Error {
  override readonly name = 'RoleRecreatedError';
}

/**
 * Sets NOLOGIN and, in the same transaction, checks that the name still means this role, which ALTER ROLE has locked; then
 * runs `nextStatement`.
 */
async function disableLoginThen(
  session: Session,
  name: string,
  oid: string,
  nextStatement?: string,
): Promise<void> {
  await session.transaction(async () => {
    await session.query(`ALTER ROLE ${pg.escapeIdentifier(name)} NOLOGIN`);
    await assertSameRole(session, name, oid);
    if (nextStatement !== undefined) await session.query(nextStatement);
  });
}

async function assertSameRole(session: Session, name: string, oid: string): Promise<void> {
  const rows = await session.query('SELECT FROM pg_roles WHERE rolname = $1 AND oid = $2', [name, oid]);
  if (rows.length === 0) throw new RoleRecreatedError(`role '${name}' was dropped or re-created`);
}

/** @throws `drop-failed` when the database that the role is for still exists */
async function rejectWhileDatabaseExists(reader: SqlReader, { name, marker }: RoleConfig): Promise<void> {
  if (marker.kind !== 'pull-request') throw new Error(`role '${name}' was not created for a pull request`);
  const { repositoryId, pullRequest, database: base } = marker;
  const target = {
    name: pullRequestName(base, pullRequest),
    marker: { kind: marker.kind, repositoryId, pullRequest, base },
  };
  const observed = await reader.database(target.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent' || !isManagedDatabase(observed.value, target)) return;
  const reason = `its database '${target.name}' still exists.`;
  throw actionError('drop-failed', {
    what: `Role '${name}'`,
    reason,
    hint: 'Run the step again to drop both.',
  });
}

/** Follows the list of blockers that were found after the first check. */
const LATE_BLOCKERS_NOTE = '\nThese appeared while the role was being dropped.';
const FINAL_BLOCKERS_NOTE = `${LATE_BLOCKERS_NOTE} The role can no longer log in.`;

/** Revokes the privileges of the role, and its default privileges, in every database. */
async function revokeInAllDatabases(deps: SqlWriterDeps, role: RoleToDrop): Promise<void> {
  const { run, reader } = deps;
  // Privileges on shared objects can be revoked from any database.
  await retryOnConflict(run, () => revokeInDatabase(reader.session, 'postgres', role, false));
  for (const database of await listRoleDatabases(reader, role)) {
    const { name, ofPullRequest } = database;
    const state = await withRoleDatabase(deps, database, (session) =>
      retryOnConflict(run, () => revokeInDatabase(session, name, role, ofPullRequest)),
    );
    if (state === 'closed') {
      const blocker = closedDatabaseBlocker(database, await readCurrentUser(reader.session));
      throw roleBlockedError(role.name, [blocker], FINAL_BLOCKERS_NOTE);
    }
  }
}

/**
 * Runs DROP OWNED, PostgreSQL's only statement that revokes all privileges of a role. It also drops what the role owns,
 * so the same transaction first checks that this is nothing. The role itself cannot change that: it has NOLOGIN, no
 * session and no prepared transaction. Another role could, by giving it an object at that moment, only with the
 * privileges of the administrator.
 */
async function revokeInDatabase(
  session: Session,
  database: string,
  role: RoleToDrop,
  ofPullRequest: boolean,
): Promise<void> {
  const { name, oid } = role;
  for (const grantor of [undefined, ...(await findPossibleGrantors(session, oid))])
    await withRoleMembership(session, grantor === undefined ? [name] : [name, grantor], async () => {
      await assertSameRole(session, name, oid);
      const owned = await findOwnedInDatabase(session, oid, ofPullRequest);
      if (owned.count > 0)
        throw roleBlockedError(name, [ownedObjectsBlocker(role, database, owned)], FINAL_BLOCKERS_NOTE);
      await session.query(`DROP OWNED BY ${pg.escapeIdentifier(name)}`);
    });
}

/**
 * The roles that may have granted privileges to the role in this database: those that own the same objects or have
 * privileges on them. DROP OWNED revokes only what the session could have granted
 * (docs/azure-behavior.md#dropping-databases-and-roles), so a pull request could otherwise prevent the drop of another
 * pull request's role with a grant.
 */
async function findPossibleGrantors(session: Session, oid: string): Promise<readonly string[]> {
  const rows = await session.query<{ name: string }>(
    `SELECT DISTINCT r.rolname AS name
     FROM pg_shdepend s JOIN pg_shdepend g ON (g.dbid, g.classid, g.objid) = (s.dbid, s.classid, s.objid)
       JOIN pg_roles r ON r.oid = g.refobjid
     WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1 AND s.deptype = 'a'
       AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND g.refclassid = 'pg_authid'::regclass AND g.refobjid <> $1 AND g.deptype IN ('o', 'a')
     ORDER BY r.rolname`,
    [oid],
  );
  return rows.map((row) => row.name);
}
