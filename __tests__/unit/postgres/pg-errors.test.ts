import fc from 'fast-check';
import type { DatabaseError } from 'pg';
import { describe, expect } from 'vitest';
import { ActionError, toActionError } from '../../../src/common/errors.ts';
import {
  connectionLimitScope,
  explainPgError,
  formatPgError,
  getSqlState,
  isDuplicateObject,
  recordStatement,
  retryOnConflict,
  SessionLostError,
  toDropError,
  toSqlError,
} from '../../../src/postgres/pg-errors.ts';
import { createPgError } from '../../helpers/unit/pg-error.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const conflictErrors: readonly (readonly [what: string, error: DatabaseError])[] = [
  ...(
    [
      // As PostgreSQL 15, 17 and 18 report them while other sessions drop and create the object.
      ['XX000', 'tuple concurrently updated', 'simple_heap_update'],
      ['XX000', 'tuple concurrently deleted', 'simple_heap_update'],
      ['XX000', 'tuple concurrently updated', 'simple_heap_delete'],
      ['XX000', 'tuple concurrently deleted', 'simple_heap_delete'],
      ['XX000', 'cache lookup failed for database 16404', 'ExecGrant_common'],
      ['XX000', 'cache lookup failed for database 16404', 'ExecGrant_Database'],
      ['XX000', 'cache lookup failed for role 16404', 'object_ownercheck'],
      ['XX000', 'could not find tuple for role 16404', 'DropRole'],
      ['42704', 'database 16404 was concurrently dropped', 'shdepLockAndCheckObject'],
      ['42704', 'Rolle 16404 wurde gleichzeitig gelöscht', 'shdepLockAndCheckObject'],
    ] as const
  ).map(
    ([state, message, routine]) =>
      [`${message} (${routine})`, createPgError(state, message, undefined, { routine })] as const,
  ),
  ['a unique index', createPgError('23505')],
  ['a deadlock', createPgError('40P01')],
  ['a serialization failure', createPgError('40001')],
  ['a lock that was not granted', createPgError('55P03')],
];

