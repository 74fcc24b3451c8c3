import type { Config, DatabaseConfig } from '../config/config.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import type { Difference, Observed } from '../plan/types.ts';
import type { FoundDatabase, SqlReader, SqlWriter } from '../postgres/sql.ts';

/** The database, through SQL: milliseconds there, 12 s through ARM (design.md). */
export const database: Kind<DatabaseConfig, FoundDatabase, SqlReader, SqlWriter> = {
  resource: 'database',

  desired: (config: Config): readonly DatabaseConfig[] =>
    config.database === undefined ? [] : [config.database],

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
