import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import type { DatabaseConfig } from '../../inputs/types.ts';
import { describeBlockers, terminateSessions } from '../../postgres/activity.ts';
import { formatPgError, getSqlState, LOCK_NOT_AVAILABLE, retryOnConflict } from '../../postgres/pg-errors.ts';
import { rollBackPreparedTransactions } from '../../postgres/prepared-transactions.ts';
import type { Session } from '../../postgres/session.ts';
import type { FoundDatabase, SqlReader } from '../../postgres/sql-reader.ts';
import { databaseNotOwnedError, isManagedDatabase } from '../../reconcile/ownership.ts';
import type { ApplyResult } from '../../reconcile/resource-handler.ts';
import { findPullRequestRoleNames } from '../../reconcile/sweep-items.ts';
import {
  dropObstructedError,
  findActiveReplicationSlots,
  findDropObstacles,
  removeDropObstacles,
} from './drop-obstacles.ts';

/** What dropping works with. */
export interface DropDeps {
  readonly run: RunContext;
  /** In `postgres`, as the administrator. */
  readonly reader: SqlReader;
  /** A session of the administrator in another database; closed by whoever asked for it. */
  readonly openDatabaseSession: (database: string) => Promise<Session>;
  /** ARM's way to drop a database, which ends even the service's own sessions. */
  readonly dropDatabaseWithArm: (database: string) => Promise<void>;
}

/**
 * Drops a pull request's database, looked at once more right before: what is not ours is never dropped.
 * @param shouldStillDrop asked at the very end whether the database as it is now is still to go; and its oid, by which it is known
 *   whether another has made it anew in the meantime
 * @returns `adopted` where there is nothing to drop any more
 * @throws `not-ours`, `drop-refused`
 */
