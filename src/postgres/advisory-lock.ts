import { createHash } from 'node:crypto';
import { fail, messageOf } from '../errors.ts';
import { type Run, waitFor } from '../waiting.ts';
import type { Session } from './login.ts';

/** One key for all migrations of this action; advisory locks are per database (facts.md §5). */
const key = createHash('sha256')
  .update('azure-postgresql-action: migration')
  .digest()
  .readBigInt64BE()
  .toString();

/** Milliseconds between the signs of life that keep the session from being taken for idle and notice its loss. */
const heartbeat = 10_000;

/**
 * Runs something while holding the migration lock of the session's database, so that concurrent runs wait for each
 * other. Whoever holds it is named. Losing the session aborts the signal that `work` is given.
 * @throws what `work` throws; `migration-lock-lost`
 */
export async function withMigrationLock<T>(
  run: Run,
  session: Session,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  await acquire(run, session);
  const lost = new AbortController();
  const lose = (error?: Error): void =>
    lost.abort(
      fail('migration-lock-lost', { reason: error?.message ?? 'the connection ended.' }, { cause: error }),
    );
  session.on('error', lose);
  session.once('end', lose);
  const beats = setInterval(() => {
    session.query('SELECT 1').catch(lose);
  }, heartbeat);
  try {
    return await work(AbortSignal.any([run.signal, lost.signal]));
  } finally {
    clearInterval(beats);
    session.off('error', lose);
    session.off('end', lose);
    await session
      .query(`SELECT pg_advisory_unlock(${key})`)
      .catch((error: unknown) => run.debug(messageOf(error)));
  }
}

async function acquire(run: Run, session: Session): Promise<void> {
  let named = '';
  await waitFor(
    run,
    'the migration lock',
    async () => {
      const { rows } = await session.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS got`);
      if (rows[0]?.got) return true;
      const holder = await holderOf(session);
      if (holder !== named)
        run.info(`Another migration of this database is running, by ${holder}; waiting for it.`);
      named = holder;
      return undefined;
    },
    { pause: 200, longestPause: 2000 },
  );
}

/** Who holds the lock, as far as this role may see. */
async function holderOf(session: Session): Promise<string> {
  const { rows } = await session.query<{ holder: string | null }>(
    `SELECT format('%s (role %s, process %s)', coalesce(nullif(a.application_name, ''), 'an unnamed session'), a.usename, a.pid) AS holder
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (l.classid::bigint << 32 | l.objid::bigint) = ${key}`,
  );
  return rows[0]?.holder ?? 'a session that has just ended';
}
