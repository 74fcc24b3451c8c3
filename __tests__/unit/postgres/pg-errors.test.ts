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
  ['two writers of one row of the catalogue', createPgError('XX000', 'tuple concurrently updated')],
  ['one that was deleted meanwhile', createPgError('XX000', 'tuple concurrently deleted')],
  ['a unique index', createPgError('23505')],
  ['a deadlock', createPgError('40P01')],
  ['a serialization failure', createPgError('40001')],
  ['a lock that is not to be had', createPgError('55P03')],
];

const otherErrors: readonly (readonly [what: string, error: unknown])[] = [
  ['an internal error of another kind', createPgError('XX000', 'cache lookup failed for relation 1')],
  ['no right to it', createPgError('42501')],
  ['a database that is there already', createPgError('42P04')],
  ['a session that is lost', Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' })],
  ['words that only look like it', new Error('tuple concurrently updated')],
  ['nothing', undefined],
];

/** Work that fails so many times with an error before it is done. */
function createFailingWork(error: unknown, times: number) {
  let attempts = 0;
  const work = async (): Promise<number> => {
    attempts += 1;
    if (attempts <= times) throw error;
    return attempts;
  };
  return { work, attempts: () => attempts };
}

describe('concurrent statements on one object collide, and are done again', () => {
  test.for(conflictErrors)('%s', async ([, error], { inFakeTime }) => {
    const run = createTestRun();
    const { work } = createFailingWork(error, 3);
    expect(await inFakeTime(retryOnConflict(run, work))).toBe(4);
    expect(run.logLines).toHaveLength(3);
    for (const line of run.logLines) expect(line).toContain(getSqlState(error));
  });

  test.each(otherErrors)('%s is no collision, and thrown at once, as it is', async (_, error) => {
    const { work, attempts } = createFailingWork(error, 3);
    expect(await errorOf(retryOnConflict(createTestRun(), work))).toBe(error);
    expect(attempts()).toBe(1);
  });

  test('an error behind a collision is thrown too', async ({ inFakeTime }) => {
    const errors = [createPgError('40P01'), createPgError('42501')];
    const work = async (): Promise<never> => Promise.reject(errors.shift());
    expect(await errorOf(inFakeTime(retryOnConflict(createTestRun(), work)))).toMatchObject({
      code: '42501',
    });
  });

  test('twenty jobs at one role: two dozen rounds are borne, in far less than a minute', async ({
    inFakeTime,
  }) => {
    const start = performance.now();
    const { work } = createFailingWork(createPgError('XX000', 'tuple concurrently updated'), 24);
    expect(await inFakeTime(retryOnConflict(createTestRun(), work))).toBe(25);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('what never passes is given up after a minute, with PostgreSQL’s own error', async ({
    inFakeTime,
  }) => {
    const start = performance.now();
    const error = createPgError('40001', 'could not serialize access');
    const { work, attempts } = createFailingWork(error, Number.POSITIVE_INFINITY);
    expect(await errorOf(inFakeTime(retryOnConflict(createTestRun(), work)))).toBe(error);
    expect(performance.now() - start).toBeGreaterThan(60_000);
    expect(performance.now() - start).toBeLessThan(62_000);
    expect(attempts()).toBeGreaterThan(60);
  });

  test('a run that ends does not wait for it: the end’s own reason is thrown', async ({ inFakeTime }) => {
    const run = createTestRun();
    const reason = new Error('cancelled');
    const work = async (): Promise<never> => {
      run.abort(reason);
      throw createPgError('40P01');
    };
    expect(await errorOf(inFakeTime(retryOnConflict(run, work)))).toBe(reason);
  });
});

describe('what PostgreSQL said', () => {
  test('its message, its detail where there is one, and its code', () => {
    expect(formatPgError(createPgError('42501', 'permission denied'))).toBe(
      'permission denied (SQLSTATE 42501)',
    );
    expect(formatPgError(createPgError('2BP01', 'role cannot be dropped', 'owner of table x'))).toBe(
      'role cannot be dropped (owner of table x) (SQLSTATE 2BP01)',
    );
    expect(formatPgError(new Error('timeout'))).toBe('timeout');
    expect(formatPgError('text')).toBe('text');
  });

  test('its code; none of what is no error of PostgreSQL’s or the system’s', () => {
    expect(getSqlState(createPgError('42501'))).toBe('42501');
    for (const error of [new Error('x'), { code: 42501 }, 'text', null, undefined])
      expect(getSqlState(error)).toBe('');
  });

  test('42P04, 23505 and 42710 are a creation that another won', () => {
    for (const code of ['42P04', '23505', '42710']) expect(isDuplicateObject(createPgError(code))).toBe(true);
    for (const error of [createPgError('42501'), createPgError('XX000'), new Error('42P04'), undefined])
      expect(isDuplicateObject(error)).toBe(false);
  });
});
