import pg from 'pg';
import { actionError, getErrorMessage } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import {
  describePreparedTransaction,
  listPreparedTransactions,
  rollBackPreparedTransactions,
} from '../../postgres/activity.ts';
import { type AdminSessions, withDatabaseSession } from '../../postgres/admin-sessions.ts';
import { retryOnConflict } from '../../postgres/pg-errors.ts';
import { withRoleMembership } from '../../postgres/role-membership.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { findPullRequestRoleNames } from '../../reconcile/ownership.ts';

/** A database with its oid, because a name can be reused at any moment. */
interface DatabaseRef {
  readonly name: string;
  readonly oid: string;
}

interface Subscription {
  readonly name: string;
  readonly owner: string;
  /** The replication slot on the publisher. */
  readonly slot: string | null;
}

/**
 * What prevents PostgreSQL from dropping a database, besides sessions: a description, and the statements that remove
 * it.
 */
interface DropObstacle {
  readonly line: string;
  readonly statements: string;
}

/**
 * Removes prepared transactions and subscriptions, which block DROP DATABASE without a session, through ARM too.
 * @param allowConnections enables connections to the database again, in case an interrupted run has disabled them
 * @throws `drop-failed` with the statements that another role must run; the database then accepts connections
 */
export async function removeDropObstacles(
  admin: AdminSessions,
  database: DatabaseRef,
  allowConnections: () => Promise<unknown>,
): Promise<void> {
  const { reader } = admin;
  if ((await findDropObstacles(reader.session, database)).length === 0) return;
  await allowConnections();
  await rollBackPreparedTransactions(admin, 'in the database', database);
  await dropSubscriptions(admin, database);
  const remaining = await findDropObstacles(reader.session, database);
  if (remaining.length > 0) throw dropObstructedError(database.name, remaining);
}

/** Prepared transactions and subscriptions of the database. */
export async function findDropObstacles(
  session: Session,
  database: DatabaseRef,
): Promise<readonly DropObstacle[]> {
  const prepared = await listPreparedTransactions(session, 'in the database', database);
  const subscriptions = await listSubscriptions(session, database);
  return [
    ...prepared.map((transaction) => ({
      line: describePreparedTransaction(transaction),
      statements: `as ${transaction.owner}: ROLLBACK PREPARED ${pg.escapeLiteral(transaction.gid)};`,
    })),
    ...subscriptions.map(({ name, owner }) => ({
      line: `subscription ${name} of role ${owner}`,
      statements: `as ${owner}: ${dropSubscriptionStatements(name).join('; ')};`,
    })),
  ];
}

/**
 * What a drop ends besides the contents of the database, a line each: its prepared transactions and subscriptions, and
 * prepared transactions of pull requests' roles in other databases that lock it.
 * @param repositoryId GitHub's numeric id of the repository of the pull requests
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

/** Logical replication slots of the database that are in use; DROP DATABASE removes the others. */
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

/** The error for a database that has obstacles, with the statements to run in it. */
export function dropObstructedError(database: string, obstacles: readonly DropObstacle[]): Error {
  return actionError('drop-failed', {
    what: `Database '${database}'`,
    reason: 'PostgreSQL does not drop a database with:',
    lines: obstacles.map(({ line }) => line),
    rest: '\nThe database still exists and accepts connections.',
    hint: `Run the following in database '${database}', then run the step again:`,
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

/** Keeps the replication slot: dropping it needs a connection to the publisher. */
const dropSubscriptionStatements = (name: string): readonly string[] => {
  const subscription = pg.escapeIdentifier(name);
  return [
    `ALTER SUBSCRIPTION ${subscription} DISABLE`,
    `ALTER SUBSCRIPTION ${subscription} SET (slot_name = NONE)`,
    `DROP SUBSCRIPTION ${subscription}`,
  ];
};

async function dropSubscriptions(admin: AdminSessions, database: DatabaseRef): Promise<void> {
  const { run, reader } = admin;
  const subscriptions = await listSubscriptions(reader.session, database);
  if (subscriptions.length === 0) return;
  await withDatabaseSession(admin, database.name, async (session) => {
    for (const subscription of subscriptions) await dropSubscription(run, session, subscription);
  });
}

/** A failure is not an error here: {@link removeDropObstacles} reports the subscriptions that remain. */
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
      slot === null ? '' : ` Its replication slot '${slot}' may still exist on the publisher; drop it there.`;
    run.warning(`Dropped subscription '${name}' of role '${owner}'.${publisherHint}`);
  } catch (error) {
    run.signal.throwIfAborted();
    run.debug(`Subscription '${name}' was not dropped: ${getErrorMessage(error)}`);
  }
}
