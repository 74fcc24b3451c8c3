import type { Database } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../../azure/reader.ts';
import { actionError } from '../../common/errors.ts';
import { defaultCharset, defaultCollation } from '../../inputs/defaults.ts';
import type { CheckConfig, DatabaseConfig, EnsureConfig } from '../../inputs/types.ts';
import type { FoundDatabase, SqlReader } from '../../postgres/sql-reader.ts';
import { type Diff, type Observed, present } from '../../reconcile/findings.ts';
import { databaseNotOwnedError, isCreationInProgress, isManagedDatabase } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { PullRequestTeardown } from '../../reconcile/teardown.ts';
import type { SqlWriter } from '../sql-writer.ts';
import { describeDropSideEffects } from './drop-obstacles.ts';

/** A database to create or compare, or one to delete. */
type DesiredDatabase =
  | { readonly database: DatabaseConfig; readonly shouldExist: true }
  | {
      readonly database: DatabaseIdentity;
      readonly shouldExist: false;
      readonly expiredBy: PullRequestTeardown['expiredBy'];
    };

type DatabaseIdentity = Pick<DatabaseConfig, 'name' | 'marker'>;

/** A database, and what would go with it if it is to be dropped. */
interface DatabaseWithSideEffects extends FoundDatabase {
  /** See {@link describeDropSideEffects}. */
  readonly dropSideEffects?: readonly string[];
}

async function observeDatabase(
  reader: SqlReader,
  desired: DesiredDatabase,
): Promise<Observed<DatabaseWithSideEffects>> {
  const { database } = desired;
  const observed = await reader.database(database.name);
  if (observed.status !== 'present' || !isManagedDatabase(observed.value, database)) return observed;
  if (desired.shouldExist && !desired.database.reset && observed.value.allowsConnections) return observed;
  const dropSideEffects = await describeDropSideEffects(
    reader,
    observed.value,
    database.marker?.repositoryId ?? '',
  );
  return present({ ...observed.value, dropSideEffects });
}

/** The end of a sentence that names what goes with a database. */
const formatSideEffects = ({ dropSideEffects = [] }: DatabaseWithSideEffects): string =>
  dropSideEffects.length === 0
    ? ''
    : `, with ${dropSideEffects.length > 1 ? `these ${dropSideEffects.length}: ` : ''}${dropSideEffects.join('; ')}`;

/** The database, through SQL: milliseconds there, 12 s through ARM (design.md). */
export const databaseHandler: ResourceHandler<
  DesiredDatabase,
  DatabaseWithSideEffects,
  SqlReader,
  SqlWriter
> = {
  resource: 'database',

  desired: ({ database }: EnsureConfig | CheckConfig): readonly DesiredDatabase[] =>
    database === undefined ? [] : [{ database, shouldExist: true }],

  nameOf: ({ database: { name } }) => name,

  observe: (reader, desired): Promise<readonly Observed<DatabaseWithSideEffects>[]> =>
    Promise.all(desired.map((each) => observeDatabase(reader, each))),

  diff(desired, observed): readonly Diff[] {
    if (observed.status === 'unknown') return [];
    if (!desired.shouldExist)
      return observed.status === 'absent' ? [] : deletionDiff(desired.database, observed.value);
    const { database } = desired;
    if (observed.status === 'absent') return [missingDatabaseDiff(database)];
    return database.marker === undefined
      ? diffBaseDatabase(database, observed.value)
      : diffPullRequestDatabase(database, observed.value);
  },

  async apply(writer, change, desired, _finding, observed): Promise<ApplyResult> {
    const { database } = desired;
    if (!desired.shouldExist)
      return await writer.dropDatabase(database, (found) => {
        const { expiredBy } = desired;
        if (expiredBy !== undefined && !hasExpired(found, expiredBy))
          throw actionError('ensured-again', { database: database.name });
        return true;
      });
    if (change.action !== 'delete') return await writer.createDatabase(desired.database);
    const oid = observed.status === 'present' ? observed.value.oid : undefined;
    // Another job's reset may have come first: the database that it has created is not dropped again.
    return await writer.dropDatabase(database, (found) => found.oid === oid);
  },
};

/** The database of a pull request that is dropped. */
export const databaseTeardownHandler: ResourceHandler<
  DesiredDatabase,
  DatabaseWithSideEffects,
  SqlReader,
  SqlWriter,
  PullRequestTeardown
> = {
  ...databaseHandler,
  desired: ({ database, expiredBy }) =>
    database === undefined ? [] : [{ database, shouldExist: false, expiredBy }],
};

const hasExpired = ({ marker }: FoundDatabase, by: Date): boolean =>
  marker?.expires !== undefined && marker.expires <= by;

function missingDatabaseDiff(desired: DatabaseConfig): Diff {
  const { name } = desired;
  return {
    finding: {
      resource: 'database',
      name,
      property: '',
      expected: 'present',
      actual: 'absent',
      kind: 'missing',
    },
    change: createChange(desired, ''),
  };
}

