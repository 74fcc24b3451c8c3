import type { Database } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../../azure/reader.ts';
import { findCharset, normalizeLocale } from '../../common/charsets.ts';
import { actionError } from '../../common/errors.ts';
import { defaultCharset, defaultCollation } from '../../inputs/defaults.ts';
import type { CheckConfig, DatabaseConfig, EnsureConfig } from '../../inputs/types.ts';
import type { FoundDatabase, SqlReader } from '../../postgres/sql-reader.ts';
import { absent, type Diff, type Finding, type Observed, present } from '../../reconcile/findings.ts';
import { databaseNotOwnedError, isCreationInProgress, isManagedDatabase } from '../../reconcile/ownership.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { PullRequestTeardown } from '../../reconcile/teardown.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';
import type { NewDatabase } from './create-database.ts';

/** A database to create or compare, or one to drop. */
type DesiredDatabase =
  | (NewDatabase & { readonly shouldExist: true })
  | {
      readonly database: DatabaseIdentity;
      readonly shouldExist: false;
      readonly expiredBy: PullRequestTeardown['expiredBy'];
    };

type DatabaseIdentity = Pick<DatabaseConfig, 'name' | 'marker'>;

interface DatabaseWithSideEffects extends FoundDatabase {
  /** Set for a database that may be dropped; see `describeDropSideEffects`. */
  readonly dropSideEffects?: readonly string[];
}

async function observeDatabase(
  reader: SqlReader,
  desired: DesiredDatabase,
): Promise<Observed<DatabaseWithSideEffects>> {
  const { database } = desired;
  if (desired.shouldExist) {
    const template = await observeTemplate(reader, desired.database);
    if (template.status === 'unknown') return template;
    if (template.status === 'present') checkTemplate(desired.database, template.value);
  }
  const observed = await reader.database(database.name);
  if (observed.status !== 'present' || !isManagedDatabase(observed.value, database)) return observed;
  if (desired.shouldExist && !desired.database.reset && observed.value.allowsConnections) return observed;
  const { describeDropSideEffects } = await import('./drop-obstacles.ts');
  const dropSideEffects = await describeDropSideEffects(
    reader,
    observed.value,
    database.marker?.repositoryId ?? '',
  );
  return present({ ...observed.value, dropSideEffects });
}

/** The template whose charset and collation a declared one has to equal; absent if the inputs declare none. */
const observeTemplate = async (
  reader: SqlReader,
  { template, charset, collation }: DatabaseConfig,
): Promise<Observed<FoundDatabase>> =>
  template === undefined || (charset === undefined && collation === undefined)
    ? absent
    : await reader.database(template);

/** @throws `template-differs`: a clone cannot have another charset or collation than its template */
function checkTemplate(declared: DatabaseConfig, template: FoundDatabase): void {
  const differences = findLocaleDifferences(declared, template);
  if (differences.length > 0)
    throw actionError('template-differs', {
      template: template.name,
      differences: differences.map(
        ({ property, expected, actual }) => `${property} is '${expected}', and the template has '${actual}'`,
      ),
    });
}

/** The end of a sentence about a drop, which names what the drop ends besides the database. */
const formatSideEffects = ({ dropSideEffects = [] }: DatabaseWithSideEffects): string =>
  dropSideEffects.length === 0
    ? ''
    : `, with ${dropSideEffects.length > 1 ? `these ${dropSideEffects.length}: ` : ''}${dropSideEffects.join('; ')}`;

/** The database, through SQL, which takes milliseconds, while ARM takes about 12 s. */
export const databaseHandler: ResourceHandler<
  DesiredDatabase,
  DatabaseWithSideEffects,
  SqlReader,
  SqlWriterDeps
> = {
  resource: 'database',

  desired: ({ database, appRole, extensions }: EnsureConfig | CheckConfig): readonly DesiredDatabase[] =>
    database === undefined ? [] : [{ database, appRole, extensions, shouldExist: true }],

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

  async apply(deps, change, desired, _finding, observed): Promise<ApplyResult> {
    const { database } = desired;
    if (desired.shouldExist && change.action !== 'delete') {
      const { createDatabase } = await import('./create-database.ts');
      return await createDatabase(deps, desired);
    }
    const { dropDatabase } = await import('./drop-database.ts');
    if (!desired.shouldExist)
      return await dropDatabase(deps, database, (found) => {
        const { expiredBy } = desired;
        if (expiredBy !== undefined && !hasExpired(found, expiredBy))
          throw actionError('renewed', { database: database.name });
        return true;
      });
    const oid = observed.status === 'present' ? observed.value.oid : undefined;
    // A reset must not drop the database that the reset of another job has just created.
    return await dropDatabase(deps, database, (found) => found.oid === oid);
  },
};

