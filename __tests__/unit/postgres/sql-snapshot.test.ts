import { expect, test } from 'vitest';
import type { Session } from '../../../src/postgres/session.ts';
import { SqlSnapshot } from '../../../src/postgres/sql-reader.ts';

function createSession(rows: readonly object[]) {
  const statements: string[] = [];
  const query = async (sql: string): Promise<readonly object[]> => {
    statements.push(sql);
    return rows;
  };
  return { statements, session: { query } as unknown as Session };
}

test('everything is read once, also if it is requested again before there is a result', async () => {
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
