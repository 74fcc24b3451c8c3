import type { Database } from '@azure/arm-postgresql-flexible';
import type { AzureReader } from '../azure/reader.ts';
import type { Config, DatabaseConfig, EnsureConfig } from '../config/config.ts';
import { charsetOfNew, collationOfNew } from '../config/creation.ts';
import { fail } from '../errors.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import { foreignDatabase, isBeingMade, isOursToDrop } from '../plan/ownership.ts';
import { type Difference, type Observed, present } from '../plan/types.ts';
import { goingWith } from '../postgres/drop-obstacles.ts';
import type { FoundDatabase, SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';

/** A database, and whether it shall be there: `drop` is the pull request's part of what is declared, inverted. */
interface Desired {
  readonly database: DatabaseConfig;
  readonly wanted: boolean;
  /** Of a sweep, see DropConfig. */
  readonly expiredBy: Date | undefined;
}

/** A database, and what would go with it if it is to be dropped. */
interface DatabaseWithMore extends FoundDatabase {
  /** See {@link goingWith}. */
  readonly more?: readonly string[];
}

async function observeOne(reader: SqlReader, desired: Desired): Promise<Observed<DatabaseWithMore>> {
  const { database, wanted } = desired;
  const seen = await reader.database(database.name);
  if (seen.status !== 'present' || !isOursToDrop(seen.value, database)) return seen;
  if (wanted && !database.reset && seen.value.allowsConnections) return seen;
  const more = await goingWith(reader, seen.value, database.mark?.repositoryId ?? '');
  return present({ ...seen.value, more });
}

/** The end of a sentence that names what goes with a database. */
const withMore = ({ more = [] }: DatabaseWithMore): string =>
  more.length === 0 ? '' : `, with ${more.length > 1 ? `these ${more.length}: ` : ''}${more.join('; ')}`;

/** The database, through SQL: milliseconds there, 12 s through ARM (design.md). */
export const database: Kind<Desired, DatabaseWithMore, SqlReader, SqlWriter> = {
  resource: 'database',

  desired(config: Config): readonly Desired[] {
    if (config.mode === 'sweep' || config.database === undefined) return [];
    const expiredBy = config.mode === 'drop' ? config.expiredBy : undefined;
    return [{ database: config.database, wanted: config.mode !== 'drop', expiredBy }];
  },

  nameOf: ({ database: { name } }) => name,

  observe: (reader, desired): Promise<readonly Observed<DatabaseWithMore>[]> =>
    Promise.all(desired.map((each) => observeOne(reader, each))),

  diff({ database: desired, wanted }, observed): readonly Difference[] {
    if (observed.status === 'unknown') return [];
    if (!wanted) return observed.status === 'absent' ? [] : unwanted(desired, observed.value);
    if (observed.status === 'absent') return [missing(desired)];
    return desired.mark === undefined
      ? ofBase(desired, observed.value)
      : ofPullRequest(desired, observed.value);
  },

  async apply(
    writer,
    change,
    { database: desired, wanted, expiredBy },
    _finding,
    observed,
  ): Promise<Applied> {
    if (change.action !== 'delete') return await writer.makeDatabase(desired);
    const oid = observed.status === 'present' ? observed.value.oid : undefined;
    return await writer.dropDatabase(desired, (found) => {
      if (expiredBy !== undefined && !hasExpired(found, expiredBy))
        throw fail('ensured-again', { database: desired.name });
      // Another job's reset may have come first: what it made is not to be dropped again.
      return !wanted || found.oid === oid;
    });
  },
};

const hasExpired = ({ mark }: FoundDatabase, by: Date): boolean =>
  mark?.expires !== undefined && mark.expires <= by;

function missing(desired: DatabaseConfig): Difference {
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
    mend: making(desired, ''),
  };
}

function making(desired: DatabaseConfig, why: string): Difference['mend'] & object {
  const { name, template } = desired;
  const details =
    template === undefined ? `${charsetOfNew(desired)}, ${collationOfNew(desired)}` : `clone of ${template}`;
  return { resource: 'database', name, action: 'create', details: `${why}${details}` };
}

