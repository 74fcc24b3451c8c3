import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import type { DatabaseConfig } from '../../inputs/types.ts';
import {
  describeBlockers,
  rollBackPreparedTransactions,
  terminateSessions,
} from '../../postgres/activity.ts';
import { getSqlState, LOCK_NOT_AVAILABLE, retryOnConflict, toDropError } from '../../postgres/pg-errors.ts';
import type { FoundDatabase, SqlReader } from '../../postgres/sql-reader.ts';
import {
  databaseNotOwnedError,
  findPullRequestRoleNames,
  isManagedDatabase,
} from '../../reconcile/ownership.ts';
import type { ApplyResult } from '../../reconcile/resource-handler.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import { lockDatabaseRow } from './database-row.ts';
import {
  dropObstructedError,
  findActiveReplicationSlots,
  findDropObstacles,
  removeDropObstacles,
} from './drop-obstacles.ts';

/**
 * Drops a pull request's database. Reads it again right before, so that a database that this action does not manage is
 * never dropped.
 * @param shouldStillDrop decides with the database as it was read; it is called again if another job re-creates the
 *   database during the drop
 * @returns `adopted` when there is nothing left to drop
 * @throws `not-owned`, `drop-failed`
 */
export async function dropDatabase(
  deps: SqlWriterDeps,
  desired: Pick<DatabaseConfig, 'name' | 'marker'>,
  shouldStillDrop: (found: FoundDatabase) => boolean,
): Promise<ApplyResult> {
  const { reader } = deps;
  const observed = await reader.database(desired.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent') return 'adopted';
  const { name, oid } = observed.value;
  if (!isManagedDatabase(observed.value, desired))
    throw databaseNotOwnedError(observed.value, desired, 'drop');
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

/** Another job has dropped the database and created one with the same name, which has to be checked from the start. */
class DatabaseRecreatedError extends Error {
  override readonly name = 'DatabaseRecreatedError';
}

interface DatabaseToDrop {
  readonly name: string;
  readonly oid: string;
  readonly repositoryId: string;
}

/** Number of attempts; each removes the obstacles that have appeared since the previous one. */
const MAX_DROP_ATTEMPTS = 3;

async function tryDropDatabase(
  deps: SqlWriterDeps,
  target: DatabaseToDrop,
  attempt = 1,
): Promise<ApplyResult> {
  const { run, reader } = deps;
  const { session } = reader;
  const { name, oid } = target;
  const database = pg.escapeIdentifier(name);
  try {
    await removeDropObstacles(deps, target, () => setAllowConnections(deps, target, true));
    // From here on no client can connect, and other runs see that the database is being dropped.
    await setAllowConnections(deps, target, false);
    await terminateSessions(run, session, 'in the database', { oid });
    // DROP DATABASE cannot run in a transaction, so the oid can only be checked right before.
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

/** ARM drops by name, so the oid is checked right before and after. */
async function dropThroughArmAndVerify(
  { run, reader, dropDatabaseWithArm }: SqlWriterDeps,
  { name, oid }: DatabaseToDrop,
): Promise<ApplyResult> {
  await assertSameDatabase(reader, name, oid);
  run.info(
    `Database '${name}' has sessions that only Azure can end; dropping it through Azure Resource Manager.`,
  );
  await dropDatabaseWithArm(name);
  const after = await reader.database(name);
  if (after.status === 'unknown') throw after.error;
  if (after.status === 'absent' || after.value.oid !== oid) return 'applied';
  const reason = 'Azure reports that it was dropped, but it still exists and does not accept connections.';
  throw actionError('drop-failed', { what: `Database '${name}'`, reason, hint: 'Run the step again.' });
}

/**
 * In one transaction with the check that the name still means this database. An invalid database is not altered: it
 * accepts no connections in any case, and PostgreSQL would end the session.
 */
function setAllowConnections(deps: SqlWriterDeps, target: DatabaseToDrop, allow: boolean): Promise<void> {
  const { reader } = deps;
  const { session } = reader;
  const { name, oid } = target;
  return retryReleasingLocks(deps, target, () =>
    session.transaction(async () => {
      // DROP DATABASE of another job waits for the lock before it makes the database invalid.
      await lockDatabaseRow(session, name);
      const observed = await reader.database(name);
      if (observed.status === 'unknown') throw observed.error;
      if (observed.status === 'present' && observed.value.connectionLimit === INVALID_DATABASE_LIMIT) return;
      await session.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} ALLOW_CONNECTIONS ${allow}`);
      await assertSameDatabase(reader, name, oid);
    }),
  );
}

/**
 * The connection limit that DROP DATABASE sets at its start: the drop is running in another job, or was interrupted
 * (docs/azure-behavior.md#concurrent-changes).
 */
const INVALID_DATABASE_LIMIT = -2;

/**
 * Retries `work` while another session locks the database. Sessions and prepared transactions of pull requests' roles of
 * this repository are ended; others are awaited.
 */
async function retryReleasingLocks(
  deps: SqlWriterDeps,
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
    throw new DatabaseRecreatedError(`database '${name}' was re-created`);
}
