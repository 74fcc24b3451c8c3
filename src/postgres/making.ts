import pg from 'pg';
import type { DatabaseConfig, RoleConfig } from '../config/config.ts';
import { charsetOfNew, collationOfNew } from '../config/creation.ts';
import { markText } from '../config/marks.ts';
import { fail } from '../errors.ts';
import { isBeingMade, isOursToDrop, sealOf } from '../plan/ownership.ts';
import { pullRequestRoleNames } from '../plan/sweep.ts';
import type { Run } from '../waiting.ts';
import { copyGrants, copySettings, onceUnused, strategyFor } from './cloning.ts';
import { againOnCollision, lostRace, said, sqlStateOf } from './errors.ts';
import { type Allowing, createExtension } from './extensions.ts';
import { handOverAll, handOverPublic, type Unmoved } from './handover.ts';
import { endPullRequestSessions } from './pull-request-sessions.ts';
import { forgetSettings } from './roles.ts';
import type { Session } from './session.ts';
import type { SqlReader } from './sql-reader.ts';

/** What a database is made with. */
export interface Making extends Allowing {
  /** In `postgres`, as the administrator. */
  readonly reader: SqlReader;
  /** A session of the administrator in another database; closed by whoever asked for it. */
  readonly enter: (database: string) => Promise<Session>;
  /** Who gets the database. */
  readonly application: RoleConfig | undefined;
  readonly extensions: readonly string[];
}

/**
 * Makes a database, from nothing or as a clone, and finishes one that an interrupted run has begun. Its seal
 * ({@link sealOf}) tells until the very end that it is not finished, so that it can be killed at any moment, and two
 * jobs that make the same one do the same things to it.
 * @returns `created`, or `adopted` where another made or finished it
 * @throws `database-refused`, `template-in-use`, `extension-refused`
 */
export async function makeDatabase(making: Making, desired: DatabaseConfig): Promise<'created' | 'adopted'> {
  const outcome = await create(making, desired);
  const seen = await making.reader.database(desired.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'present' && isBeingMade(seen.value, desired)) await finish(making, desired);
  return outcome;
}

async function create(making: Making, desired: DatabaseConfig): Promise<'created' | 'adopted'> {
  const { run, reader } = making;
  const { session } = reader;
  const { name, template = 'template0' } = desired;
  const warned = new Set<string>();
  const repositoryId = repositoryOf(making, desired);
  const statement = `CREATE DATABASE ${pg.escapeIdentifier(name)} ${await sourceOf(session, desired)} CONNECTION LIMIT ${sealOf(desired)}`;
  try {
    await onceUnused(
      run,
      session,
      template,
      () => session.query(statement),
      async (oid) => {
        // Nobody can connect to template0.
        if (desired.template === undefined) return [];
        return await endPullRequestSessions(
          making,
          'in the database',
          { name: template, oid, repositoryId },
          warned,
        );
      },
    );
    return 'created';
  } catch (error) {
    if (lostRace(error)) return 'adopted';
    if (sqlStateOf(error) === '') throw error;
    const advice = adviceFor(sqlStateOf(error), desired);
    throw fail('database-refused', { database: name, reason: said(error), advice }, { cause: error });
  }
}

/** From template0 without a template of the user's: it is the only one that takes any encoding and collation. */
async function sourceOf(session: Session, database: DatabaseConfig): Promise<string> {
  const { template } = database;
  if (template !== undefined)
    return `TEMPLATE ${pg.escapeIdentifier(template)} ${await strategyFor(session, template)}`;
  const locale = pg.escapeLiteral(collationOfNew(database));
  return `TEMPLATE template0 ENCODING ${pg.escapeLiteral(charsetOfNew(database))} LC_COLLATE ${locale} LC_CTYPE ${locale}`;
}

function adviceFor(state: string, { template }: DatabaseConfig): string {
  if (state === '42501')
    return template === undefined
      ? 'Give admin-username the right CREATEDB, or let it be the administrator of the server.'
      : `Let admin-username own the template, or let its owner say: ALTER DATABASE "${template}" IS_TEMPLATE true.`;
  if (state === '3D000') return 'Check the input template: there is no such database on the server.';
  if (state === '42809' || state === '22023' || state === '42704')
    return 'Choose a charset and a collation that the server knows: SELECT collname FROM pg_collation lists them.';
  if (state === '53300' || state === '53100')
    return 'The server is out of connections or storage: see its metrics.';
  return 'Correct what PostgreSQL names, and run the step again.';
}

