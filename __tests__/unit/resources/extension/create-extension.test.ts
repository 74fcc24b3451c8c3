import { describe, expect, test } from 'vitest';
import type { Session } from '../../../../src/postgres/session.ts';
import { createExtension } from '../../../../src/resources/extension/create-extension.ts';
import { createTestRun } from '../../../helpers/unit/test-run.ts';

interface FakeServerState {
  readonly installed?: boolean;
  readonly trusted?: boolean;
  readonly schema?: string | null;
  /** Of the schema that the extension goes to, where that is neither the administrator nor the server. */
  readonly stranger?: string;
}

/**
 * What PostgreSQL would say of one extension; the emulator offers none that is untrusted, since Azure lets its
 * administrators make them all. Returns the statements that were sent to make it.
 */
async function createAndRecordStatements(
  server: FakeServerState,
  strict: boolean,
): Promise<readonly string[]> {
  const { installed = false, trusted = false, schema = null, stranger } = server;
  const made: string[] = [];
  const query = async (text: string): Promise<readonly unknown[]> => {
    if (/FROM pg_extension\b/.test(text)) return installed ? [{}] : [];
    if (/pg_available_extensions/.test(text)) return [{ schema, trusted }];
    if (/FROM pg_namespace/.test(text)) return stranger === undefined ? [] : [{ owner: stranger }];
    made.push(text);
    return [];
  };
  const tools = { run: createTestRun(), allowExtensions: async () => {} };
  await createExtension(tools, { query } as unknown as Session, 'postgis', strict);
  return made;
}

describe('an extension whose script PostgreSQL does not trust', () => {
  test('is not made beside what a pull request’s role may have put into its schema', async () => {
    const refused = createAndRecordStatements({ stranger: 'app_pr_7' }, true);
    await expect(refused).rejects.toThrow(/not trusted to run beside what role 'app_pr_7' .* schema public/);
    await expect(refused).rejects.toThrow('reset: true');
    await expect(
      createAndRecordStatements({ stranger: 'app_pr_7', schema: 'topology' }, true),
    ).rejects.toThrow('schema topology');
  });

  test('is made where nobody else has been, and in a base database', async () => {
    const statement = 'CREATE EXTENSION IF NOT EXISTS "postgis" WITH SCHEMA public';
    expect(await createAndRecordStatements({}, true)).toEqual([statement]);
    expect(await createAndRecordStatements({ stranger: 'app' }, false)).toEqual([statement]);
  });

  test('is not asked about where it is already, from a template or an interrupted run', async () => {
    expect(await createAndRecordStatements({ installed: true, stranger: 'app_pr_7' }, true)).toEqual([]);
  });
});

test('a trusted one is made beside anybody’s objects, in the schema that it insists on', async () => {
  expect(
    await createAndRecordStatements({ trusted: true, stranger: 'app_pr_7', schema: 'pg_catalog' }, true),
  ).toEqual(['CREATE EXTENSION IF NOT EXISTS "postgis"']);
});
