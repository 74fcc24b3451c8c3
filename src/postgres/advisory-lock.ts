import { fail, messageOf } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import { lockNotAvailable, sqlStateOf } from './errors.ts';
import type { Session } from './session.ts';
import { firstSeen, holders, migrationLockKey, namedHolders, ownDatabase } from './sessions.ts';

/** Milliseconds between the signs of life, which keep the session from being taken for idle and show its loss. */
const heartbeat = 10_000;

/**
 * Runs something while holding the migration lock of the session's database, so that concurrent runs wait for each
 * other. Whoever holds it is named. Losing the session, also by its silence, aborts the signal that `work` is given.
 * @param session closed at the end, and the lock goes with it
 * @param endPullRequestSessions called whenever the lock is not free and another role holds or awaits it: ends those that
 *   have no business in this database, and returns a line for each. What it throws is a warning, and the lock is waited for
 * @throws what `work` throws; `migration-lock-lost`
 */
export async function withMigrationLock<T>(
  run: Run,
  session: Session,
  work: (signal: AbortSignal) => Promise<T>,
  endPullRequestSessions: () => Promise<readonly string[]> = async () => [],
): Promise<T> {
  const lost = new AbortController();
  const lose = (error?: Error): void =>
    lost.abort(
      fail('migration-lock-lost', { reason: error?.message ?? 'the connection ended.' }, { cause: error }),
    );
  let stop = (): void => {};
  try {
    await acquire(run, session, endPullRequestSessions);
    stop = watch(session, lose);
    return await work(AbortSignal.any([run.signal, lost.signal]));
  } finally {
    stop();
    await session.close();
  }
}

/** Asks for a sign of life again and again; returns how to stop. */
function watch(session: Session, lose: (error?: Error) => void): () => void {
  let answered = true;
  const deaf = session.onLost(lose);
  const beats = setInterval(() => {
    if (!answered) lose(new Error(`it has not answered for ${heartbeat / 1000} s.`));
    answered = false;
    session.query('SELECT 1').then(() => {
      answered = true;
    }, lose);
  }, heartbeat);
  return () => {
    clearInterval(beats);
    deaf();
  };
}

/**
 * Looks again and again whether the lock is free. Where sessions of pull requests' roles were ended, others of them may
 * reconnect at once, or may have been waiting already: then this session waits in the lock's queue, while those before
 * it are ended once more, so it gets the lock next. Otherwise it does not wait in the queue: CREATE INDEX CONCURRENTLY
 * of the migration that holds the lock would wait for this session's snapshot.
 */
async function acquire(
  run: Run,
  session: Session,
  endPullRequestSessions: () => Promise<readonly string[]>,
): Promise<void> {
  const scope = { oid: await ownDatabase(session) };
  const named = new Set<string>();
  let isWarned = false;
  const end = async (): Promise<readonly string[]> => {
    try {
      return await endPullRequestSessions();
    } catch (error) {
      run.signal.throwIfAborted();
      if (!isWarned)
        run.warning(
          `Sessions of pull requests’ roles that hold the migration lock could not be ended, so they are waited for: ${messageOf(error)}`,
        );
      isWarned = true;
      return [];
    }
  };
  await waitFor(
    run,
    'the migration lock',
    async (because) => {
      const [row] = await session.query<{ got: boolean }>(
        `SELECT pg_try_advisory_lock(${migrationLockKey}) AS got`,
      );
      if (row?.got) return true;
      const those = await namedHolders(session, 'that hold the migration lock', scope);
      because(`held by ${those.join('; ')}`);
      const unnamed = firstSeen(those, named);
      if (unnamed.length > 0)
        run.info(`Another migration of this database is running, by ${unnamed.join('; ')}; waiting for it.`);
      const others = await holders(session, 'of other roles, that hold or await the migration lock', scope);
      if (others.length === 0 || (await end()).length === 0) return undefined;
      const [got] = await Promise.all([waitInQueue(session), end()]);
      return got || undefined;
    },
    { pause: 200, longestPause: 2000 },
  );
}

/** Whether the lock was granted within the session's `lock_timeout`. */
async function waitInQueue(session: Session): Promise<boolean> {
  try {
    await session.query(`SELECT pg_advisory_lock(${migrationLockKey})`);
    return true;
  } catch (error) {
    if (sqlStateOf(error) === lockNotAvailable) return false;
    throw error;
  }
}
