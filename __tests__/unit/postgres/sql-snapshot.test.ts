import { expect, test } from 'vitest';
import type { Session } from '../../../src/postgres/session.ts';
import { SqlSnapshot } from '../../../src/postgres/sql-reader.ts';

/** A session that fails a test in which two statements are executed at once, as the driver will. */
function createSession(rows: readonly object[]) {
  const statements: string[] = [];
  let isBusy = false;
  const query = async (sql: string): Promise<readonly object[]> => {
    expect(isBusy).toBe(false);
    isBusy = true;
    statements.push(sql);
    await new Promise((resolve) => setImmediate(resolve));
    isBusy = false;
    return rows;
  };
  return { statements, session: { query } as unknown as Session };
}

test('everything is read once, and one statement after another, also if nobody waits for the first', async () => {
  const { session, statements } = createSession([{ name: 'x', comment: null }]);
  const snapshot = new SqlSnapshot(session);
  const readAll = () => [
    snapshot.role('app'),
    snapshot.database('app'),
    snapshot.access('app', 'app'),
    snapshot.extension('citext'),
    snapshot.readOnce(['other'], () => session.query('SELECT other')),
  ];
  const [first, second] = [readAll(), readAll()];
  expect(await Promise.all(first)).toEqual(await Promise.all(second));
  expect(statements).toHaveLength(5);
});

test('different objects are read separately', async () => {
  const { session, statements } = createSession([]);
  const snapshot = new SqlSnapshot(session);
  await Promise.all([snapshot.access('a', 'b'), snapshot.access('b', 'a'), snapshot.database('a')]);
  expect(statements).toHaveLength(3);
});

test('a read that fails does not prevent the next one', async () => {
  const { session } = createSession([]);
  const snapshot = new SqlSnapshot(session);
  const failed = snapshot.readOnce(['broken'], () => Promise.reject(new Error('broken')));
  const absent = snapshot.database('app');
  await expect(failed).rejects.toThrow('broken');
  expect((await absent).status).toBe('absent');
});
