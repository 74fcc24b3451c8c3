import pg from 'pg';
import type { DatabaseConfig } from '../config/config.ts';
import { fail } from '../errors.ts';
import type { Applied } from '../plan/engine.ts';
import { foreignDatabase, isOursToDrop } from '../plan/ownership.ts';
import { pullRequestRoleNames } from '../plan/sweep.ts';
import type { Run } from '../waiting.ts';
import { activeSlots, obstaclesOf, obstructed, removeObstacles } from './drop-obstacles.ts';
import { againOnCollision, lockNotAvailable, said, sqlStateOf } from './errors.ts';
import { rollBackPrepared } from './prepared.ts';
import type { Session } from './session.ts';
import { endSessions, namedHolders } from './sessions.ts';
import type { FoundDatabase, SqlReader } from './sql-reader.ts';

/** What dropping works with. */
export interface Dropping {
  readonly run: Run;
  /** In `postgres`, as the administrator. */
  readonly reader: SqlReader;
  /** A session of the administrator in another database; closed by whoever asked for it. */
  readonly enter: (database: string) => Promise<Session>;
  /** ARM's way to drop a database, which ends even the service's own sessions. */
  readonly throughArm: (database: string) => Promise<void>;
}

/**
 * Drops a pull request's database, looked at once more right before: what is not ours is never dropped.
 * @param last asked at the very end whether the database as it is now is still to go; and its oid, by which it is known
 *   whether another has made it anew in the meantime
 * @returns `adopted` where there is nothing to drop any more
 * @throws `not-ours`, `drop-refused`
 */
export async function dropDatabase(
  dropping: Dropping,
  desired: DatabaseConfig,
  last: (found: FoundDatabase) => boolean = () => true,
): Promise<Applied> {
  const { reader } = dropping;
  const seen = await reader.database(desired.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent') return 'adopted';
  const { name, oid } = seen.value;
  if (!isOursToDrop(seen.value, desired)) throw foreignDatabase(seen.value, desired);
  if (!last(seen.value)) return 'adopted';
  const repositoryId = desired.mark?.repositoryId ?? '';
  try {
    return await drop(dropping, { name, oid, repositoryId });
  } catch (error) {
    if (error instanceof MadeAnew) return await dropDatabase(dropping, desired, last);
    if (sqlStateOf(error) !== lockNotAvailable) throw toDropError(`Database '${name}'`, error);
    const blockers = await namedHolders(reader.session, 'that lock the database', { oid });
    throw toDropError(`Database '${name}'`, error, blockers);
  }
}

/** Another job has dropped it in the meantime, and made one of the same name: that one is to be looked at for itself. */
class MadeAnew extends Error {
  override readonly name = 'MadeAnew';
}

interface DatabaseToDrop {
  readonly name: string;
  readonly oid: string;
  readonly repositoryId: string;
}

/** How often what appeared in the database while it was being dropped is removed. */
const ROUNDS = 3;

async function drop(dropping: Dropping, target: DatabaseToDrop, round = 1): Promise<Applied> {
  const { run, reader } = dropping;
  const { session } = reader;
  const { name, oid } = target;
  const database = pg.escapeIdentifier(name);
  try {
    await removeObstacles(dropping, target, () => allowConnections(dropping, target, true));
    // From here on nobody enters any more, and whoever looks knows that it is going.
    await allowConnections(dropping, target, false);
    await endSessions(run, session, 'in the database', { oid });
    // It runs in no transaction, so all that can be done is to look right before whether the name still means the same.
    await unlocked(dropping, target, async () => {
      await lookAgain(reader, name, oid);
      await session.query(`DROP DATABASE ${database}`);
    });
    return 'applied';
  } catch (error) {
    if (sqlStateOf(error) === '3D000') return 'adopted';
    if (sqlStateOf(error) !== '55006') throw error;
  }
  if ((await obstaclesOf(session, target)).length > 0 && round < ROUNDS)
    return await drop(dropping, target, round + 1);
  const left = [...(await obstaclesOf(session, target)), ...(await activeSlots(session, target))];
  if (left.length > 0) {
    await allowConnections(dropping, target, true);
    throw obstructed(name, left);
  }
  return await dropThroughArm(dropping, target);
}

/** ARM knows the name alone, so it is looked at right before and after. */
async function dropThroughArm(
  { run, reader, throughArm }: Dropping,
  { name, oid }: DatabaseToDrop,
): Promise<Applied> {
  await lookAgain(reader, name, oid);
  run.info(`Sessions that only Azure itself can end are in database '${name}'; dropping it through ARM.`);
  await throughArm(name);
  const after = await reader.database(name);
  if (after.status === 'unknown') throw after.error;
  if (after.status === 'absent' || after.value.oid !== oid) return 'applied';
  const reason = 'Azure reports that it was dropped, but it is still there, and takes no connections.';
  throw fail('drop-refused', { what: `Database '${name}'`, reason, advice: 'Run the step again.' });
}

/** In one transaction with a look that the name meant this database. */
function allowConnections(dropping: Dropping, target: DatabaseToDrop, allow: boolean): Promise<void> {
  const { reader } = dropping;
  const { session } = reader;
  const { name, oid } = target;
  return unlocked(dropping, target, () =>
    session.transaction(async () => {
      await session.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} ALLOW_CONNECTIONS ${allow}`);
      await lookAgain(reader, name, oid);
    }),
  );
}

/**
 * Does something to the database that a lock on it hinders. Only those of pull requests' roles of this repository are
 * ended; others', who lock it from outside, are waited for and then named.
 */
async function unlocked(
  dropping: Dropping,
  { name, oid, repositoryId }: DatabaseToDrop,
  work: () => Promise<void>,
): Promise<void> {
  const { run, reader } = dropping;
  await againOnCollision(run, work, async () => {
    await lookAgain(reader, name, oid);
    const roles = pullRequestRoleNames(repositoryId, await reader.markedRoles());
    await endSessions(run, reader.session, 'that lock the database', { oid, roles });
    await rollBackPrepared(dropping, 'that lock the database', { oid, roles });
  });
}

async function lookAgain(reader: SqlReader, name: string, oid: string): Promise<void> {
  const seen = await reader.database(name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'present' && seen.value.oid !== oid)
    throw new MadeAnew(`database '${name}' is another now`);
}

/**
 * PostgreSQL's refusal to drop something, as an error of the catalogue; everything else as it is.
 * @param blockers the sessions and prepared transactions that lock it, a line each
 */
export function toDropError(what: string, error: unknown, blockers: readonly string[] = []): unknown {
  const state = sqlStateOf(error);
  if (state === '') return error;
  const advice =
    state === '2BP01'
      ? 'Hand over or drop what it owns there, and run the step again.'
      : state === '42501'
        ? 'Give admin-username the right to it, or let it be the administrator of the server.'
        : 'Correct what PostgreSQL names, and run the step again.';
  const reason = blockers.length === 0 ? said(error) : `${said(error)}. It is locked by:`;
  return fail('drop-refused', { what, reason, lines: blockers, advice }, { cause: error });
}
