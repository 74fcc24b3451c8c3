import type { CheckConfig, DatabaseConfig, EnsureConfig } from '../../inputs/types.ts';
import { withDatabaseSession } from '../../postgres/admin-sessions.ts';
import type { SqlReader } from '../../postgres/sql-reader.ts';
import type { Diff, Observed } from '../../reconcile/findings.ts';
import type { ApplyResult, ResourceHandler } from '../../reconcile/resource-handler.ts';
import type { SqlWriterDeps } from '../sql-writer-deps.ts';

interface DesiredExtension {
  readonly name: string;
  readonly database: DatabaseConfig;
}

/** An extension in the database. The reader's session is in the database itself. */
export const extensionHandler: ResourceHandler<DesiredExtension, string, SqlReader, SqlWriterDeps> = {
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

  async apply(deps, _change, { name, database }): Promise<ApplyResult> {
    const { createExtension } = await import('./create-extension.ts');
    const requiresTrusted = database.marker !== undefined;
    await withDatabaseSession(deps, database.name, (session) =>
      createExtension(deps, session, name, requiresTrusted),
    );
    return 'applied';
  },
};
