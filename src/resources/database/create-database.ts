import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { serializeMarker } from '../../common/ownership-marker.ts';
import type { RunContext } from '../../common/polling.ts';
import { defaultCharset, defaultCollation } from '../../inputs/defaults.ts';
import type { DatabaseConfig, RoleConfig } from '../../inputs/types.ts';
import { formatPgError, getSqlState, isDuplicateObject, retryOnConflict } from '../../postgres/pg-errors.ts';
import { terminatePullRequestSessions } from '../../postgres/pull-request-activity.ts';
import type { Session } from '../../postgres/session.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import { isCreationInProgress, isManagedDatabase, sentinelOf } from '../../reconcile/ownership.ts';
import { findPullRequestRoleNames } from '../../reconcile/sweep-items.ts';
import { createExtension, type ExtensionDeps } from '../extension/create-extension.ts';
import { resetRoleSettings } from '../role/create-role.ts';
import { cloneStrategyClause, copyGrants, copySettings, retryWhileInUse } from './clone-database.ts';
import { transferAllObjects, transferPublicSchema, type UntransferredObject } from './transfer-ownership.ts';

/** What a database is made with. */
export interface CreateDatabaseDeps extends ExtensionDeps {
  /** In `postgres`, as the administrator. */
  readonly reader: SqlReader;
  /** A session of the administrator in another database; closed by whoever asked for it. */
  readonly openDatabaseSession: (database: string) => Promise<Session>;
  /** Who gets the database. */
  readonly appRole: RoleConfig | undefined;
  readonly extensions: readonly string[];
}

/**
 * Makes a database, from nothing or as a clone, and finishes one that an interrupted run has begun. Its seal
 * ({@link sentinelOf}) tells until the very end that it is not finished, so that it can be killed at any moment, and two
 * jobs that make the same one do the same things to it.
 * @returns `created`, or `adopted` where another made or finished it
 * @throws `database-failed`, `template-in-use`, `extension-failed`
 */
export async function createDatabase(
  deps: CreateDatabaseDeps,
  desired: DatabaseConfig,
): Promise<'created' | 'adopted'> {
  const outcome = await createOrAdopt(deps, desired);
  const observed = await deps.reader.database(desired.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'present' && isCreationInProgress(observed.value, desired))
    await finishDatabase(deps, desired);
  return outcome;
}

async function createOrAdopt(
  deps: CreateDatabaseDeps,
  desired: DatabaseConfig,
): Promise<'created' | 'adopted'> {
  const { run, reader } = deps;
  const { session } = reader;
  const { name, template = 'template0' } = desired;
  const alreadyWarned = new Set<string>();
  const repositoryId = ownerRepositoryId(deps, desired);
  const statement = `CREATE DATABASE ${pg.escapeIdentifier(name)} ${await sourceClause(session, desired)} CONNECTION LIMIT ${sentinelOf(desired)}`;
  try {
    await retryWhileInUse(
      run,
      session,
      template,
      () => session.query(statement),
      async (oid) => {
        // Nobody can connect to template0.
        if (desired.template === undefined) return [];
        return await terminatePullRequestSessions(
          deps,
          'in the database',
          { name: template, oid, repositoryId },
          alreadyWarned,
        );
      },
    );
    return 'created';
  } catch (error) {
    if (isDuplicateObject(error)) return 'adopted';
    if (getSqlState(error) === '') throw error;
    const hint = createDatabaseHint(getSqlState(error), desired);
    throw actionError(
      'database-failed',
      { database: name, reason: formatPgError(error), hint },
      { cause: error },
    );
  }
}

/** From template0 without a template of the user's: it is the only one that takes any encoding and collation. */
async function sourceClause(session: Session, database: DatabaseConfig): Promise<string> {
  const { template } = database;
  if (template !== undefined)
    return `TEMPLATE ${pg.escapeIdentifier(template)} ${await cloneStrategyClause(session, template)}`;
  const locale = pg.escapeLiteral(defaultCollation(database));
  return `TEMPLATE template0 ENCODING ${pg.escapeLiteral(defaultCharset(database))} LC_COLLATE ${locale} LC_CTYPE ${locale}`;
}

