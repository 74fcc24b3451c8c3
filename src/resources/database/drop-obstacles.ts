import pg from 'pg';
import { actionError, getErrorMessage } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import { describePreparedTransaction, listPreparedTransactions } from '../../postgres/activity.ts';
import { retryOnConflict } from '../../postgres/pg-errors.ts';
import { type AdminSessionDeps, rollBackPreparedTransactions } from '../../postgres/prepared-transactions.ts';
import { withRoleMembership } from '../../postgres/role-membership.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { findPullRequestRoleNames } from '../../reconcile/sweep-items.ts';

/** A database, by its oid: a name may mean another one in a moment. */
interface DatabaseRef {
  readonly name: string;
  readonly oid: string;
}

interface Subscription {
  readonly name: string;
  readonly owner: string;
  /** On the publisher. */
  readonly slot: string | null;
}

/** What keeps PostgreSQL from dropping a database, beside sessions: a sentence, and the statements that remove it. */
interface DropObstacle {
  readonly line: string;
  readonly statements: string;
}

/**
 * Removes what no session holds and no DROP DATABASE ends, not even Azure's own: prepared transactions and subscriptions.
 * @param allowConnections lets sessions into the database again, where an interrupted run has closed it
 * @throws `drop-failed` with the statements that are left to others; the database takes connections then
 */
export async function removeDropObstacles(
  deps: AdminSessionDeps,
  database: DatabaseRef,
  allowConnections: () => Promise<unknown>,
): Promise<void> {
  const { reader } = deps;
  if ((await findDropObstacles(reader.session, database)).length === 0) return;
  await allowConnections();
  await rollBackPreparedTransactions(deps, 'in the database', database);
  await dropSubscriptions(deps, database);
  const remaining = await findDropObstacles(reader.session, database);
  if (remaining.length > 0) throw dropObstructedError(database.name, remaining);
}

/** What is in the way of DROP DATABASE: prepared transactions, subscriptions, and replication slots that are in use. */
export async function findDropObstacles(
  session: Session,
  database: DatabaseRef,
): Promise<readonly DropObstacle[]> {
  const prepared = await listPreparedTransactions(session, 'in the database', database);
  const subscriptions = await listSubscriptions(session, database);
  return [
    ...prepared.map((each) => ({
      line: describePreparedTransaction(each),
      statements: `as ${each.owner}: ROLLBACK PREPARED ${pg.escapeLiteral(each.gid)};`,
    })),
    ...subscriptions.map(({ name, owner }) => ({
      line: `subscription ${name} of role ${owner}`,
      statements: `as ${owner}: ${dropSubscriptionStatements(name).join('; ')};`,
    })),
  ];
}

/**
 * What a drop ends beside the database's own contents, a line each: prepared transactions and subscriptions in it, and
 * prepared transactions of pull requests' roles elsewhere that lock it.
 * @param repositoryId whose pull requests' roles
 */
export async function describeDropSideEffects(
  reader: SqlReader,
  database: DatabaseRef,
  repositoryId: string,
): Promise<readonly string[]> {
  const { session } = reader;
  const obstacles = await findDropObstacles(session, database);
  const roles = findPullRequestRoleNames(repositoryId, await reader.markedRoles());
  const locking = await listPreparedTransactions(session, 'that lock the database', {
    oid: database.oid,
    roles,
  });
  return [...new Set([...obstacles.map(({ line }) => line), ...locking.map(describePreparedTransaction)])];
}

/** Logical replication slots of the database that somebody reads from; others go with the database. */
export async function findActiveReplicationSlots(
  session: Session,
  { name }: DatabaseRef,
): Promise<readonly DropObstacle[]> {
  const rows = await session.query<{ slot: string; pid: number }>(
    'SELECT slot_name AS slot, active_pid AS pid FROM pg_replication_slots WHERE database = $1 AND active ORDER BY slot_name',
    [name],
  );
  return rows.map(({ slot, pid }) => ({
    line: `replication slot ${slot}, in use by process ${pid}`,
    statements: `SELECT pg_terminate_backend(${pid}); SELECT pg_drop_replication_slot(${pg.escapeLiteral(slot)});`,
  }));
}

/** Why a database stays, and what to run in it. */
export function dropObstructedError(database: string, obstacles: readonly DropObstacle[]): Error {
  return actionError('drop-failed', {
    what: `Database '${database}'`,
    reason: 'PostgreSQL drops no database that has these:',
    lines: obstacles.map(({ line }) => line),
    rest: '\nThe database is still there, and takes connections.',
    hint: `Run in database '${database}', and then the step again:`,
    statements: obstacles.map(({ statements }) => statements),
  });
}

const listSubscriptions = (
  session: Session,
  { oid }: DatabaseRef,
): Promise<readonly (Subscription & Record<string, unknown>)[]> =>
  session.query(
    `SELECT subname AS name, pg_get_userbyid(subowner) AS owner, subslotname AS slot
     FROM pg_subscription WHERE subdbid = $1 ORDER BY subname`,
    [oid],
  );

/** Without its slot, since the publisher may not be reachable from here, and a slot of it would be dropped there. */
const dropSubscriptionStatements = (name: string): readonly string[] => {
  const subscription = pg.escapeIdentifier(name);
  return [
    `ALTER SUBSCRIPTION ${subscription} DISABLE`,
    `ALTER SUBSCRIPTION ${subscription} SET (slot_name = NONE)`,
    `DROP SUBSCRIPTION ${subscription}`,
  ];
};

async function dropSubscriptions(
  { run, reader, openDatabaseSession }: AdminSessionDeps,
  database: DatabaseRef,
): Promise<void> {
  const found = await listSubscriptions(reader.session, database);
  if (found.length === 0) return;
  const session = await openDatabaseSession(database.name);
  try {
    for (const each of found) await dropSubscription(run, session, each);
  } finally {
    await session.close();
  }
}

/** One that may not be dropped stays, and is named by who asked. */
async function dropSubscription(
  run: RunContext,
  session: Session,
  { name, owner, slot }: Subscription,
): Promise<void> {
  try {
    await retryOnConflict(run, () =>
      withRoleMembership(session, [owner], async () => {
        for (const statement of dropSubscriptionStatements(name)) await session.query(statement);
      }),
    );
    const publisherHint =
      slot === null ? '' : ` Replication slot '${slot}' of its publisher may still be there: drop it there.`;
    run.warning(`Dropped subscription '${name}' of role '${owner}'.${publisherHint}`);
  } catch (error) {
    run.signal.throwIfAborted();
    run.debug(`Subscription '${name}' stays: ${getErrorMessage(error)}`);
  }
}
