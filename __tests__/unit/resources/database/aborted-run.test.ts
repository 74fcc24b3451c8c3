import { describe, expect, test } from 'vitest';
import {
  actionError,
  addWaitContext,
  type ErrorCode,
  errorCatalog,
  preferAbortReason,
} from '../../../../src/common/errors.ts';
import { serializeMarker } from '../../../../src/common/ownership-marker.ts';
import type { Session } from '../../../../src/postgres/session.ts';
import { SqlReader } from '../../../../src/postgres/sql-reader.ts';
import { sentinelOf } from '../../../../src/reconcile/ownership.ts';
import { createDatabase } from '../../../../src/resources/database/create-database.ts';
import { dropDatabase } from '../../../../src/resources/database/drop-database.ts';
import { createRole, setRolePassword } from '../../../../src/resources/role/create-role.ts';
import { dropRole } from '../../../../src/resources/role/drop-role.ts';
import { roleAccessHandler } from '../../../../src/resources/role/role-access.ts';
import type { SqlWriterDeps } from '../../../../src/resources/sql-writer-deps.ts';
import { exampleError } from '../../../helpers/unit/example-errors.ts';
import { fakeDatabase, fakeRole } from '../../../helpers/unit/fake-observations.ts';
import { single } from '../../../helpers/unit/single.ts';
import { pullRequestConfig } from '../../../helpers/unit/test-configs.ts';
import { createTestRun, type TestRun } from '../../../helpers/unit/test-run.ts';

const cancelled = actionError('cancelled', { signal: 'SIGINT' });
const config = pullRequestConfig({ template: 'relecloud', extensions: 'hstore' });
const { database, appRole, extensions } = config;
const role = appRole ?? expect.unreachable();
const comment = (marker: Parameters<typeof serializeMarker>[0]) => serializeMarker(marker);

/** Rows of a server on which the database of the pull request exists, incomplete or complete. */
function answer(text: string, connectionLimit: number): readonly object[] {
  const { marker: _, ...row } = fakeDatabase(database.name, undefined, { connectionLimit });
  const { marker: _role, ...roleRow } = fakeRole(role.name, undefined);
  if (/FROM pg_database d WHERE d.datname/.test(text))
    return [{ ...row, comment: database.marker && comment(database.marker) }];
  if (/FROM pg_roles r WHERE r.rolname/.test(text)) return [{ ...roleRow, comment: comment(role.marker) }];
  if (/has_database_privilege\(r.oid/.test(text)) return [{ connect: true, create: true, temporary: true }];
  if (/clock_timestamp/.test(text)) return [{ now: new Date() }];
  if (/datconnlimit AS limit/.test(text)) return [{ limit: connectionLimit }];
  if (/pg_db_role_setting/.test(text)) return [{ setting: 'work_mem=64kB', ofRole: false, isText: false }];
  if (/pg_available_extensions/.test(text)) return [{ schema: null, trusted: true }];
  if (/FROM pg_namespace WHERE nspname/.test(text)) return [{ owner: 'azure_pg_admin', transferable: true }];
  return [];
}

interface Attempt {
  readonly run: TestRun;
  /** The statement at which the run was aborted; undefined if there were fewer. */
  readonly abortedAt: string | undefined;
  readonly error: unknown;
}

/** Runs work that writes, and aborts the run at its n-th statement, as Session does. */
async function abortAtStatement(
  n: number,
  connectionLimit: number,
  work: (deps: SqlWriterDeps) => Promise<unknown>,
): Promise<Attempt> {
  const run = createTestRun();
  let count = 0;
  let abortedAt: string | undefined;
  const session = {
    async query(text: string) {
      count += 1;
      if (count === n) {
        abortedAt = text;
        run.abort(cancelled);
      }
      run.signal.throwIfAborted();
      return answer(text, connectionLimit);
    },
    transaction: (inner: () => Promise<unknown>) => inner(),
    close: async () => {},
  } as unknown as Session;
  const deps: SqlWriterDeps = {
    run,
    reader: new SqlReader(session),
    openDatabaseSession: async () => session,
    dropDatabaseWithArm: async () => {},
    allowExtensions: async () => {},
    appPassword: 'VerySecurePassword!2',
  };
  const error = await work(deps).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { run, abortedAt, error };
}

const works: readonly (readonly [
  name: string,
  minStatements: number,
  limit: number,
  work: (deps: SqlWriterDeps) => Promise<unknown>,
])[] = [
  [
    'the creation of a clone',
    15,
    sentinelOf(database),
    (deps) => createDatabase(deps, { database, appRole, extensions }),
  ],
  ['the drop of a database', 5, -1, (deps) => dropDatabase(deps, database, () => true)],
  ['the drop of a role', 2, -1, (deps) => dropRole(deps, role)],
  ['the creation of a role', 1, -1, (deps) => createRole(deps, role)],
  ['a new password', 1, -1, (deps) => setRolePassword(deps, role.name)],
  [
    'the grants on a database',
    4,
    -1,
    (deps) => {
      const desired = single(roleAccessHandler.desired(config));
      const change = { resource: 'role', name: role.name, action: 'update', details: '' } as const;
      return roleAccessHandler.apply(deps, change, desired, undefined, { status: 'absent' });
    },
  ],
];

test.for(works)(
  'a run that is cancelled at any statement of %s reports that it was cancelled, and warns about nothing else',
  async ([, minStatements, limit, work]) => {
    let statements = 0;
    for (;;) {
      const { run, abortedAt, error } = await abortAtStatement(statements + 1, limit, work);
      if (abortedAt === undefined) break;
      statements += 1;
      expect(error, abortedAt).toMatchObject({ code: 'cancelled' });
      expect(run.logLines, abortedAt).not.toContainEqual(
        expect.stringMatching(/not set|privilege|cancelled/),
      );
    }
    expect(statements).toBeGreaterThanOrEqual(minStatements);
  },
);

describe('the error of an aborted run', () => {
  const { signal } = createTestRun();
  const aborted = AbortSignal.abort(cancelled);
  test.for(Object.keys(errorCatalog) as ErrorCode[])('is the abort, also if the work throws %s', (code) => {
    expect(preferAbortReason(aborted, exampleError(code))).toMatchObject({ code: 'cancelled' });
    const thrown = exampleError(code);
    expect(preferAbortReason(signal, thrown)).toBe(thrown);
  });

  test('names what the run waited for, if that is among the causes', () => {
    const waiting = addWaitContext(cancelled, 'a lock (3 s)', undefined);
    const thrown = exampleError('database-failed', { cause: new Error('no', { cause: waiting }) });
    expect(preferAbortReason(aborted, thrown)).toBe(waiting);
  });
});
