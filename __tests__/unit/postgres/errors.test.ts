import { DatabaseError } from 'pg';
import { describe, expect } from 'vitest';
import { againOnCollision, lostRace, said, sqlStateOf } from '../../../src/postgres/errors.ts';
import { testRun, thrownBy } from '../../helpers/unit/run.ts';
import { test } from '../../helpers/unit/test.ts';

/** What PostgreSQL's own refusal becomes in the client. */
function refusal(code: string, message = 'it said no', detail?: string): DatabaseError {
  const error = new DatabaseError(message, message.length, 'error');
  error.code = code;
  if (detail !== undefined) error.detail = detail;
  return error;
}

const collisions: readonly (readonly [what: string, error: DatabaseError])[] = [
  ['two writers of one row of the catalogue', refusal('XX000', 'tuple concurrently updated')],
  ['one that was deleted meanwhile', refusal('XX000', 'tuple concurrently deleted')],
  ['a unique index', refusal('23505')],
  ['a deadlock', refusal('40P01')],
  ['a serialization failure', refusal('40001')],
  ['a lock that is not to be had', refusal('55P03')],
];

const others: readonly (readonly [what: string, error: unknown])[] = [
  ['an internal error of another kind', refusal('XX000', 'cache lookup failed for relation 1')],
  ['no right to it', refusal('42501')],
  ['a database that is there already', refusal('42P04')],
  ['a session that is lost', Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' })],
  ['words that only look like it', new Error('tuple concurrently updated')],
  ['nothing', undefined],
];

/** Work that fails so many times with an error before it is done. */
function failing(error: unknown, times: number) {
  let attempts = 0;
  const work = async (): Promise<number> => {
    attempts += 1;
    if (attempts <= times) throw error;
    return attempts;
  };
  return { work, attempts: () => attempts };
}

describe('concurrent statements on one object collide, and are done again', () => {
  test.for(collisions)('%s', async ([, error], { inFakeTime }) => {
    const run = testRun();
    const { work } = failing(error, 3);
    expect(await inFakeTime(againOnCollision(run, work))).toBe(4);
    expect(run.said).toHaveLength(3);
    for (const line of run.said) expect(line).toContain(sqlStateOf(error));
  });

  test.each(others)('%s is no collision, and thrown at once, as it is', async (_, error) => {
    const { work, attempts } = failing(error, 3);
    expect(await thrownBy(againOnCollision(testRun(), work))).toBe(error);
    expect(attempts()).toBe(1);
  });

  test('an error behind a collision is thrown too', async ({ inFakeTime }) => {
    const errors = [refusal('40P01'), refusal('42501')];
    const work = async (): Promise<never> => Promise.reject(errors.shift());
    expect(await thrownBy(inFakeTime(againOnCollision(testRun(), work)))).toMatchObject({ code: '42501' });
  });

  test('twenty jobs at one role: two dozen rounds are borne, in far less than a minute', async ({
    inFakeTime,
  }) => {
    const start = performance.now();
    const { work } = failing(refusal('XX000', 'tuple concurrently updated'), 24);
    expect(await inFakeTime(againOnCollision(testRun(), work))).toBe(25);
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  test('what never passes is given up after a minute, with PostgreSQL’s own error', async ({
    inFakeTime,
  }) => {
    const start = performance.now();
    const error = refusal('40001', 'could not serialize access');
    const { work, attempts } = failing(error, Number.POSITIVE_INFINITY);
    expect(await thrownBy(inFakeTime(againOnCollision(testRun(), work)))).toBe(error);
    expect(performance.now() - start).toBeGreaterThan(60_000);
    expect(performance.now() - start).toBeLessThan(62_000);
    expect(attempts()).toBeGreaterThan(60);
  });

  test('a run that ends does not wait for it: the end’s own reason is thrown', async ({ inFakeTime }) => {
    const run = testRun();
    const reason = new Error('cancelled');
    const work = async (): Promise<never> => {
      run.end(reason);
      throw refusal('40P01');
    };
    expect(await thrownBy(inFakeTime(againOnCollision(run, work)))).toBe(reason);
  });
});

describe('what PostgreSQL said', () => {
  test('its message, its detail where there is one, and its code', () => {
    expect(said(refusal('42501', 'permission denied'))).toBe('permission denied (SQLSTATE 42501)');
    expect(said(refusal('2BP01', 'role cannot be dropped', 'owner of table x'))).toBe(
      'role cannot be dropped (owner of table x) (SQLSTATE 2BP01)',
    );
    expect(said(new Error('timeout'))).toBe('timeout');
    expect(said('text')).toBe('text');
  });

  test('its code; none of what is no error of PostgreSQL’s or the system’s', () => {
    expect(sqlStateOf(refusal('42501'))).toBe('42501');
    for (const error of [new Error('x'), { code: 42501 }, 'text', null, undefined])
      expect(sqlStateOf(error)).toBe('');
  });

  test('42P04, 23505 and 42710 are a creation that another won', () => {
    for (const code of ['42P04', '23505', '42710']) expect(lostRace(refusal(code))).toBe(true);
    for (const error of [refusal('42501'), refusal('XX000'), new Error('42P04'), undefined])
      expect(lostRace(error)).toBe(false);
  });
});
