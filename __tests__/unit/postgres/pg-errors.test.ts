import type { DatabaseError } from 'pg';
import { describe, expect } from 'vitest';
import {
  formatPgError,
  getSqlState,
  isDuplicateObject,
  retryOnConflict,
} from '../../../src/postgres/pg-errors.ts';
import { createPgError } from '../../helpers/unit/pg-error.ts';
import { test } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const conflictErrors: readonly (readonly [what: string, error: DatabaseError])[] = [
  ['a catalog row that was updated concurrently', createPgError('XX000', 'tuple concurrently updated')],
  ['a catalog row that was deleted concurrently', createPgError('XX000', 'tuple concurrently deleted')],
  ['a unique index', createPgError('23505')],
  ['a deadlock', createPgError('40P01')],
  ['a serialization failure', createPgError('40001')],
  ['a lock that was not granted', createPgError('55P03')],
];

const otherErrors: readonly (readonly [what: string, error: unknown])[] = [
  ['another internal error', createPgError('XX000', 'cache lookup failed for relation 1')],
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
    const { work } = createFailingWork(createPgError('XX000', 'tuple concurrently updated'), 24);
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
  test('are formatted with message, detail and SQLSTATE', () => {
    expect(formatPgError(createPgError('42501', 'permission denied'))).toBe(
      'permission denied (SQLSTATE 42501)',
    );
    expect(formatPgError(createPgError('2BP01', 'role cannot be dropped', 'owner of table x'))).toBe(
      'role cannot be dropped (owner of table x) (SQLSTATE 2BP01)',
    );
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
