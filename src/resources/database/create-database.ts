import pg from 'pg';
import { actionError } from '../../common/errors.ts';
import { serializeMarker } from '../../common/ownership-marker.ts';
import type { RunContext } from '../../common/polling.ts';
import { defaultCharset, defaultCollation } from '../../inputs/defaults.ts';
import type { DatabaseConfig, RoleConfig } from '../../inputs/types.ts';
import { terminatePullRequestSessions } from '../../postgres/activity.ts';
import { withDatabaseSession } from '../../postgres/admin-sessions.ts';
import { formatPgError, getSqlState, isDuplicateObject, retryOnConflict } from '../../postgres/pg-errors.ts';
import type { Session } from '../../postgres/session.ts';
import {
  findPullRequestRoleNames,
  isCreationInProgress,
  sentinelOf,
  unreportedCreationOf,
} from '../../reconcile/ownership.ts';
import { createExtension } from '../extension/create-extension.ts';
import { resetRoleSettings } from '../role/create-role.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import { cloneStrategyClause, copyGrants, copySettings, retryWhileInUse } from './clone-database.ts';
import { lockDatabaseRow } from './database-row.ts';
import { transferAllObjects, transferPublicSchema, warnUntransferredObjects } from './transfer-ownership.ts';

/** A database to create. */
export interface NewDatabase {
  readonly database: DatabaseConfig;
  /** The role that gets privileges on the database and owns its contents. */
  readonly appRole: RoleConfig | undefined;
  readonly extensions: readonly string[];
}

/**
 * Creates a database, empty or as a clone, or completes the creation that another run started. The connection limit
 * {@link sentinelOf} marks the database as incomplete until the last statement, so a run can be killed at any moment,
 * and two jobs can create the same database at once. After that, {@link unreportedCreationOf} marks it until a run has
 * succeeded, see {@link claimCreation}.
 * @returns `created` for exactly one of several jobs, the one that completes it; else `adopted`
 * @throws `database-failed`, `template-in-use`, `extension-failed`
 */
export async function createDatabase(
  deps: SqlWriterDeps,
  newDatabase: NewDatabase,
): Promise<'created' | 'adopted'> {
  const { database } = newDatabase;
  const outcome = await createOrAdopt(deps, newDatabase);
  const observed = await deps.reader.database(database.name);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent' || !isCreationInProgress(observed.value, database)) return 'adopted';
  if (!(await completeDatabase(deps, newDatabase))) return 'adopted';
  if (outcome === 'adopted')
    deps.run.info(`Completed the creation of database '${database.name}', which another run had begun.`);
  return 'created';
}

/**
 * Records that a run has reported the creation of the database. Called when nothing else can fail, so that the creation is
 * reported again after a run that failed or was killed: a step that fills new databases would never run otherwise.
 * @returns whether this run reports it; false if another one has
 */
export const claimCreation = (
  run: RunContext,
  session: Session,
  database: DatabaseConfig,
): Promise<boolean> =>
  retryOnConflict(run, () =>
    session.transaction(() =>
      replaceConnectionLimit(session, database.name, unreportedCreationOf(database), -1),
    ),
  );