function createChange(desired: DatabaseConfig, prefix: string): Diff['change'] & object {
  const { name, template } = desired;
  const details =
    template === undefined
      ? `${defaultCharset(desired)}, ${defaultCollation(desired)}`
      : `clone of ${template}`;
  return { resource: 'database', name, action: 'create', details: `${prefix}${details}` };
}

function deletionDiff(desired: DatabaseIdentity, observed: DatabaseWithSideEffects): readonly Diff[] {
  const { name, marker } = desired;
  if (!isManagedDatabase(observed, desired)) throw databaseNotOwnedError(observed, desired);
  return [
    {
      finding: {
        resource: 'database',
        name,
        property: '',
        expected: 'absent',
        actual: 'present',
        kind: 'unexpected',
      },
      change: {
        resource: 'database',
        name,
        action: 'delete',
        details: `of pull request #${marker?.pullRequest}${formatSideEffects(observed)}`,
      },
    },
  ];
}

/** A pull request's database is its own, so its charset and collation are as they were made; it may have to be made anew. */
function diffPullRequestDatabase(
  desired: DatabaseConfig,
  observed: DatabaseWithSideEffects,
): readonly Diff[] {
  if (!isManagedDatabase(observed, desired)) throw databaseNotOwnedError(observed, desired);
  const { name } = desired;
  // Where dropping has begun, the database is as good as gone.
  if (desired.reset || !observed.allowsConnections) {
    const details = `${desired.reset ? 'reset' : 'an interrupted run was dropping it'}${formatSideEffects(observed)}`;
    return [
      { change: { resource: 'database', name, action: 'delete', details } },
      { change: createChange(desired, '') },
    ];
  }
  return isCreationInProgress(observed, desired) ? [{ change: createChange(desired, RESUME_PREFIX) }] : [];
}

const RESUME_PREFIX = 'finishing what another run began: ';

function diffBaseDatabase(desired: DatabaseConfig, observed: FoundDatabase): readonly Diff[] {
  // It would be swept with its pull request, whoever relied on it.
  if (observed.isOwnedByAdmin && observed.marker?.kind === 'pull-request')
    throw databaseNotOwnedError(observed, desired);
  if (isCreationInProgress(observed, desired)) return [{ change: createChange(desired, RESUME_PREFIX) }];
  return diffProperties(desired, observed);
}

/** What a database is like, of a base database alone: a pull request's is as it was made. */
function diffProperties(
  { name, charset, collation, template, marker }: DatabaseConfig,
  actual: Pick<Database, 'charset' | 'collation'>,
): readonly Diff[] {
  // A clone's came along with it.
  if (template !== undefined || marker !== undefined) return [];
  return [
    { property: 'charset', expected: charset, actual: actual.charset },
    { property: 'collation', expected: collation, actual: actual.collation },
  ].flatMap(({ property, expected, actual: actualValue }) =>
    expected === undefined ||
    actualValue === undefined ||
    normalizeLocaleName(expected) === normalizeLocaleName(actualValue)
      ? []
      : [
          {
            finding: { resource: 'database', name, property, expected, actual: actualValue, kind: 'changed' },
          },
        ],
  );
}

/** `utf8` = `UTF8` = `UTF-8`, and `en_US.utf8` = `en_US.UTF-8` (design.md). */
const normalizeLocaleName = (text: string): string => text.toLowerCase().replaceAll('-', '');

/** The database as ARM knows it, for a look without a login: whether it is there, its charset and its collation. */
export const armDatabaseHandler: ResourceHandler<DatabaseConfig, Database, AzureReader, never> = {
  resource: 'database',

  desired: ({ database }: EnsureConfig | CheckConfig): readonly DatabaseConfig[] =>
    database === undefined ? [] : [database],

  nameOf: ({ name }) => name,

  observe: (reader, desired): Promise<readonly Observed<Database>[]> =>
    Promise.all(desired.map(({ name }) => reader.getDatabase(name))),

  diff(desired, observed): readonly Diff[] {
    if (observed.status === 'unknown') return [];
    return observed.status === 'absent'
      ? [missingDatabaseDiff(desired)]
      : diffProperties(desired, observed.value);
  },

  apply: () => Promise.reject(new Error('databases are made through SQL')),
};

/**
 * What the administrator should know of a database that belongs to somebody else (one made through ARM may belong to
 * `azuresu`, facts.md §5); undefined where nothing is amiss.
 * @throws `database-refused` where it may not even enter
 */
export function checkDatabaseOwner(
  { administrator, appRole, database: { name } }: EnsureConfig,
  found: FoundDatabase,
): string | undefined {
  const { username } = administrator;
  if (!found.mayConnect) {
    const reason = `it belongs to '${found.owner}', and '${username}' may not connect to it`;
    const hint = `Let its owner say: GRANT CONNECT ON DATABASE "${name}" TO "${username}"; or choose another database.`;
    throw actionError('database-refused', { database: name, reason, hint });
  }
  return found.mayCreate || appRole !== undefined
    ? undefined
    : `Database '${name}' belongs to '${found.owner}', so '${username}' may use schema public in it, but not create schemas or extensions. Let its owner say: GRANT CREATE ON DATABASE "${name}" TO "${username}".`;
}