function createDatabaseHint(state: string, { template }: DatabaseConfig): string {
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
async function finishDatabase(deps: CreateDatabaseDeps, desired: DatabaseConfig): Promise<void> {
  const { run, reader, appRole } = deps;
  const { session } = reader;
  await setOwnership(deps, desired);
  if (appRole !== undefined && desired.marker !== undefined) await resetRoleSettings(deps, appRole.name);
  if (appRole !== undefined || deps.extensions.length > 0) await initializeContents(deps, desired);
  // After what is done inside, on which they would act.
  if (desired.template !== undefined)
    await copySettings(run, session, desired.template, desired.name, toRoleMapping(appRole));
  const database = pg.escapeIdentifier(desired.name);
  await retryOnConflict(run, () =>
    session.query(
      [
        appRole && `GRANT CONNECT ON DATABASE ${database} TO ${pg.escapeIdentifier(appRole.name)}`,
        `ALTER DATABASE ${database} CONNECTION LIMIT -1`,
      ]
        .filter(Boolean)
        .join('; '),
    ),
  );
}

/** GitHub's numeric id of the repository that the database is made for; empty where there is none. */
const ownerRepositoryId = ({ appRole }: CreateDatabaseDeps, { marker }: DatabaseConfig): string =>
  marker?.repositoryId ?? appRole?.marker.repositoryId ?? '';

const toRoleMapping = (appRole: RoleConfig | undefined) => ({
  templateRole: appRole?.base,
  cloneRole: appRole?.name,
});

/** Everything that the administrator says about the database from outside, in one transaction. */
async function setOwnership(deps: CreateDatabaseDeps, desired: DatabaseConfig): Promise<void> {
  const { run, reader, appRole } = deps;
  const { session } = reader;
  const database = pg.escapeIdentifier(desired.name);
  const now = await reader.now();
  const others = findPullRequestRoleNames(ownerRepositoryId(deps, desired), await reader.markedRoles());
  await retryOnConflict(run, () =>
    session.transaction(async () => {
      if (desired.marker !== undefined) await session.query(markerCommentSql(desired, now));
      await session.query(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`);
      if (appRole !== undefined)
        await session.query(
          `GRANT CREATE, TEMPORARY ON DATABASE ${database} TO ${pg.escapeIdentifier(appRole.name)}`,
        );
      if (desired.template !== undefined)
        await copyGrants(session, desired.template, desired.name, { ...toRoleMapping(appRole), others });
    }),
  );
}

/** What is inside, in a session in the database itself; the application role cannot enter yet. */
async function initializeContents(
  deps: CreateDatabaseDeps,
  { name, template }: DatabaseConfig,
): Promise<void> {
  const { run, openDatabaseSession, appRole, extensions } = deps;
  const session = await openDatabaseSession(name);
  try {
    // Nobody but the base's own migrations has written here so far.
    for (const extension of extensions) await createExtension(deps, session, extension, false);
    if (appRole === undefined) return;
    if (template === undefined) await transferPublicSchema(run, session, appRole.name);
    else warnUntransferredObjects(run, name, await transferAllObjects(run, session, appRole.name));
  } finally {
    await session.close();
  }
}

/** Says what came along and stays another's. */
export function warnUntransferredObjects(
  run: RunContext,
  database: string,
  untransferred: readonly UntransferredObject[],
): void {
  if (untransferred.length === 0) return;
  const listed = untransferred
    .slice(0, 10)
    .map(({ type, identity, owner }) => `${type} ${identity} of ${owner}`);
  const rest =
    untransferred.length > listed.length ? ` and ${untransferred.length - listed.length} more` : '';
  run.warning(
    `In database '${database}' some objects could not be handed over and keep their owner: ${listed.join(', ')}${rest}. Most often admin-username does not administer that role.`,
  );
}

/** The statement that stamps a pull request's database with its mark, and with the moment when it expires. */
function markerCommentSql({ name, marker, expiresInMs }: DatabaseConfig, now: Date): string {
  const expires = expiresInMs === undefined ? undefined : new Date(now.getTime() + expiresInMs);
  const text = marker === undefined ? '' : serializeMarker(marker, expires);
  return `COMMENT ON DATABASE ${pg.escapeIdentifier(name)} IS ${pg.escapeLiteral(text)}`;
}

/**
 * Stamps a pull request's database that is there anew: it expires so long after it was last ensured. The first thing that
 * is done with it, lest a sweep drop it meanwhile.
 */
export async function extendExpiry(
  run: RunContext,
  reader: SqlReader,
  desired: DatabaseConfig,
): Promise<void> {
  const observed = await reader.database(desired.name);
  if (
    observed.status !== 'present' ||
    !isManagedDatabase(observed.value, desired) ||
    isCreationInProgress(observed.value, desired)
  )
    return;
  if (desired.expiresInMs === undefined && observed.value.marker?.expires === undefined) return;
  const now = await reader.now();
  await retryOnConflict(run, () => reader.session.query(markerCommentSql(desired, now)));
}

/**
 * When the pull request's database expires, by its mark; undefined where it does not.
 * @throws `database-failed` where it is not there any more
 */
export async function readExpiry(reader: SqlReader, desired: DatabaseConfig): Promise<Date | undefined> {
  const observed = await reader.database(desired.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'present' && isManagedDatabase(observed.value, desired))
    return observed.value.marker?.expires;
  const reason = 'another job dropped it while this one was at it.';
  const hint = 'Run the step again, if the pull request is still open.';
  throw actionError('database-failed', { database: desired.name, reason, hint });
}