async function createOrAdopt(deps: SqlWriterDeps, newDatabase: NewDatabase): Promise<'created' | 'adopted'> {
  const { run, reader } = deps;
  const { session } = reader;
  const { database } = newDatabase;
  const { name, template = 'template0' } = database;
  const alreadyWarned = new Set<string>();
  const repositoryId = ownerRepositoryId(newDatabase);
  const statement = `CREATE DATABASE ${pg.escapeIdentifier(name)} ${await sourceClause(session, database)} CONNECTION LIMIT ${sentinelOf(database)}`;
  try {
    await retryWhileInUse(
      run,
      session,
      template,
      () => session.query(statement),
      async (oid) => {
        // template0 accepts no connections.
        if (database.template === undefined) return [];
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
    const hint = createDatabaseHint(getSqlState(error), database);
    throw actionError(
      'database-failed',
      { database: name, reason: formatPgError(error), hint },
      { cause: error },
    );
  }
}

/** Without the input `template`, clones template0: no other template accepts every encoding and collation. */
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
      ? 'Grant CREATEDB to the role in admin-username, or set admin-username to the administrator of the server.'
      : `Make admin-username the owner of the template, or ask its owner to run: ALTER DATABASE "${template}" IS_TEMPLATE true.`;
  if (state === '3D000') return 'Check the input template: the server has no such database.';
  if (state === '42809' || state === '22023' || state === '42704')
    return 'Choose a charset and a collation that the server supports: SELECT collname FROM pg_collation lists them.';
  if (state === '53300' || state === '53100')
    return 'The server has no free connections or no free storage. Check its metrics.';
  return 'Fix what PostgreSQL reports, then run the step again.';
}

/**
 * Grants CONNECT to the application role last, so that it cannot connect to an incomplete database.
 * @returns whether this run has completed the database; false if another one has in the meantime
 */
async function completeDatabase(deps: SqlWriterDeps, newDatabase: NewDatabase): Promise<boolean> {
  const { run, reader } = deps;
  const { session } = reader;
  const { database, appRole, extensions } = newDatabase;
  await setOwnership(deps, newDatabase);
  if (appRole !== undefined && database.marker !== undefined) await resetRoleSettings(deps, appRole.name);
  if (appRole !== undefined || extensions.length > 0) await initializeContents(deps, newDatabase);
  // After the contents, because the settings would apply to that session too.
  if (database.template !== undefined)
    await copySettings(run, session, database.template, database.name, toRoleMapping(appRole));
  const grant =
    appRole &&
    `GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(database.name)} TO ${pg.escapeIdentifier(appRole.name)}`;
  return await retryOnConflict(run, () =>
    session.transaction(async () => {
      if (grant !== undefined) await session.query(grant);
      return await replaceConnectionLimit(
        session,
        database.name,
        sentinelOf(database),
        unreportedCreationOf(database),
      );
    }),
  );
}

/**
 * Changes the connection limit of a database, within a transaction.
 * @returns whether the limit was `from`; of several jobs only one gets true
 */
async function replaceConnectionLimit(
  session: Session,
  name: string,
  from: number,
  to: number,
): Promise<boolean> {
  const database = pg.escapeIdentifier(name);
  await lockDatabaseRow(session, name);
  const [row] = await session.query<{ limit: number }>(
    'SELECT datconnlimit AS limit FROM pg_database WHERE datname = $1',
    [name],
  );
  if (row?.limit !== from) return false;
  await session.query(`ALTER DATABASE ${database} CONNECTION LIMIT ${to}`);
  return true;
}

/** GitHub's numeric id of the repository that the database is for; empty for a base database without a role. */
const ownerRepositoryId = ({ database, appRole }: NewDatabase): string =>
  database.marker?.repositoryId ?? appRole?.marker.repositoryId ?? '';

const toRoleMapping = (appRole: RoleConfig | undefined) => ({
  templateRole: appRole?.base,
  cloneRole: appRole?.name,
});

/** Writes the marker and the privileges on the database, in one transaction in `postgres`. */
async function setOwnership({ run, reader }: SqlWriterDeps, newDatabase: NewDatabase): Promise<void> {
  const { session } = reader;
  const { database, appRole } = newDatabase;
  const name = pg.escapeIdentifier(database.name);
  const now = await reader.now();
  const others = findPullRequestRoleNames(ownerRepositoryId(newDatabase), await reader.markedRoles());
  await retryOnConflict(run, () =>
    session.transaction(async () => {
      if (database.marker !== undefined) await session.query(markerCommentSql(database, now));
      await session.query(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);
      if (appRole !== undefined)
        await session.query(
          `GRANT CREATE, TEMPORARY ON DATABASE ${name} TO ${pg.escapeIdentifier(appRole.name)}`,
        );
      if (database.template !== undefined)
        await copyGrants(session, database.template, database.name, { ...toRoleMapping(appRole), others });
    }),
  );
}

/** The statement that writes the ownership marker of a pull request's database, with its expiry. */
export function markerCommentSql({ name, marker, expiresInMs }: DatabaseConfig, now: Date): string {
  const expires = expiresInMs === undefined ? undefined : new Date(now.getTime() + expiresInMs);
  const text = marker === undefined ? '' : serializeMarker(marker, expires);
  return `COMMENT ON DATABASE ${pg.escapeIdentifier(name)} IS ${pg.escapeLiteral(text)}`;
}

/** Creates extensions and transfers ownership, in a session in the database itself. */
async function initializeContents(
  deps: SqlWriterDeps,
  { database: { name, template }, appRole, extensions }: NewDatabase,
): Promise<void> {
  const { run } = deps;
  await withDatabaseSession(deps, name, async (session) => {
    // No pull request could write to the database so far, so untrusted extensions are allowed.
    for (const extension of extensions) await createExtension(deps, session, extension, false);
    if (appRole === undefined) return;
    if (template === undefined) await transferPublicSchema(run, session, appRole.name);
    else warnUntransferredObjects(run, name, await transferAllObjects(run, session, appRole.name));
  });
}
