import type { CheckConfig, DatabaseConfig, EnsureConfig } from '../../inputs/types.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import type { Diff, Observed } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { SqlWriter } from '../sql-writer.ts';

interface DesiredExtension {
  readonly name: string;
  readonly database: DatabaseConfig;
}

/** An extension in the database; the reader is in the database itself. */
export const extensionHandler: ResourceHandler<DesiredExtension, string, SqlReader, SqlWriter> = {
  resource: 'extension',

  desired(config: EnsureConfig | CheckConfig): readonly DesiredExtension[] {
    const { database, extensions } = config;
    return database === undefined ? [] : extensions.map((name) => ({ name, database }));
  },

  nameOf: ({ name }) => name,

  observe: (reader, desired): Promise<readonly Observed<string>[]> =>
    Promise.all(desired.map(({ name }) => reader.extension(name))),

  diff({ name, database }, observed): readonly Diff[] {
    if (observed.status !== 'absent') return [];
    const resourceRef = { resource: 'extension', name } as const;
    return [
      {
        finding: { ...resourceRef, property: '', expected: 'present', actual: 'absent', kind: 'missing' },
        change: { ...resourceRef, action: 'create', details: `in database ${database.name}` },
      },
    ];
  },

  apply: (writer, _change, { name, database }): Promise<ApplyResult> =>
    writer.createExtension(name, database),
};