export async function dropDatabase(
  deps: DropDeps,
  desired: Pick<DatabaseConfig, 'name' | 'marker'>,
  shouldStillDrop: (found: FoundDatabase) => boolean = () => true,
): Promise<ApplyResult> {
  const { reader } = deps;
  const observed = await reader.database(desired.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent') return 'adopted';
  const { name, oid } = observed.value;
  if (!isManagedDatabase(observed.value, desired)) throw databaseNotOwnedError(observed.value, desired);
  if (!shouldStillDrop(observed.value)) return 'adopted';
  const repositoryId = desired.marker?.repositoryId ?? '';
  try {
    return await tryDropDatabase(deps, { name, oid, repositoryId });
  } catch (error) {
    if (error instanceof DatabaseRecreatedError) return await dropDatabase(deps, desired, shouldStillDrop);
    if (getSqlState(error) !== LOCK_NOT_AVAILABLE) throw toDropError(`Database '${name}'`, error);
    const blockers = await describeBlockers(reader.session, 'that lock the database', { oid });
    throw toDropError(`Database '${name}'`, error, blockers);
  }
}

/** Another job has dropped it in the meantime, and made one of the same name: that one is to be looked at for itself. */
class DatabaseRecreatedError extends Error {
  override readonly name = 'DatabaseRecreatedError';
}

interface DatabaseToDrop {
  readonly name: string;
  readonly oid: string;
  readonly repositoryId: string;
}

/** How often what appeared in the database while it was being dropped is removed. */
const MAX_DROP_ATTEMPTS = 3;

async function tryDropDatabase(deps: DropDeps, target: DatabaseToDrop, attempt = 1): Promise<ApplyResult> {
  const { run, reader } = deps;
  const { session } = reader;
  const { name, oid } = target;
  const database = pg.escapeIdentifier(name);
  try {
    await removeDropObstacles(deps, target, () => setAllowConnections(deps, target, true));
    // From here on nobody enters any more, and whoever looks knows that it is going.
    await setAllowConnections(deps, target, false);
    await terminateSessions(run, session, 'in the database', { oid });
    // It runs in no transaction, so all that can be done is to look right before whether the name still means the same.
    await retryReleasingLocks(deps, target, async () => {
      await assertSameDatabase(reader, name, oid);
      await session.query(`DROP DATABASE ${database}`);
    });
    return 'applied';
  } catch (error) {
    if (getSqlState(error) === '3D000') return 'adopted';
    if (getSqlState(error) !== '55006') throw error;
  }
  if ((await findDropObstacles(session, target)).length > 0 && attempt < MAX_DROP_ATTEMPTS)
    return await tryDropDatabase(deps, target, attempt + 1);
  const remaining = [
    ...(await findDropObstacles(session, target)),
    ...(await findActiveReplicationSlots(session, target)),
  ];
  if (remaining.length > 0) {
    await setAllowConnections(deps, target, true);
    throw dropObstructedError(name, remaining);
  }
  return await dropThroughArmAndVerify(deps, target);
}

/** ARM knows the name alone, so it is looked at right before and after. */
async function dropThroughArmAndVerify(
  { run, reader, dropDatabaseWithArm }: DropDeps,
  { name, oid }: DatabaseToDrop,
): Promise<ApplyResult> {
  await assertSameDatabase(reader, name, oid);
  run.info(`Sessions that only Azure itself can end are in database '${name}'; dropping it through ARM.`);
  await dropDatabaseWithArm(name);
  const after = await reader.database(name);
  if (after.status === 'unknown') throw after.error;
  if (after.status === 'absent' || after.value.oid !== oid) return 'applied';
  const reason = 'Azure reports that it was dropped, but it is still there, and takes no connections.';
  throw actionError('drop-refused', { what: `Database '${name}'`, reason, hint: 'Run the step again.' });
}

/** In one transaction with a look that the name meant this database. */
function setAllowConnections(deps: DropDeps, target: DatabaseToDrop, allow: boolean): Promise<void> {
  const { reader } = deps;
  const { session } = reader;
  const { name, oid } = target;
  return retryReleasingLocks(deps, target, () =>
    session.transaction(async () => {
      await session.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} ALLOW_CONNECTIONS ${allow}`);
      await assertSameDatabase(reader, name, oid);
    }),
  );
}

/**
 * Does something to the database that a lock on it hinders. Only those of pull requests' roles of this repository are
 * ended; others', who lock it from outside, are waited for and then named.
 */
async function retryReleasingLocks(
  deps: DropDeps,
  { name, oid, repositoryId }: DatabaseToDrop,
  work: () => Promise<void>,
): Promise<void> {
  const { run, reader } = deps;
  await retryOnConflict(run, work, async () => {
    await assertSameDatabase(reader, name, oid);
    const roles = findPullRequestRoleNames(repositoryId, await reader.markedRoles());
    await terminateSessions(run, reader.session, 'that lock the database', { oid, roles });
    await rollBackPreparedTransactions(deps, 'that lock the database', { oid, roles });
  });
}

async function assertSameDatabase(reader: SqlReader, name: string, oid: string): Promise<void> {
  const observed = await reader.database(name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'present' && observed.value.oid !== oid)
    throw new DatabaseRecreatedError(`database '${name}' is another now`);
}

/**
 * PostgreSQL's refusal to drop something, as an error of the catalogue; everything else as it is.
 * @param blockers the sessions and prepared transactions that lock it, a line each
 */
export function toDropError(what: string, error: unknown, blockers: readonly string[] = []): unknown {
  const state = getSqlState(error);
  if (state === '') return error;
  const hint =
    state === '2BP01'
      ? 'Hand over or drop what it owns there, and run the step again.'
      : state === '42501'
        ? 'Give admin-username the right to it, or let it be the administrator of the server.'
        : 'Correct what PostgreSQL names, and run the step again.';
  const reason = blockers.length === 0 ? formatPgError(error) : `${formatPgError(error)}. It is locked by:`;
  return actionError('drop-refused', { what, reason, lines: blockers, hint }, { cause: error });
}
