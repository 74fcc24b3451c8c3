import pg from 'pg';
import { type ActionError, actionError } from '../../common/errors.ts';
import {
  describePreparedTransaction,
  listPreparedTransactions,
  type PreparedTransaction,
} from '../../postgres/activity.ts';
import { findOwnedInDatabase, findOwnedOnServer, type OwnedObjects } from './owned-objects.ts';
import {
  listRoleDatabases,
  type PullRequestRole,
  type RoleDatabase,
  type RoleLookupDeps,
  waitForDatabaseState,
  withRoleDatabase,
} from './role-databases.ts';

/** Something of a role that keeps it from being dropped. */
export interface RoleBlocker {
  /** Where it is, and what. */
  readonly line: string;
  /** What its owner can do about it: sentences with statements. */
  readonly remedies: readonly string[];
}

/**
 * What keeps a role from being dropped: nothing is dropped and no transaction is rolled back outside the pull request's
 * own database, so whoever knows what these are has to decide about them.
 * @param droppedDatabase the pull request's own database, which goes before the role; undefined where it is gone
 */
export async function findRoleBlockers(
  deps: RoleLookupDeps,
  role: PullRequestRole,
  droppedDatabase: { readonly name: string; readonly oid: string } | undefined,
): Promise<readonly RoleBlocker[]> {
  const { session } = deps.reader;
  const found: RoleBlocker[] = [];
  for (const database of await listRoleDatabases(deps.reader, role)) {
    if (database.oid === droppedDatabase?.oid) continue;
    const owned =
      database.owned === 0
        ? await waitForDatabaseState(deps, database)
        : await withRoleDatabase(deps, database, (databaseSession) =>
            findOwnedInDatabase(databaseSession, role.oid, database.ofPullRequest),
          );
    if (owned === 'closed') found.push(closedDatabaseBlocker(database));
    else if (typeof owned === 'object' && owned.count > 0)
      found.push(ownedObjectsBlocker(role, database.name, owned));
  }
  const serverObjects = await findOwnedOnServer(session, role.oid, droppedDatabase?.name);
  if (serverObjects.count > 0)
    found.push({
      line: `on the server itself: ${describeOwnedObjects(serverObjects)}`,
      remedies: remediesFor(role, serverObjects),
    });
  return [...found, ...(await findPreparedBlockers(deps, role, droppedDatabase?.oid))];
}

/** Those that hold a lock on the pull request's own database are rolled back with what is in it, and in its plan. */
async function findPreparedBlockers(
  { reader: { session } }: RoleLookupDeps,
  { oid }: PullRequestRole,
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

/** A prepared transaction that somebody has to end. */
export function preparedTransactionBlocker(transaction: PreparedTransaction): RoleBlocker {
  const { gid, owner, database } = transaction;
  const literal = pg.escapeLiteral(gid);
  return {
    line: describePreparedTransaction(transaction),
    remedies: [
      `In database '${database}', as ${owner}: ROLLBACK PREPARED ${literal}; to discard what it did, or COMMIT PREPARED ${literal}; to keep it.`,
    ],
  };
}

/** What a role owns in a database, as a refusal shows it. */
export const ownedObjectsBlocker = (
  role: PullRequestRole,
  database: string,
  owned: OwnedObjects,
): RoleBlocker => ({
  line: `in database '${database}': ${describeOwnedObjects(owned)}`,
  remedies: remediesFor(role, owned),
});

/** A database that cannot be entered, so neither can rights be revoked nor objects be named there. */
export const closedDatabaseBlocker = ({ name, owned, ofPullRequest }: RoleDatabase): RoleBlocker => ({
  line: `in database '${name}', which admin-username may not enter: ${owned === 0 ? 'rights only' : countObjects(owned)}`,
  remedies: [
    ofPullRequest
      ? `Database '${name}' was made for a pull request, and dropping it was interrupted: run mode: drop for that pull request, or mode: sweep.`
      : `Open database '${name}', or let its owner do so: ALTER DATABASE ${pg.escapeIdentifier(name)} ALLOW_CONNECTIONS true; GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(name)} TO the role that admin-username names. The next run then names what is in it.`,
  ],
});

const countObjects = (count: number): string => `${count} object${count === 1 ? '' : 's'}`;

const describeOwnedObjects = ({ count, named }: OwnedObjects): string =>
  count > named.length ? `${countObjects(count)}, such as ${named.join(', ')}` : named.join(', ');

/** Kinds that REASSIGN OWNED and DROP OWNED do not treat as they treat objects of a database. */
const TYPES_WITH_OWN_REMEDY = ['policy', 'user mapping', 'database', 'subscription'];

function remediesFor({ name }: PullRequestRole, { types }: OwnedObjects): readonly string[] {
  const role = pg.escapeIdentifier(name);
  const asMember = `GRANT ${role} TO CURRENT_USER; then`;
  const has = (type: string): boolean => types.includes(type);
  return [
    types.some((type) => !TYPES_WITH_OWN_REMEDY.includes(type)) &&
      `${asMember} in each of these databases REASSIGN OWNED BY ${role} TO CURRENT_USER; to keep the objects, or DROP OWNED BY ${role}; to delete them.`,
    has('database') &&
      `${asMember} REASSIGN OWNED BY ${role} TO CURRENT_USER; in any database to keep the databases that it owns, or DROP DATABASE for each that is to go.`,
    has('subscription') &&
      `A subscription needs ALTER SUBSCRIPTION … OWNER TO another role, or DROP SUBSCRIPTION, in its own database.`,
    has('policy') &&
      'A policy that is for this role alone needs ALTER POLICY … TO another role, or DROP POLICY.',
    has('user mapping') &&
      `A user mapping, which REASSIGN OWNED leaves as it is, needs DROP USER MAPPING FOR ${role} SERVER the server that is named with it.`,
  ].filter((remedy) => remedy !== false);
}

/** Why a role stays, and what to run. */
export const roleBlockedError = (role: string, blockers: readonly RoleBlocker[], rest = ''): ActionError =>
  actionError('drop-failed', {
    what: `Role '${role}'`,
    reason: "outside the pull request's database, where nothing is dropped, these belong to it:",
    lines: blockers.map(({ line }) => line),
    rest,
    hint: 'As admin-username, except where another role is named, do this, and run the step again:',
    statements: [...new Set(blockers.flatMap(({ remedies }) => remedies))],
  });
