import pg from 'pg';
import type { RoleConfig } from '../config/config.ts';
import { pullRequestName } from '../config/names.ts';
import { fail } from '../errors.ts';
import type { Applied } from '../plan/engine.ts';
import { foreignRole, isOurRole, isOursToDrop } from '../plan/ownership.ts';
import { databasesOfRole, insideDatabaseOfRole, type PullRequestRole } from './databases-of-role.ts';
import { type Dropping, toDropError } from './dropping.ts';
import { againOnCollision, lockNotAvailable, sqlStateOf } from './errors.ts';
import { asMemberOf } from './membership.ts';
import { ownedHere } from './owned-objects.ts';
import type { Session } from './session.ts';
import { endSessions, namedHolders, preparedTransactions } from './sessions.ts';
import type { SqlReader } from './sql-reader.ts';
import { belongingsElsewhere, inClosed, inDatabase, prepared, staysFor } from './staying-role.ts';

/**
 * Drops an application role, with its rights and default privileges in every database. Nothing that it owns is dropped:
 * its own database is gone before, and objects elsewhere are a refusal.
 * @returns `adopted` where there is nothing to drop any more
 * @throws `not-ours`, `drop-refused`
 */
export async function dropRole(dropping: Dropping, desired: RoleConfig): Promise<Applied> {
  const { run, reader } = dropping;
  const { session } = reader;
  const seen = await reader.role(desired.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent') return 'adopted';
  if (!isOurRole(seen.value, desired)) throw foreignRole(seen.value, desired);
  await refuseWhileInUse(reader, desired);
  const { name, oid } = seen.value;
  const role = { name, oid, repositoryId: desired.mark.repositoryId };
  const belongings = await belongingsElsewhere(dropping, role, undefined);
  if (belongings.length > 0) throw staysFor(name, belongings);
  try {
    const unblock = async (): Promise<void> => {
      await endSessions(run, session, 'of the role', { oid });
      const late = await preparedTransactions(session, 'of the role', { oid });
      if (late.length > 0) throw staysFor(name, late.map(prepared), cameLate);
    };
    await againOnCollision(run, () => onRole(session, name, oid), unblock);
    // It cannot log in again, so what it leaves behind is all there is.
    await unblock();
    await revokeEverywhere(dropping, role);
    await againOnCollision(run, () => onRole(session, name, oid, `DROP ROLE ${pg.escapeIdentifier(name)}`));
    return 'applied';
  } catch (error) {
    if (error instanceof RoleChanged || sqlStateOf(error) === '42704') return 'adopted';
    if (sqlStateOf(error) !== lockNotAvailable) throw toDropError(`Role '${name}'`, error);
    const blockers = await namedHolders(session, 'of the role', { oid });
    throw toDropError(`Role '${name}'`, error, blockers);
  }
}

/** Another job has dropped the role, and perhaps made another of the same name, which is not ours to touch here. */
class RoleChanged extends Error {
  override readonly name = 'RoleChanged';
}

/**
 * Keeps the role from logging in and, in the same transaction, looks whether the name meant this role, which nobody can
 * drop from then on; then the rest.
 */
async function onRole(session: Session, name: string, oid: string, rest?: string): Promise<void> {
  await session.transaction(async () => {
    await session.query(`ALTER ROLE ${pg.escapeIdentifier(name)} NOLOGIN`);
    await expectRole(session, name, oid);
    if (rest !== undefined) await session.query(rest);
  });
}

async function expectRole(session: Session, name: string, oid: string): Promise<void> {
  const rows = await session.query('SELECT FROM pg_roles WHERE rolname = $1 AND oid = $2', [name, oid]);
  if (rows.length === 0) throw new RoleChanged(`role '${name}' is gone or another now`);
}

/** The role cannot go before the database that it is for. */
async function refuseWhileInUse(reader: SqlReader, { name, mark }: RoleConfig): Promise<void> {
  if (mark.kind !== 'pull-request') throw new Error(`role '${name}' is no pull request's`);
  const { repositoryId, pullRequest, database: base } = mark;
  const of = {
    name: pullRequestName(base, pullRequest),
    mark: { kind: mark.kind, repositoryId, pullRequest, base },
  };
  const seen = await reader.database(of.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent' || !isOursToDrop(seen.value, of)) return;
  const reason = `database '${of.name}', for which it is, is still there.`;
  throw fail('drop-refused', {
    what: `Role '${name}'`,
    reason,
    advice: 'Run the step again, which drops both.',
  });
}

/** Follows the list of what a role got after the first look. */
const cameLate = '\nIt got them while it was being dropped.';
const cameLast = `${cameLate.slice(0, -1)}, and may not log in any more.`;

/** Revokes what the role was granted, and its default privileges, in every database. */
async function revokeEverywhere(dropping: Dropping, role: PullRequestRole): Promise<void> {
  const { run, reader } = dropping;
  // From `postgres` always: what is shared by all databases can be revoked from any of them.
  await againOnCollision(run, () => revokeIn(reader.session, 'postgres', role, false));
  for (const database of await databasesOfRole(reader, role)) {
    const { name, ofPullRequest } = database;
    const state = await insideDatabaseOfRole(dropping, database, (inside) =>
      againOnCollision(run, () => revokeIn(inside, name, role, ofPullRequest)),
    );
    if (state === 'closed') throw staysFor(role.name, [inClosed(database)], cameLast);
  }
}

/**
 * DROP OWNED is PostgreSQL's only statement that revokes every right of a role, whatever it is on. It would also drop what
 * the role owns, so it runs only where the same transaction has just seen that this is nothing. The role cannot change
 * that in between: it may not log in, and has neither a session nor a prepared transaction. Somebody else could only by
 * giving it an object in that instant, which takes the rights of the administrator.
 */
async function revokeIn(
  session: Session,
  database: string,
  role: PullRequestRole,
  ofPullRequest: boolean,
): Promise<void> {
  const { name, oid } = role;
  for (const grantor of [undefined, ...(await possibleGrantors(session, oid))])
    await asMemberOf(session, grantor === undefined ? [name] : [name, grantor], async () => {
      await expectRole(session, name, oid);
      const owned = await ownedHere(session, oid, ofPullRequest);
      if (owned.count > 0) throw staysFor(name, [inDatabase(role, database, owned)], cameLast);
      await session.query(`DROP OWNED BY ${pg.escapeIdentifier(name)}`);
    });
}

/**
 * Who may have granted the role its rights here: who owns the same objects or has rights on them. DROP OWNED revokes only
 * what this session could have granted, and leaves the rest with a warning; so a pull request could keep another's role
 * by a grant.
 */
async function possibleGrantors(session: Session, oid: string): Promise<readonly string[]> {
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