const otherErrors: readonly (readonly [what: string, error: unknown])[] = [
  ['another internal error', createPgError('XX000', 'cache lookup failed for relation 1')],
  [
    'a missing role',
    createPgError('42704', 'role "r" does not exist', undefined, { routine: 'get_role_oid' }),
  ],
  ['a missing privilege', createPgError('42501')],
  ['a database that exists', createPgError('42P04')],
  ['a lost session', Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' })],
  ['the same message without a SQLSTATE', new Error('tuple concurrently updated')],
  ['nothing', undefined],
];

/** Work that fails `times` times before it succeeds. */
function createFailingWork(error: unknown, times: number) {
  let attempts = 0;
  const work = async (): Promise<number> => {
    attempts += 1;
    if (attempts <= times) throw error;
    return attempts;
  };
  return { work, attempts: () => attempts };
}

describe('retryOnConflict', () => {
  test.for(conflictErrors)('retries after %s', async ([, error], { inFakeTime }) => {
    const run = createTestRun();
    const { work } = createFailingWork(error, 3);
    expect(await inFakeTime(retryOnConflict(run, work))).toBe(4);
    expect(run.logLines).toHaveLength(3);
    for (const line of run.logLines) expect(line).toContain(getSqlState(error));
  });

  test.each(otherErrors)('throws other errors immediately: %s', async (_, error) => {
    const { work, attempts } = createFailingWork(error, 3);
    expect(await errorOf(retryOnConflict(createTestRun(), work))).toBe(error);
    expect(attempts()).toBe(1);
  });

  test('throws another error that follows a conflict', async ({ inFakeTime }) => {
    const errors = [createPgError('40P01'), createPgError('42501')];
    const work = async (): Promise<never> => Promise.reject(errors.shift());
    expect(await errorOf(inFakeTime(retryOnConflict(createTestRun(), work)))).toMatchObject({
      code: '42501',
    });
  });

  test('succeeds after 24 conflicts in less than half a minute, as with twenty jobs that change one role', async ({
    inFakeTime,
  }) => {
    const start = performance.now();
    const { work } = createFailingWork(createPgError('40P01'), 24);
    expect(await inFakeTime(retryOnConflict(createTestRun(), work))).toBe(25);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('throws PostgreSQL’s error if the conflict lasts longer than a minute', async ({ inFakeTime }) => {
    const start = performance.now();
    const error = createPgError('40001', 'could not serialize access');
    const { work, attempts } = createFailingWork(error, Number.POSITIVE_INFINITY);
    expect(await errorOf(inFakeTime(retryOnConflict(createTestRun(), work)))).toBe(error);
    expect(performance.now() - start).toBeGreaterThan(60_000);
    expect(performance.now() - start).toBeLessThan(62_000);
    expect(attempts()).toBeGreaterThan(60);
  });

  test('throws the reason of the run’s end without another attempt', async ({ inFakeTime }) => {
    const run = createTestRun();
    const reason = new Error('cancelled');
    const work = async (): Promise<never> => {
      run.abort(reason);
      throw createPgError('40P01');
    };
    expect(await errorOf(inFakeTime(retryOnConflict(run, work)))).toBe(reason);
  });
});

describe('errors of PostgreSQL', () => {
  test('are formatted with message, detail, hint and SQLSTATE', () => {
    expect(formatPgError(createPgError('42501', 'permission denied'))).toBe(
      'permission denied (SQLSTATE 42501)',
    );
    expect(formatPgError(createPgError('2BP01', 'role cannot be dropped', 'owner of table x'))).toBe(
      'role cannot be dropped (owner of table x) (SQLSTATE 2BP01)',
    );
    expect(
      formatPgError(createPgError('2BP01', 'cannot drop x', undefined, { hint: 'Use DROP ... CASCADE.' })),
    ).toBe('cannot drop x (PostgreSQL’s hint: Use DROP ... CASCADE.) (SQLSTATE 2BP01)');
    expect(formatPgError(new Error('timeout'))).toBe('timeout');
    expect(formatPgError('text')).toBe('text');
  });

  test('have a SQLSTATE, and other errors have none', () => {
    expect(getSqlState(createPgError('42501'))).toBe('42501');
    for (const error of [new Error('x'), { code: 42501 }, 'text', null, undefined])
      expect(getSqlState(error)).toBe('');
  });

  test('42P04, 23505 and 42710 mean that another session has created the object', () => {
    for (const code of ['42P04', '23505', '42710']) expect(isDuplicateObject(createPgError(code))).toBe(true);
    for (const error of [createPgError('42501'), createPgError('XX000'), new Error('42P04'), undefined])
      expect(isDuplicateObject(error)).toBe(false);
  });
});

const sqlStates = fc.oneof(
  fc.constantFrom('25006', '42501', '53100', '53200', '53300', '55000', '55P03', '57014', '57P01', '0A000'),
  fc.stringMatching(/^[0-9A-DF-Z][0-9A-Z]{4}$/),
);

describe('an error of PostgreSQL that no other code explains', () => {
  const hostile = fc.oneof(
    fc.string(),
    fc.constantFrom('too many connections for database "x"', '\u001b[31m'),
  );

  test('never becomes `unexpected`, and keeps PostgreSQL’s message, detail, hint and SQLSTATE', () => {
    const severities = fc.constantFrom('ERROR', 'FATAL', 'PANIC');
    fc.assert(
      fc.property(sqlStates, severities, hostile, (state, severity, text) => {
        const error = createPgError(state, 'the message', 'the detail', { hint: 'the hint', severity });
        recordStatement(error, `COMMENT ON DATABASE "x" IS '${text}'`, { database: 'd', user: 'u' });
        for (const explained of [toSqlError(error), toDropError('Database x', error)]) {
          const { code, message, hint } = toActionError(explained);
          expect(code).toMatch(/^(sql-failed|session-lost|drop-failed)$/);
          for (const part of ['the message', 'the detail', 'the hint', state])
            expect(message).toContain(part);
          expect(hint).toMatch(/^[A-Z].*\./s);
        }
      }),
    );
  });

  test('names the statement and where it was executed, without its values', () => {
    const describeFailed = (text: string): string => {
      const error = createPgError('42501', undefined, undefined, { severity: 'ERROR' });
      recordStatement(error, text, { database: 'd', user: 'u' });
      return toActionError(toSqlError(error)).summary;
    };
    expect(describeFailed(`COMMENT ON DATABASE "x" IS 'y'`)).toContain(
      `did not execute COMMENT ON DATABASE (in database 'd', as 'u'): permission denied`,
    );
    expect(describeFailed(`ALTER ROLE "R" LOGIN PASSWORD 'SCRAM-SHA-256$1'`)).not.toContain('SCRAM');
    expect(describeFailed(`SELECT d.datname AS name FROM pg_database d WHERE d.datname = 'x'`)).toContain(
      'did not execute SELECT from pg_database (',
    );
  });

  test('a lost session names its first cause, and the statement that needed it', () => {
    const cause = createPgError('57P05', 'terminating connection due to idle-session timeout');
    const lost = new SessionLostError(cause);
    recordStatement(lost, `COMMENT ON DATABASE "x" IS 'y'`, { database: 'd', user: 'u' });
    const { code, summary, hint } = toActionError(toSqlError(lost));
    expect(code).toBe('session-lost');
    expect(summary).toContain(`at COMMENT ON DATABASE (in database 'd', as 'u'): `);
    expect(summary).toContain('due to idle-session timeout (SQLSTATE 57P05)');
    expect(hint).toContain('idle_session_timeout');
    expect(toActionError(toSqlError(new SessionLostError(new Error('read ECONNRESET'))))).toMatchObject({
      code: 'session-lost',
      summary: expect.stringContaining('read ECONNRESET'),
    });
  });

  test('every other value stays unchanged', () => {
    for (const value of [
      new Error('x'),
      'text',
      undefined,
      new ActionError('renewed', { summary: '', hint: '' }, {}),
    ])
      expect(toSqlError(value)).toBe(value);
  });

  test('the hint is that of the statement, else that of the SQLSTATE, else that of its class', () => {
    expect(explainPgError(createPgError('42501'), { '42501': 'Do this.' }).hint).toBe('Do this.');
    expect(explainPgError(createPgError('42501'), { '42704': 'Do this.' }).hint).toContain('admin-username');
    expect(explainPgError(createPgError('53100')).hint).toContain('storage-size-gb');
    expect(explainPgError(createPgError('22P02')).hint).toContain('Correct the input');
    expect(explainPgError(createPgError('99999')).hint).toContain('what PostgreSQL reports');
  });
});

test.each([
  ['server', 'sorry, too many clients already', 'ProcArrayAdd'],
  [
    'server',
    'remaining connection slots are reserved for roles with the SUPERUSER attribute',
    'InitPostgres',
  ],
  ['database', 'too many connections for database "d"', undefined],
  ['database', 'zu viele Verbindungen', 'CheckMyDatabase'],
  ['role', 'too many connections for role "r"', undefined],
  ['role', 'zu viele Verbindungen', 'InitializeSessionUserId'],
])('a limit of connections is that of the %s: %s (%s)', (scope, message, routine) => {
  expect(
    connectionLimitScope(
      createPgError('53300', message, undefined, routine === undefined ? {} : { routine }),
    ),
  ).toBe(scope);
});