function unwanted(desired: DatabaseConfig, seen: DatabaseWithMore): readonly Difference[] {
  const { name, mark } = desired;
  if (!isOursToDrop(seen, desired)) throw foreignDatabase(seen, desired);
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
      mend: {
        resource: 'database',
        name,
        action: 'delete',
        details: `of pull request #${mark?.pullRequest}${withMore(seen)}`,
      },
    },
  ];
}

/** A pull request's database is its own, so its charset and collation are as they were made; it may have to be made anew. */
function ofPullRequest(desired: DatabaseConfig, seen: DatabaseWithMore): readonly Difference[] {
  if (!isOursToDrop(seen, desired)) throw foreignDatabase(seen, desired);
  const { name } = desired;
  // Where dropping has begun, the database is as good as gone.
  if (desired.reset || !seen.allowsConnections) {
    const details = `${desired.reset ? 'reset' : 'an interrupted run was dropping it'}${withMore(seen)}`;
    return [
      { mend: { resource: 'database', name, action: 'delete', details } },
      { mend: making(desired, '') },
    ];
  }
  return isBeingMade(seen, desired) ? [{ mend: making(desired, unfinished) }] : [];
}

const unfinished = 'finishing what another run began: ';

function ofBase(desired: DatabaseConfig, seen: FoundDatabase): readonly Difference[] {
  // It would be swept with its pull request, whoever relied on it.
  if (seen.ownedByUs && seen.mark?.kind === 'pull-request') throw foreignDatabase(seen, desired);
  if (isBeingMade(seen, desired)) return [{ mend: making(desired, unfinished) }];
  return asDeclared(desired, seen);
}

/** What a database is like, of a base database alone: a pull request's is as it was made. */
function asDeclared(
  { name, charset, collation, template, mark }: DatabaseConfig,
  actual: Pick<Database, 'charset' | 'collation'>,
): readonly Difference[] {
  // A clone's came along with it.
  if (template !== undefined || mark !== undefined) return [];
  return [
    { property: 'charset', expected: charset, actual: actual.charset },
    { property: 'collation', expected: collation, actual: actual.collation },
  ].flatMap(({ property, expected, actual: is }) =>
    expected === undefined || is === undefined || spelling(expected) === spelling(is)
      ? []
      : [{ finding: { resource: 'database', name, property, expected, actual: is, kind: 'changed' } }],
  );
}

/** `utf8` = `UTF8` = `UTF-8`, and `en_US.utf8` = `en_US.UTF-8` (design.md). */
const spelling = (text: string): string => text.toLowerCase().replaceAll('-', '');

/** The database as ARM knows it, for a look without a login: whether it is there, its charset and its collation. */
export const databaseInArm: Kind<DatabaseConfig, Database, AzureReader, never> = {
  resource: 'database',

  desired: (config: Config): readonly DatabaseConfig[] =>
    config.mode === 'check' && config.database !== undefined ? [config.database] : [],

  nameOf: ({ name }) => name,

  observe: (reader, desired): Promise<readonly Observed<Database>[]> =>
    Promise.all(desired.map(({ name }) => reader.database(name))),

  diff(desired, observed): readonly Difference[] {
    if (observed.status === 'unknown') return [];
    return observed.status === 'absent' ? [missing(desired)] : asDeclared(desired, observed.value);
  },

  apply: () => Promise.reject(new Error('databases are made through SQL')),
};

/**
 * What the administrator should know of a database that belongs to somebody else (one made through ARM may belong to
 * `azuresu`, facts.md §5); undefined where nothing is amiss.
 * @throws `database-refused` where it may not even enter
 */
export function ownerAdvice(
  { administrator, application, database: { name } }: EnsureConfig,
  found: FoundDatabase,
): string | undefined {
  const { username } = administrator;
  if (!found.mayConnect) {
    const reason = `it belongs to '${found.owner}', and '${username}' may not connect to it`;
    const advice = `Let its owner say: GRANT CONNECT ON DATABASE "${name}" TO "${username}"; or choose another database.`;
    throw fail('database-refused', { database: name, reason, advice });
  }
  return found.mayCreate || application !== undefined
    ? undefined
    : `Database '${name}' belongs to '${found.owner}', so '${username}' may use schema public in it, but not create schemas or extensions. Let its owner say: GRANT CREATE ON DATABASE "${name}" TO "${username}".`;
}
