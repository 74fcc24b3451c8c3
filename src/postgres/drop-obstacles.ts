import pg from 'pg';
import { fail, messageOf } from '../errors.ts';
import { pullRequestRoleNames } from '../plan/sweep.ts';
import type { Run } from '../waiting.ts';
import { againOnCollision } from './errors.ts';
import { asMemberOf } from './membership.ts';
import { type Entering, rollBackPrepared } from './prepared.ts';
import type { Session } from './session.ts';
import { preparedLine, preparedTransactions } from './sessions.ts';
import type { SqlReader } from './sql-reader.ts';

/** A database, by its oid: a name may mean another one in a moment. */
interface NamedDatabase {
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
interface Obstacle {
  readonly line: string;
  readonly statements: string;
}

/**
 * Removes what no session holds and no DROP DATABASE ends, not even Azure's own: prepared transactions and subscriptions.
 * @param open lets sessions into the database again, where an interrupted run has closed it
 * @throws `drop-refused` with the statements that are left to others; the database takes connections then
 */
export async function removeObstacles(
  entering: Entering,
  database: NamedDatabase,
  open: () => Promise<unknown>,
): Promise<void> {
  const { reader } = entering;
  if ((await obstaclesOf(reader.session, database)).length === 0) return;
  await open();
  await rollBackPrepared(entering, 'in the database', database);
  await dropSubscriptions(entering, database);
  const left = await obstaclesOf(reader.session, database);
  if (left.length > 0) throw obstructed(database.name, left);
}

/** What is in the way of DROP DATABASE: prepared transactions, subscriptions, and replication slots that are in use. */
export async function obstaclesOf(session: Session, database: NamedDatabase): Promise<readonly Obstacle[]> {
  const prepared = await preparedTransactions(session, 'in the database', database);
  const subscriptions = await subscriptionsOf(session, database);
  return [
    ...prepared.map((each) => ({
      line: preparedLine(each),
      statements: `as ${each.owner}: ROLLBACK PREPARED ${pg.escapeLiteral(each.gid)};`,
    })),
    ...subscriptions.map(({ name, owner }) => ({
      line: `subscription ${name} of role ${owner}`,
      statements: `as ${owner}: ${dropStatements(name).join('; ')};`,
    })),
  ];
}

/**
 * What a drop ends beside the database's own contents, a line each: prepared transactions and subscriptions in it, and
 * prepared transactions of pull requests' roles elsewhere that lock it.
 * @param repositoryId whose pull requests' roles
 */
export async function goingWith(
  reader: SqlReader,
  database: NamedDatabase,
  repositoryId: string,
): Promise<readonly string[]> {
  const { session } = reader;
  const inside = await obstaclesOf(session, database);
  const roles = pullRequestRoleNames(repositoryId, await reader.markedRoles());
  const locking = await preparedTransactions(session, 'that lock the database', { oid: database.oid, roles });
  return [...new Set([...inside.map(({ line }) => line), ...locking.map(preparedLine)])];
}

/** Logical replication slots of the database that somebody reads from; others go with the database. */
export async function activeSlots(session: Session, { name }: NamedDatabase): Promise<readonly Obstacle[]> {
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
export function obstructed(database: string, obstacles: readonly Obstacle[]): Error {
  return fail('drop-refused', {
    what: `Database '${database}'`,
    reason: 'PostgreSQL drops no database that has these:',
    lines: obstacles.map(({ line }) => line),
    rest: '\nThe database is still there, and takes connections.',
    advice: `Run in database '${database}', and then the step again:`,
    statements: obstacles.map(({ statements }) => statements),
  });
}

const subscriptionsOf = (
  session: Session,
  { oid }: NamedDatabase,
): Promise<readonly (Subscription & Record<string, unknown>)[]> =>
  session.query(
    `SELECT subname AS name, pg_get_userbyid(subowner) AS owner, subslotname AS slot
     FROM pg_subscription WHERE subdbid = $1 ORDER BY subname`,
    [oid],
  );

/** Without its slot, since the publisher may not be reachable from here, and a slot of it would be dropped there. */
const dropStatements = (name: string): readonly string[] => {
  const subscription = pg.escapeIdentifier(name);
  return [
    `ALTER SUBSCRIPTION ${subscription} DISABLE`,
    `ALTER SUBSCRIPTION ${subscription} SET (slot_name = NONE)`,
    `DROP SUBSCRIPTION ${subscription}`,
  ];
};

async function dropSubscriptions({ run, reader, enter }: Entering, database: NamedDatabase): Promise<void> {
  const found = await subscriptionsOf(reader.session, database);
  if (found.length === 0) return;
  const inside = await enter(database.name);
  try {
    for (const each of found) await dropSubscription(run, inside, each);
  } finally {
    await inside.close();
  }
}

/** One that may not be dropped stays, and is named by who asked. */
async function dropSubscription(
  run: Run,
  inside: Session,
  { name, owner, slot }: Subscription,
): Promise<void> {
  try {
    await againOnCollision(run, () =>
      asMemberOf(inside, [owner], async () => {
        for (const statement of dropStatements(name)) await inside.query(statement);
      }),
    );
    const publisher =
      slot === null ? '' : ` Replication slot '${slot}' of its publisher may still be there: drop it there.`;
    run.warning(`Dropped subscription '${name}' of role '${owner}'.${publisher}`);
  } catch (error) {
    run.signal.throwIfAborted();
    run.debug(`Subscription '${name}' stays: ${messageOf(error)}`);
  }
}