/** Mark and rights first, then what is inside, and at last the door for the application role: nobody meets it half-made. */
async function finish(making: Making, desired: DatabaseConfig): Promise<void> {
  const { run, reader, application } = making;
  const { session } = reader;
  await claim(making, desired);
  if (application !== undefined && desired.mark !== undefined) await forgetSettings(making, application.name);
  if (application !== undefined || making.extensions.length > 0) await furnish(making, desired);
  // After what is done inside, on which they would act.
  if (desired.template !== undefined)
    await copySettings(run, session, desired.template, desired.name, counterparts(application));
  const database = pg.escapeIdentifier(desired.name);
  await againOnCollision(run, () =>
    session.query(
      [
        application && `GRANT CONNECT ON DATABASE ${database} TO ${pg.escapeIdentifier(application.name)}`,
        `ALTER DATABASE ${database} CONNECTION LIMIT -1`,
      ]
        .filter(Boolean)
        .join('; '),
    ),
  );
}

/** GitHub's numeric id of the repository that the database is made for; empty where there is none. */
const repositoryOf = ({ application }: Making, { mark }: DatabaseConfig): string =>
  mark?.repositoryId ?? application?.mark.repositoryId ?? '';

const counterparts = (application: RoleConfig | undefined) => ({
  base: application?.base,
  role: application?.name,
});

/** Everything that the administrator says about the database from outside, in one transaction. */
async function claim(making: Making, desired: DatabaseConfig): Promise<void> {
  const { run, reader, application } = making;
  const { session } = reader;
  const database = pg.escapeIdentifier(desired.name);
  const now = await reader.now();
  const others = pullRequestRoleNames(repositoryOf(making, desired), await reader.markedRoles());
  await againOnCollision(run, () =>
    session.transaction(async () => {
      if (desired.mark !== undefined) await session.query(commentOn(desired, now));
      await session.query(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`);
      if (application !== undefined)
        await session.query(
          `GRANT CREATE, TEMPORARY ON DATABASE ${database} TO ${pg.escapeIdentifier(application.name)}`,
        );
      if (desired.template !== undefined)
        await copyGrants(session, desired.template, desired.name, { ...counterparts(application), others });
    }),
  );
}

/** What is inside, in a session in the database itself; the application role cannot enter yet. */
async function furnish(making: Making, { name, template }: DatabaseConfig): Promise<void> {
  const { run, enter, application, extensions } = making;
  const session = await enter(name);
  try {
    // Nobody but the base's own migrations has written here so far.
    for (const extension of extensions) await createExtension(making, session, extension, false);
    if (application === undefined) return;
    if (template === undefined) await handOverPublic(run, session, application.name);
    else tellUnmoved(run, name, await handOverAll(run, session, application.name));
  } finally {
    await session.close();
  }
}

/** Says what came along and stays another's. */
export function tellUnmoved(run: Run, database: string, unmoved: readonly Unmoved[]): void {
  if (unmoved.length === 0) return;
  const named = unmoved.slice(0, 10).map(({ type, identity, owner }) => `${type} ${identity} of ${owner}`);
  const more = unmoved.length > named.length ? ` and ${unmoved.length - named.length} more` : '';
  run.warning(
    `In database '${database}' some objects could not be handed over and keep their owner: ${named.join(', ')}${more}. Most often admin-username does not administer that role.`,
  );
}

/** The statement that stamps a pull request's database with its mark, and with the moment when it expires. */
function commentOn({ name, mark, expiresIn }: DatabaseConfig, now: Date): string {
  const expires = expiresIn === undefined ? undefined : new Date(now.getTime() + expiresIn);
  const text = mark === undefined ? '' : markText(mark, expires);
  return `COMMENT ON DATABASE ${pg.escapeIdentifier(name)} IS ${pg.escapeLiteral(text)}`;
}

/**
 * Stamps a pull request's database that is there anew: it expires so long after it was last ensured. The first thing that
 * is done with it, lest a sweep drop it meanwhile.
 */
export async function renew(run: Run, reader: SqlReader, desired: DatabaseConfig): Promise<void> {
  const seen = await reader.database(desired.name);
  if (seen.status !== 'present' || !isOursToDrop(seen.value, desired) || isBeingMade(seen.value, desired))
    return;
  if (desired.expiresIn === undefined && seen.value.mark?.expires === undefined) return;
  const now = await reader.now();
  await againOnCollision(run, () => reader.session.query(commentOn(desired, now)));
}

/**
 * When the pull request's database expires, by its mark; undefined where it does not.
 * @throws `database-refused` where it is not there any more
 */
export async function expiryOf(reader: SqlReader, desired: DatabaseConfig): Promise<Date | undefined> {
  const seen = await reader.database(desired.name);
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'present' && isOursToDrop(seen.value, desired)) return seen.value.mark?.expires;
  const reason = 'another job dropped it while this one was at it.';
  const advice = 'Run the step again, if the pull request is still open.';
  throw fail('database-refused', { database: desired.name, reason, advice });
}
