import { actionError, getErrorMessage } from '../common/errors.ts';
import { backOff, type RunContext, waitFor } from '../common/polling.ts';
import {
  describeActivity,
  describeBlockers,
  findCurrentDatabaseOid,
  MIGRATION_LOCK_KEY,
  takeUnseen,
} from './activity.ts';
import { explainPgError, getSqlState, LOCK_NOT_AVAILABLE } from './pg-errors.ts';
import type { Session } from './session.ts';

/** Milliseconds between heartbeats, which keep the session from being ended as idle and detect its loss. */
const HEARTBEAT_INTERVAL_MS = 10_000;

/**
 * Runs `work` while the session holds the migration lock of its database, so that concurrent runs wait for each other.
 * While it waits, it logs which sessions hold the lock. When the session ends or does not answer, it aborts the signal
 * that `work` gets.
 * @param session holds the lock; closed at the end
 * @param terminatePullRequestSessions called whenever another role holds or awaits the lock; ends sessions of pull
 *   requests' roles in a database that does not belong to them, and returns a line for each. An error of it is a
 *   warning
 * @throws the error of `work`; `migration-lock-lost`
 */
export async function withMigrationLock<T>(
  run: RunContext,
  session: Session,
  work: (signal: AbortSignal) => Promise<T>,
  terminatePullRequestSessions: () => Promise<readonly string[]> = async () => [],
): Promise<T> {
  const lostController = new AbortController();
  const reportLost = (error?: Error): void =>
    lostController.abort(
      actionError('migration-lock-lost', explainPgError(error ?? new Error('the connection ended.')), {
        cause: error,
      }),
    );
  let stopHeartbeat = (): void => {};
  try {
    await acquireLock(run, session, terminatePullRequestSessions);
    stopHeartbeat = startHeartbeat(session, reportLost);
    return await work(AbortSignal.any([run.signal, lostController.signal]));
  } finally {
    stopHeartbeat();
    await session.close();
  }
}

/** Takes the migration lock of the session's database if it is free, until the session ends. */
export async function tryMigrationLock(session: Session): Promise<boolean> {
  const [row] = await session.query<{ granted: boolean }>(
    `SELECT pg_try_advisory_lock(${MIGRATION_LOCK_KEY}) AS granted`,
  );
  return row?.granted ?? false;
}

/** Sends a query at each interval. @returns a function that stops it */
function startHeartbeat(session: Session, reportLost: (error?: Error) => void): () => void {
  let hasAnswered = true;
  const stopListening = session.onLost(reportLost);
  const timer = setInterval(() => {
    if (!hasAnswered) reportLost(new Error(`it has not answered for ${HEARTBEAT_INTERVAL_MS / 1000} s.`));
    hasAnswered = false;
    session.query('SELECT 1').then(() => {
      hasAnswered = true;
    }, reportLost);
  }, HEARTBEAT_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    stopListening();
  };
}

/**
 * Polls the lock until it is free, without waiting in its queue: CREATE INDEX CONCURRENTLY of the migration that holds the
 * lock would wait for the snapshot of this session. After sessions of pull requests' roles were ended, others can
 * reconnect immediately or already wait in the queue. Then this session waits in the queue while the sessions before it
 * are ended again, so it gets the lock next.
 */
async function acquireLock(
  run: RunContext,
  session: Session,
  terminatePullRequestSessions: () => Promise<readonly string[]>,
): Promise<void> {
  const scope = { oid: await findCurrentDatabaseOid(session) };
  const loggedHolders = new Set<string>();
  let hasWarned = false;
  const tryTerminateSessions = async (): Promise<readonly string[]> => {
    try {
      return await terminatePullRequestSessions();
    } catch (error) {
      run.signal.throwIfAborted();
      if (!hasWarned)
        run.warning(
          `Sessions of pull requests’ roles that hold the migration lock could not be ended; waiting for them: ${getErrorMessage(error)}`,
        );
      hasWarned = true;
      return [];
    }
  };
  await waitFor(
    run,
    'the migration lock',
    async (setReason) => {
      if (await tryMigrationLock(session)) return true;
      const lockHolders = await describeBlockers(session, 'that hold the migration lock', scope);
      setReason(`held by ${lockHolders.join('; ')}`);
      const newHolders = takeUnseen(lockHolders, loggedHolders);
      if (newHolders.length > 0)
        run.info(
          `Another migration of this database is running, by ${newHolders.join('; ')}; waiting for it.`,
        );
      const otherRolesHolders = await describeActivity(
        session,
        'of other roles, that hold or await the migration lock',
        scope,
      );
      if (otherRolesHolders.length === 0 || (await tryTerminateSessions()).length === 0) return undefined;
      const [isGranted] = await Promise.all([waitInQueue(session), tryTerminateSessions()]);
      return isGranted || undefined;
    },
    { pauses: backOff({ firstMs: 200, maxMs: 2000 }) },
  );
}

/** Whether the lock was granted within the session's `lock_timeout`. */
async function waitInQueue(session: Session): Promise<boolean> {
  try {
    await session.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK_KEY})`);
    return true;
  } catch (error) {
    if (getSqlState(error) === LOCK_NOT_AVAILABLE) return false;
    throw error;
  }
}
