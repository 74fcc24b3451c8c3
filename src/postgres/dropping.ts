import pg from 'pg';
import type { DatabaseConfig, RoleConfig } from '../config/config.ts';
import { pullRequestName } from '../config/names.ts';
import { fail } from '../errors.ts';
import type { Applied } from '../plan/engine.ts';
import { foreignDatabase, foreignRole, isOurRole, isOursToDrop } from '../plan/ownership.ts';
import type { Run } from '../waiting.ts';
import { againOnCollision, lockNotAvailable, said, sqlStateOf } from './errors.ts';
import { asMemberOf } from './membership.ts';
import type { Session } from './session.ts';
import { endSessions, sessionsLocking } from './sessions.ts';
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
 * Drops a pull request's database, looked at once more right before: what is not ours is never dropped (law 7).
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
  const { session } = reader;
  const seen = await reader.database(desired.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent') return 'adopted';
  if (!isOursToDrop(seen.value, desired)) throw foreignDatabase(seen.value, desired);
  if (!last(seen.value)) return 'adopted';
  try {
    return await drop(dropping, seen.value);
  } catch (error) {
    if (error instanceof MadeAnew) return await dropDatabase(dropping, desired, last);
    if (sqlStateOf(error) !== lockNotAvailable) throw refused(`Database '${desired.name}'`, error);
    const blockers = await sessionsLocking(session, desired.name);
    throw refused(`Database '${desired.name}', which is locked by ${blockers.join('; ')},`, error);
  }
}

/** Another job has dropped it in the meantime, and made one of the same name: that one is to be looked at for itself. */
class MadeAnew extends Error {
  override readonly name = 'MadeAnew';
}

async function drop({ run, reader, throughArm }: Dropping, { name, oid }: FoundDatabase): Promise<Applied> {
  const { session } = reader;
  const database = pg.escapeIdentifier(name);
  const unblock = (): Promise<void> => endSessions(run, session, 'that lock the database', name);
  // Statements name it, so each is preceded by a look whether the name still means the same.
  const statement = (sql: string): Promise<unknown> =>
    againOnCollision(
      run,
      async () => {
        await lookAgain(reader, name, oid);
        return await session.query(sql);
      },
      unblock,
    );
  try {
    // From here on nobody enters any more, and whoever looks knows that it is going.
    await statement(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    await endSessions(run, session, 'in the database', name);
    await statement(`DROP DATABASE ${database}`);
    return 'applied';
  } catch (error) {
    if (sqlStateOf(error) === '3D000') return 'adopted';
    if (sqlStateOf(error) !== '55006') throw error;
    await lookAgain(reader, name, oid);
    run.info(`Sessions that only Azure itself can end are in database '${name}'; dropping it through ARM.`);
    await throughArm(name);
    return 'applied';
  }
}

async function lookAgain(reader: SqlReader, name: string, oid: string): Promise<void> {
  const seen = await reader.database(name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'present' && seen.value.oid !== oid)
    throw new MadeAnew(`database '${name}' is another now`);
}

/**
 * Drops an application role, with what it may have put into databases that are open to everybody: large objects in
 * `postgres`, say, which would hold it for ever (2BP01).
 * @returns `adopted` where there is nothing to drop any more
 * @throws `not-ours`, `drop-refused`
 */
export async function dropRole(dropping: Dropping, desired: RoleConfig): Promise<Applied> {
  const { run, reader } = dropping;
  const { session } = reader;
  const seen = await reader.role(desired.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent') return 'adopted';
  if (!isOurRole(seen.value, desired)) throw foreignRole(seen.value, desired);
  await refuseWhileInUse(reader, desired);
  const role = pg.escapeIdentifier(desired.name);
  try {
    const unblock = (): Promise<void> => endSessions(run, session, 'of the role', desired.name);
    await againOnCollision(run, () => session.query(`ALTER ROLE ${role} NOLOGIN`), unblock);
    // It cannot log in again, so what it leaves behind is all there is.
    await unblock();
    await clearAway(dropping, desired.name);
    await againOnCollision(run, () => session.query(`DROP ROLE ${role}`));
    return 'applied';
  } catch (error) {
    if (sqlStateOf(error) === '42704') return 'adopted';
    throw refused(`Role '${desired.name}'`, error);
  }
}

/** Clearing away would empty a database of ours that is still there, so that has to be gone before. */
async function refuseWhileInUse(reader: SqlReader, { name, mark }: RoleConfig): Promise<void> {
  if (mark.kind !== 'pull-request') throw new Error(`role '${name}' is no pull request's`);
  const { repositoryId, pullRequest, database: base } = mark;
  const of = {
    name: pullRequestName(base, pullRequest),
    mark: { kind: mark.kind, repositoryId, pullRequest, base },
  };
  const seen = await reader.database(of.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent' || !isOursToDrop(seen.value, of)) return;
  const reason = `database '${of.name}', for which it is, is still there.`;
  throw fail('drop-refused', {
    what: `Role '${name}'`,
    reason,
    advice: 'Run the step again, which drops both.',
  });
}

/** Drops what the role owns and revokes what it was granted, wherever that is. */
async function clearAway({ run, reader: { session }, enter }: Dropping, role: string): Promise<void> {
  const rows = await session.query<{ database: string; here: boolean }>(
    // What is shared by all databases can be revoked from any of them, so here.
    `SELECT DISTINCT coalesce(d.datname, current_database()) AS database,
       coalesce(d.datname, current_database()) = current_database() AS here
     FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
     WHERE s.refclassid = 'pg_authid'::regclass
       AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)`,
    [role],
  );
  const owned = `DROP OWNED BY ${pg.escapeIdentifier(role)}`;
  for (const { database, here } of rows) {
    const inside = here ? session : await enter(database);
    try {
      await unlinkLargeObjects(run, inside, role);
      await againOnCollision(run, () => asMemberOf(inside, [role], () => inside.query(owned)));
    } finally {
      if (!here) await inside.close();
    }
  }
}

/** Large objects in one transaction: each takes a lock, of which the server has a few thousand. */
const batchSize = 1000;

/** Anybody may make them in any database that is open to everybody, and as many as they like. */
async function unlinkLargeObjects(run: Run, inside: Session, role: string): Promise<void> {
  const batch = (): Promise<readonly { count: number }[]> =>
    inside.query(
      `SELECT count(lo_unlink(oid))::int AS count FROM (SELECT oid FROM pg_largeobject_metadata
         WHERE lomowner = (SELECT oid FROM pg_roles WHERE rolname = $1) LIMIT ${batchSize}) l`,
      [role],
    );
  for (let count = batchSize; count === batchSize; ) {
    [{ count } = { count: 0 }] = await againOnCollision(run, () => asMemberOf(inside, [role], batch));
  }
}

function refused(what: string, error: unknown): unknown {
  const state = sqlStateOf(error);
  if (state === '') return error;
  const advice =
    state === '2BP01'
      ? 'Hand over or drop what it owns there, and run the step again.'
      : state === '42501'
        ? 'Give admin-username the right to it, or let it be the administrator of the server.'
        : 'Correct what PostgreSQL names, and run the step again.';
  return fail('drop-refused', { what, reason: said(error), advice }, { cause: error });
}
