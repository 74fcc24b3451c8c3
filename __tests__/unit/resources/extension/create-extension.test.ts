import { describe, expect, test } from 'vitest';
import type { Session } from '../../../../src/postgres/session.ts';
import { createExtension } from '../../../../src/resources/extension/create-extension.ts';
import { createTestRun } from '../../../helpers/unit/test-run.ts';

interface FakeServerState {
  readonly installed?: boolean;
  readonly trusted?: boolean;
  readonly schema?: string | null;
  /** The owner of the extension's schema, if it is neither the administrator nor a role of the server. */
  readonly schemaOwner?: string;
}

/**
 * Creates an extension on a fake server, in every combination of trust, schema and owner.
 * @returns the statements that create it
 */
async function createAndRecordStatements(
  server: FakeServerState,
  requiresTrusted: boolean,
): Promise<readonly string[]> {
  const { installed = false, trusted = false, schema = null, schemaOwner } = server;
  const statements: string[] = [];
  const query = async (text: string): Promise<readonly unknown[]> => {
    if (/FROM pg_extension\b/.test(text)) return installed ? [{}] : [];
    if (/pg_available_extensions/.test(text)) return [{ schema, trusted }];
    if (/FROM pg_namespace/.test(text)) return schemaOwner === undefined ? [] : [{ owner: schemaOwner }];
    statements.push(text);
    return [];
  };
  const deps = { run: createTestRun(), allowExtensions: async () => {} };
  await createExtension(deps, { query } as unknown as Session, 'postgis', requiresTrusted);
  return statements;
}

describe('an extension that is not trusted', () => {
  test('is refused in a schema that a pull request’s role owns', async () => {
    const refused = createAndRecordStatements({ schemaOwner: 'app_pr_7' }, true);
    await expect(refused).rejects.toThrow(
      /not a trusted extension.* in schema public, in which role 'app_pr_7' may have created objects/,
    );
    await expect(refused).rejects.toThrow('reset: true');
    await expect(
      createAndRecordStatements({ schemaOwner: 'app_pr_7', schema: 'topology' }, true),
    ).rejects.toThrow('schema topology');
  });

  test('is created in a schema without such an owner, and in a base database', async () => {
    const statement = 'CREATE EXTENSION IF NOT EXISTS "postgis" WITH SCHEMA public';
    expect(await createAndRecordStatements({}, true)).toEqual([statement]);
    expect(await createAndRecordStatements({ schemaOwner: 'app' }, false)).toEqual([statement]);
  });

  test('is not created again if it exists, from a template or an interrupted run', async () => {
    expect(await createAndRecordStatements({ installed: true, schemaOwner: 'app_pr_7' }, true)).toEqual([]);
  });
});

test.each([
  ['55000', 'pg_cron can only be loaded via shared_preload_libraries', undefined],
  ['XX000', 'extension "timescaledb" must be preloaded', 'Please preload the timescaledb library.'],
])(
  'an extension whose library is not loaded is refused with the parameter to set: %s',
  async (code, message, hint) => {
    const query = async (text: string): Promise<readonly unknown[]> => {
      if (/pg_available_extensions/.test(text)) return [{ schema: null, trusted: false }];
      if (/^CREATE/.test(text)) throw Object.assign(new Error(message), { code, hint });
      return [];
    };
    const deps = { run: createTestRun(), allowExtensions: async () => {} };
    await expect(createExtension(deps, { query } as unknown as Session, 'postgis', false)).rejects.toThrow(
      /What to do: Add postgis to the value of shared_preload_libraries in server-parameters/,
    );
  },
);

test('a trusted extension is created in the schema that it requires, regardless of its owner', async () => {
  expect(
    await createAndRecordStatements({ trusted: true, schemaOwner: 'app_pr_7', schema: 'pg_catalog' }, true),
  ).toEqual(['CREATE EXTENSION IF NOT EXISTS "postgis"']);
});
