import type { Config, DatabaseConfig, EnsureConfig } from '../config/config.ts';
import { fail } from '../errors.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import type { Difference, Observed } from '../plan/types.ts';
import type { FoundDatabase, SqlReader, SqlWriter } from '../postgres/sql.ts';

/** The database, through SQL: milliseconds there, 12 s through ARM (design.md). */
export const database: Kind<DatabaseConfig, FoundDatabase, SqlReader, SqlWriter> = {
  resource: 'database',

  desired: (config: Config): readonly DatabaseConfig[] =>
    config.database === undefined ? [] : [config.database],

  nameOf: ({ name }) => name,

  observe: (reader, desired): Promise<readonly Observed<FoundDatabase>[]> =>
    Promise.all(desired.map(({ name }) => reader.database(name))),

  diff({ name, charset, collation }, observed): readonly Difference[] {
    if (observed.status === 'unknown') return [];
    if (observed.status === 'absent') {
      return [
        {
          finding: {
            resource: 'database',
            name,
            property: '',
            expected: 'present',
            actual: 'absent',
            kind: 'missing',
          },
          mend: { resource: 'database', name, action: 'create', details: `${charset}, ${collation}` },
        },
      ];
    }
    const { value } = observed;
    // Neither can be changed in place, so they are only reported.
    return [
      { property: 'charset', expected: charset, actual: value.charset },
      { property: 'collation', expected: collation, actual: value.collation },
    ]
      .filter(({ expected, actual }) => spelling(expected) !== spelling(actual))
      .map((difference) => ({ finding: { resource: 'database', name, kind: 'changed', ...difference } }));
  },

  apply: (writer, _change, desired): Promise<Applied> => writer.createDatabase(desired),
};

/** `utf8` = `UTF8` = `UTF-8`, and `en_US.utf8` = `en_US.UTF-8` (design.md). */
const spelling = (text: string): string => text.toLowerCase().replaceAll('-', '');

/**
 * What the administrator should know of a database that belongs to somebody else (one made through ARM may belong to
 * `azuresu`, facts.md §5); undefined where nothing is amiss.
 * @throws `database-refused` where it may not even enter
 */
export function ownerAdvice(
  { administrator, database: { name } }: EnsureConfig,
  found: FoundDatabase,
): string | undefined {
  const { username } = administrator;
  if (!found.mayConnect) {
    const reason = `it belongs to '${found.owner}', and '${username}' may not connect to it`;
    const advice = `Let its owner say: GRANT CONNECT ON DATABASE "${name}" TO "${username}"; or choose another database.`;
    throw fail('database-refused', { database: name, reason, advice });
  }
  return found.mayCreate
    ? undefined
    : `Database '${name}' belongs to '${found.owner}', so '${username}' may use schema public in it, but not create schemas or extensions. Let its owner say: GRANT CREATE ON DATABASE "${name}" TO "${username}".`;
}
