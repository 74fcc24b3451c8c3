import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { pullRequestName } from '../../common/resource-names.ts';
import type { RoleConfig } from '../../inputs/types.ts';
import { describeBlockers, listPreparedTransactions, terminateSessions } from '../../postgres/activity.ts';
import { getSqlState, LOCK_NOT_AVAILABLE, retryOnConflict } from '../../postgres/pg-errors.ts';
import { withRoleMembership } from '../../postgres/role-membership.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { isManagedDatabase, isManagedRole, roleNotOwnedError } from '../../reconcile/ownership.ts';
import type { ApplyResult } from '../../reconcile/resource-handler.ts';
import { type DropDeps, toDropError } from '../database/drop-database.ts';
import { findOwnedInDatabase } from './owned-objects.ts';
import {
  closedDatabaseBlocker,
  findRoleBlockers,
  ownedObjectsBlocker,
  preparedTransactionBlocker,
  roleBlockedError,
} from './role-blockers.ts';
import { listRoleDatabases, type PullRequestRole, withRoleDatabase } from './role-databases.ts';

/**
 * Drops an application role, with its rights and default privileges in every database. Nothing that it owns is dropped:
 * its own database is gone before, and objects elsewhere are a refusal.
 * @returns `adopted` where there is nothing to drop any more
 * @throws `not-ours`, `drop-refused`
 */
export async function dropRole(deps: DropDeps, desired: RoleConfig): Promise<ApplyResult> {
  const { run, reader } = deps;
  const { session } = reader;
  const observed = await reader.role(desired.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent') return 'adopted';
  if (!isManagedRole(observed.value, desired)) throw roleNotOwnedError(observed.value, desired);
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
    // It cannot log in again, so what it leaves behind is all there is.
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

/** Another job has dropped the role, and perhaps made another of the same name, which is not ours to touch here. */
class RoleRecreatedError extends Error {
  override readonly name = 'RoleRecreatedError';
}

/**
 * Keeps the role from logging in and, in the same transaction, looks whether the name meant this role, which nobody can
 * drop from then on; then the rest.
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
  if (rows.length === 0) throw new RoleRecreatedError(`role '${name}' is gone or another now`);
}

/** The role cannot go before the database that it is for. */
async function rejectWhileDatabaseExists(reader: SqlReader, { name, marker }: RoleConfig): Promise<void> {
  if (marker.kind !== 'pull-request') throw new Error(`role '${name}' is no pull request's`);
  const { repositoryId, pullRequest, database: base } = marker;
  const target = {
    name: pullRequestName(base, pullRequest),
    marker: { kind: marker.kind, repositoryId, pullRequest, base },
  };
  const observed = await reader.database(target.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent' || !isManagedDatabase(observed.value, target)) return;
  const reason = `database '${target.name}', for which it is, is still there.`;
  throw actionError('drop-refused', {
    what: `Role '${name}'`,
    reason,
    hint: 'Run the step again, which drops both.',
  });
}

/** Follows the list of what a role got after the first look. */
const LATE_BLOCKERS_NOTE = '\nIt got them while it was being dropped.';
const FINAL_BLOCKERS_NOTE = `${LATE_BLOCKERS_NOTE.slice(0, -1)}, and may not log in any more.`;

/** Revokes what the role was granted, and its default privileges, in every database. */
async function revokeInAllDatabases(deps: DropDeps, role: PullRequestRole): Promise<void> {
  const { run, reader } = deps;
  // From `postgres` always: what is shared by all databases can be revoked from any of them.
  await retryOnConflict(run, () => revokeInDatabase(reader.session, 'postgres', role, false));
  for (const database of await listRoleDatabases(reader, role)) {
    const { name, ofPullRequest } = database;
    const state = await withRoleDatabase(deps, database, (session) =>
      retryOnConflict(run, () => revokeInDatabase(session, name, role, ofPullRequest)),
    );
    if (state === 'closed')
      throw roleBlockedError(role.name, [closedDatabaseBlocker(database)], FINAL_BLOCKERS_NOTE);
  }
}

/**
 * DROP OWNED is PostgreSQL's only statement that revokes every right of a role, whatever it is on. It would also drop what
 * the role owns, so it runs only where the same transaction has just seen that this is nothing. The role cannot change
 * that in between: it may not log in, and has neither a session nor a prepared transaction. Somebody else could only by
 * giving it an object in that instant, which takes the rights of the administrator.
 */
async function revokeInDatabase(
  session: Session,
  database: string,
  role: PullRequestRole,
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
 * Who may have granted the role its rights here: who owns the same objects or has rights on them. DROP OWNED revokes only
 * what this session could have granted, and leaves the rest with a warning; so a pull request could keep another's role
 * by a grant.
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
