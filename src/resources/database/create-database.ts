import pg from 'pg';
import { charsetOfLocale } from '../../common/charsets.ts';
import { actionError } from '../../common/errors.ts';
import type { RunContext } from '../../common/polling.ts';
import { defaultCharset, defaultCollation } from '../../inputs/defaults.ts';
import type { DatabaseConfig, RoleConfig } from '../../inputs/types.ts';
import { terminatePullRequestSessions } from '../../postgres/activity.ts';
import { withDatabaseSession } from '../../postgres/admin-sessions.ts';
import {
  explainPgError,
  getPgHint,
  getSqlState,
  isDuplicateObject,
  retryOnConflict,
  type SqlStateHints,
} from '../../postgres/pg-errors.ts';
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
import { carryRights } from './carry-rights.ts';
import { cloneStrategyClause, copyGrants, copySettings, retryWhileInUse } from './clone-database.ts';
import { markerCommentSql } from './database-expiry.ts';
import { lockDatabaseRow } from './database-row.ts';
import { transferPublicSchema } from './transfer-ownership.ts';

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
  const isCompletedHere = await completeDatabase(deps, newDatabase).catch((error: unknown) => {
    throw toDatabaseError(database.name, error);
  });
  if (!isCompletedHere) return 'adopted';
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
    const state = getSqlState(error);
    const hint = isCollationVersionMismatch(error)
      ? await collationVersionHint(session, template)
      : state === ''
        ? undefined
        : await createDatabaseHint(session, state, database);
    throw toDatabaseError(name, error, hint === undefined ? {} : { [state]: hint });
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

/** Advice for an error of CREATE DATABASE that depends on what is declared and on what the server offers. */
async function createDatabaseHint(
  session: Session,
  state: string,
  database: DatabaseConfig,
): Promise<string | undefined> {
  const { template } = database;
  if (state === '42501')
    return template === undefined
      ? 'Grant CREATEDB to the role in admin-username, or set admin-username to the administrator of the server.'
      : `Make admin-username the owner of the template, or ask its owner to run: ALTER DATABASE "${template}" IS_TEMPLATE true;`;
  if (state === '3D000') return 'Check the input template: the server has no such database.';
  if (template === undefined && state === '42704')
    return `This version of PostgreSQL has no charset ${defaultCharset(database)}: declare another, such as charset: UTF8.`;
  if (template === undefined && state === '42809') return await unknownLocaleHint(session, database);
  if (template === undefined && state === '22023') return await charsetMismatchHint(session, database);
  return undefined;
}

/** Turns an error of PostgreSQL into `database-failed`; returns every other error unchanged. */
function toDatabaseError(database: string, error: unknown, hints?: SqlStateHints): unknown {
  if (getSqlState(error) === '') return error;
  return actionError('database-failed', { database, ...explainPgError(error, hints) }, { cause: error });
}

/** A database takes a locale of the operating system; pg_collation also lists collations of ICU, which it cannot take. */
async function unknownLocaleHint(session: Session, database: DatabaseConfig): Promise<string> {
  const locales = await describeLocales(session, database);
  return `Declare a collation that is a locale of the server's operating system and fits charset ${defaultCharset(database)}: ${['C', ...locales].join(', ')}. The collations of ICU, such as en-US-x-icu, cannot be a database's collation.`;
}

async function charsetMismatchHint(session: Session, database: DatabaseConfig): Promise<string> {
  const locales = await describeLocales(session, database);
  const others = locales.length === 0 ? '' : ` (as do these: ${locales.join(', ')})`;
  const required = charsetOfLocale(defaultCollation(database));
  const otherCharset =
    required === undefined ? '' : `, or charset: ${required}, which this collation requires`;
  return `Declare collation: C as well, which fits charset ${defaultCharset(database)}${others}${otherCharset}.`;
}

/** Locales that a hint lists. */
const MAX_LOCALES = 20;

/**
 * Locales of the operating system that PostgreSQL offers for the charset of a database, those of the declared language
 * first; none if they cannot be read.
 */
async function describeLocales(session: Session, database: DatabaseConfig): Promise<readonly string[]> {
  const language = defaultCollation(database).split(/[_.@]/, 1)[0] ?? '';
  const rows = await session
    .query<{ locale: string }>(
      `SELECT DISTINCT collcollate AS locale, starts_with(lower(collcollate), lower($2)) AS "isSimilar"
       FROM pg_collation WHERE collprovider = 'c' AND collencoding = pg_char_to_encoding($1) AND collcollate = collctype
       ORDER BY "isSimilar" DESC, locale LIMIT ${MAX_LOCALES}`,
      [defaultCharset(database), language],
    )
    .catch(() => []);
  return rows.map(({ locale }) => locale);
}

/**
 * The C library of the server sorts text in another way than the one that the template was created with. PostgreSQL has
 * no SQLSTATE of its own for it, and translates the message, but not the statement in the hint.
 */
const isCollationVersionMismatch = (error: unknown): boolean =>
  getPgHint(error).includes('REFRESH COLLATION VERSION');

/** What the owner of a template does about {@link isCollationVersionMismatch}. */
async function collationVersionHint(session: Session, template: string): Promise<string> {
  const [row] = await session.query<{ owner: string; isOwn: boolean; user: string }>(
    `SELECT pg_get_userbyid(datdba) AS owner, pg_has_role(datdba, 'USAGE') AS "isOwn", current_user AS user
     FROM pg_database WHERE datname = $1`,
    [template],
  );
  const { owner = '', isOwn = false, user = '' } = row ?? {};
  const database = pg.escapeIdentifier(template);
  const who = isOwn ? `'${user}'` : `its owner '${owner}', because '${user}' must not change it,`;
  return `Indexes on text in the template can be in the wrong order, and each clone would contain them. Connect to ${database} as ${who} and run two statements, each on its own: first REINDEX DATABASE ${database}; then ALTER DATABASE ${database} REFRESH COLLATION VERSION; the first locks one table after the other. Partitions by a range of text, and CHECK constraints that compare text, need a check of their own. Then run the step again.`;
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

/** Creates extensions and transfers ownership, in a session in the database itself. */
async function initializeContents(deps: SqlWriterDeps, newDatabase: NewDatabase): Promise<void> {
  const { run } = deps;
  const { database, appRole, extensions } = newDatabase;
  const { name, template } = database;
  await withDatabaseSession(deps, name, async (session) => {
    // No pull request could write to the database so far, so untrusted extensions are allowed.
    for (const extension of extensions) await createExtension(deps, session, extension, false);
    if (appRole === undefined) return;
    if (template === undefined) await transferPublicSchema(run, session, appRole.name);
    else await carryRights(deps, session, database, appRole);
  });
}
