import { createHash } from 'node:crypto';
import { fail } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import type { Session } from './session.ts';

/** One key for all migrations of this action; advisory locks are per database. */
export const key = createHash('sha256')
  .update('azure-postgresql-action: migration')
  .digest()
  .readBigInt64BE()
  .toString();

/** The condition that a row `l` of pg_locks is the migration lock, in whatever database. */
export const migrationLock = `l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = ${key}`;

/** Milliseconds between the signs of life, which keep the session from being taken for idle and show its loss. */
const heartbeat = 10_000;

/**
 * Runs something while holding the migration lock of the session's database, so that concurrent runs wait for each
 * other. Whoever holds it is named. Losing the session, also by its silence, aborts the signal that `work` is given.
 * @param session closed at the end, and the lock goes with it
 * @param endPullRequestSessions called for each new holder: ends it where it has no business in this database
 * @throws what `work` throws; `migration-lock-lost`
 */
export async function withMigrationLock<T>(
  run: Run,
  session: Session,
  work: (signal: AbortSignal) => Promise<T>,
  endPullRequestSessions: () => Promise<unknown> = async () => {},
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

async function acquire(
  run: Run,
  session: Session,
  endPullRequestSessions: () => Promise<unknown>,
): Promise<void> {
  let named = '';
  await waitFor(
    run,
    'the migration lock',
    async () => {
      const rows = await session.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS got`);
      if (rows[0]?.got) return true;
      const holder = await holderOf(session);
      if (holder !== named) {
        run.info(`Another migration of this database is running, by ${holder}; waiting for it.`);
        await endPullRequestSessions();
      }
      named = holder;
      return undefined;
    },
    { pause: 200, longestPause: 2000 },
  );
}

/** Who holds the lock, as far as this role may see. */
async function holderOf(session: Session): Promise<string> {
  const rows = await session.query<{ holder: string | null }>(
    `SELECT format('%s (role %s, process %s)', coalesce(nullif(a.application_name, ''), 'an unnamed session'), a.usename, a.pid) AS holder
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND ${migrationLock}
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return rows[0]?.holder ?? 'a session that has just ended';
}
