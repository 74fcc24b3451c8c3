import type { Config, DatabaseConfig } from '../config/config.ts';
import type { Applied, Kind } from '../plan/engine.ts';
import type { Difference, Observed } from '../plan/types.ts';
import type { SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';

interface Desired {
  readonly name: string;
  readonly database: DatabaseConfig;
}

/** An extension in the database; the reader is in the database itself. */
export const extension: Kind<Desired, string, SqlReader, SqlWriter> = {
  resource: 'extension',

  desired(config: Config): readonly Desired[] {
    if (config.mode === 'drop' || config.mode === 'sweep') return [];
    const { database, extensions } = config;
    return database === undefined ? [] : extensions.map((name) => ({ name, database }));
  },

  nameOf: ({ name }) => name,

  observe: (reader, desired): Promise<readonly Observed<string>[]> =>
    Promise.all(desired.map(({ name }) => reader.extension(name))),

  diff({ name, database }, observed): readonly Difference[] {
    if (observed.status !== 'absent') return [];
    const thing = { resource: 'extension', name } as const;
    return [
      {
        finding: { ...thing, property: '', expected: 'present', actual: 'absent', kind: 'missing' },
        mend: { ...thing, action: 'create', details: `in database ${database.name}` },
      },
    ];
  },

  apply: (writer, _change, { name, database }): Promise<Applied> => writer.createExtension(name, database),
};