/** The database of a pull request that is dropped. */
export const databaseTeardownHandler: ResourceHandler<
  DesiredDatabase,
  DatabaseWithSideEffects,
  SqlReader,
  SqlWriterDeps,
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
  if (!isManagedDatabase(observed, desired)) throw databaseNotOwnedError(observed, desired, 'drop');
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

/** Compares no properties: a pull request's database keeps the charset and collation that it was created with. */
function diffPullRequestDatabase(
  desired: DatabaseConfig,
  observed: DatabaseWithSideEffects,
): readonly Diff[] {
  if (!isManagedDatabase(observed, desired)) throw databaseNotOwnedError(observed, desired, 'use');
  const { name } = desired;
  // A database that accepts no connections is one whose drop was interrupted.
  if (desired.reset || !observed.allowsConnections) {
    const details = `${desired.reset ? 'reset' : 'its drop was interrupted'}${formatSideEffects(observed)}`;
    return [
      { change: { resource: 'database', name, action: 'delete', details } },
      { change: createChange(desired, '') },
    ];
  }
  return isCreationInProgress(observed, desired) ? [{ change: createChange(desired, RESUME_PREFIX) }] : [];
}

const RESUME_PREFIX = 'completing the creation that another run started: ';

function diffBaseDatabase(desired: DatabaseConfig, observed: FoundDatabase): readonly Diff[] {
  // A sweep would drop it together with its pull request.
  if (observed.isOwnedByAdmin && observed.marker?.kind === 'pull-request')
    throw databaseNotOwnedError(observed, desired, 'use');
  if (isCreationInProgress(observed, desired)) return [{ change: createChange(desired, RESUME_PREFIX) }];
  return diffProperties(desired, observed);
}

/** Compares charset and collation; only of a base database. */
function diffProperties(
  declared: DatabaseConfig,
  actual: Pick<Database, 'charset' | 'collation'>,
): readonly Diff[] {
  if (declared.marker !== undefined) return [];
  return findLocaleDifferences(declared, actual).map((difference) => ({
    finding: { resource: 'database', name: declared.name, ...difference, kind: 'changed' },
  }));
}

/** The declared ones of charset and collation that differ by more than their spelling. */
const findLocaleDifferences = (
  { charset, collation }: Pick<DatabaseConfig, 'charset' | 'collation'>,
  actual: Pick<Database, 'charset' | 'collation'>,
): readonly Pick<Finding, 'property' | 'expected' | 'actual'>[] =>
  [
    { property: 'charset', expected: charset, actual: actual.charset, normalize: normalizeCharset },
    { property: 'collation', expected: collation, actual: actual.collation, normalize: normalizeLocale },
  ].flatMap(({ property, expected, actual: actualValue, normalize }) =>
    expected === undefined || actualValue === undefined || normalize(expected) === normalize(actualValue)
      ? []
      : [{ property, expected, actual: actualValue }],
  );

/** PostgreSQL's own name; a name that is not known is compared without its case. */
const normalizeCharset = (name: string): string => findCharset(name) ?? name.toLowerCase();

/** The database as ARM reports it, for a check without a login: whether it exists, its charset and its collation. */
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

  apply: () => Promise.reject(new Error('databases are created through SQL')),
};

/**
 * Checks the privileges of the administrator on a database of another owner, such as a database that was created through
 * ARM (docs/azure-behavior.md#databases-created-through-arm).
 * @returns a hint when privileges are missing, else undefined
 * @throws `database-failed` when the administrator cannot connect
 */
export function checkDatabaseOwner(
  { administrator, appRole, database: { name } }: EnsureConfig,
  found: FoundDatabase,
): string | undefined {
  const { username } = administrator;
  if (!found.mayConnect) {
    const reason = `it is owned by '${found.owner}', and '${username}' has no CONNECT privilege on it.`;
    const hint = `Ask the owner to run: GRANT CONNECT ON DATABASE "${name}" TO "${username}"; or choose another database.`;
    throw actionError('database-failed', { database: name, reason, hint });
  }
  return found.mayCreate || appRole !== undefined
    ? undefined
    : `Database '${name}' is owned by '${found.owner}', so '${username}' can use its schema public, but cannot create schemas or extensions in it. Ask the owner to run: GRANT CREATE ON DATABASE "${name}" TO "${username}";`;
}
