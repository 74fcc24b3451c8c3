import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import { droppedNames } from '../helpers/e2e/job.ts';
import { connect, type Login, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
import { PullRequestServer } from '../helpers/e2e/pull-request.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server } = await PullRequestServer.create(emulator, 'linked', { 'postgres-version': '18' });
  await server.setPullRequestState('open', ...Array.from({ length: 60 }, (_, n) => n + 1));
  return server;
});

/** Creates two pull requests' databases. The first one's role executes SQL that refers to the second one's role. */
async function linkTwoPullRequests(server: PullRequestServer, number: number, sql: (other: Login) => string) {
  const [one, other] = [await server.ensureDatabase(number), await server.ensureDatabase(number + 1)];
  await query(server.emulator, one, `CREATE TABLE t (i int); ${sql(other)}`);
  return { one, other };
}

describe('the role of a pull request is dropped although another pull request’s database refers to it', () => {
  test.for([
    ['in a policy for this role alone', 1, (other: Login) => `CREATE POLICY p ON t TO ${other.user}`],
    [
      'in a policy for both roles',
      3,
      (other: Login) => `CREATE POLICY p ON t TO CURRENT_USER, ${other.user}`,
    ],
    ['in a grant', 5, (other: Login) => `GRANT SELECT ON t TO ${other.user}`],
    [
      'in default privileges',
      7,
      (other: Login) => `ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${other.user}; CREATE TABLE u ()`,
    ],
  ] as const)('%s', async ([, number, sql], { emulator, server }) => {
    const { one, other } = await linkTwoPullRequests(server, number, sql);
    const dry = await server.runSuccessfulStep(number + 1, { mode: 'drop', 'dry-run': 'true' });
    const step = await server.runSuccessfulStep(number + 1, { mode: 'drop' });
    for (const each of [dry, step]) expect(droppedNames(each)).toEqual([other.database, other.user]);
    expect(await query(emulator, one, 'SELECT i FROM t')).toEqual([]);
    await server.dropDatabase(number);
  });
});

test('a policy on a temporary table does not prevent the drop of its role, but one whose name mentions pg_temp does', async ({
  emulator,
  server,
}) => {
  const own = await server.ensureDatabase(10);
  const session = await connect(emulator, server.adminLogin('relecloud'));
  await session.query(`CREATE TEMPORARY TABLE scratch (i int); CREATE POLICY p ON scratch TO ${own.user}`);
  expect(droppedNames(await server.runSuccessfulStep(10, { mode: 'drop' }))).toEqual([
    own.database,
    own.user,
  ]);
  await session.end();

  const next = await server.ensureDatabase(11);
  await server.queryAsAdmin(
    `CREATE SCHEMA admins; CREATE TABLE admins.kept (i int); CREATE POLICY "p on pg_temp" ON admins.kept TO ${next.user}`,
    'relecloud',
  );
  const step = await server.runStep(11, { mode: 'drop' });
  expect(step.exitCode, step.log).toBe(1);
  expect(step.log).toContain(`in database 'relecloud': policy`);
  await server.queryAsAdmin('DROP TABLE admins.kept', 'relecloud');
  await server.dropDatabase(11);
});

test('the hint has only the statement for what the role still has, such as DROP USER MAPPING', async ({
  emulator,
  server,
}) => {
  const own = await server.ensureDatabase(12);
  await query(
    emulator,
    superuserLogin(server.host, 'relecloud'),
    `CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;
     CREATE USER MAPPING FOR ${own.user} SERVER far`,
  );
  const step = await server.runStep(12, { mode: 'drop' });
  expect(step.exitCode, step.log).toBe(1);
  expect(step.log).toContain(`in database 'relecloud': user mapping ${own.user} on server far`);
  expect(step.log).toContain(`needs DROP USER MAPPING FOR "${own.user}" SERVER`);
  for (const other of ['in each of these databases', 'A policy', 'DROP DATABASE', 'ALLOW_CONNECTIONS'])
    expect(step.log).not.toContain(other);
  await query(
    emulator,
    superuserLogin(server.host, 'relecloud'),
    `DROP USER MAPPING FOR ${own.user} SERVER far; DROP SERVER far; DROP FOREIGN DATA WRAPPER w`,
  );
  await server.dropDatabase(12);
});

test('roles-failed: with the statements for each role, the next drop succeeds', async ({
  emulator,
  server,
}) => {
  const roles: string[] = [];
  for (const name of ['first_app', 'second_app']) {
    const own = await server.ensureDatabase(14, { 'app-username': name });
    await query(emulator, { ...own, database: 'postgres' }, `SELECT lo_from_bytea(0, 'mine')`);
    roles.push(own.user);
  }
  const drop = { mode: 'drop', 'app-username': '' };
  const failed = await server.runStep(14, drop);
  expect(failed.exitCode, failed.log).toBe(1);
  expect(failed.log).toMatch(/::error::2 roles could not be dropped:.*\(roles-failed\)/);
  for (const role of roles) {
    const [grant = '', keep = ''] = statementsAfter(failed.log, `%0A  - Role '${role}' could not be dropped`);
    for (const statement of [grant, keep]) await server.queryAsAdmin(statement);
  }
  await server.dropDatabase(14, drop);
});

test('the error names all eight databases in which the role has objects', async ({ server }) => {
  const own = await server.ensureDatabase(13);
  const names = Array.from(
    { length: 8 },
    (_, n) => `copy_with_a_name_that_is_as_long_as_such_names_can_be_${n}`,
  );
  await query(
    server.emulator,
    own,
    Array.from({ length: 5 }, (_, n) => `CREATE TABLE a_table_of_a_long_name_${n} ()`).join(';'),
  );
  for (const name of names) await server.queryAsAdmin(`CREATE DATABASE ${name} TEMPLATE ${own.database}`);
  const step = await server.runStep(13, { mode: 'drop' });
  expect(step.exitCode, step.log).toBe(1);
  for (const name of names) expect(step.log).toContain(`in database '${name}': `);
  for (const name of names) await server.queryAsAdmin(`DROP DATABASE ${name}`);
  await server.dropDatabase(13);
});

describe('a drop succeeds while another pull request’s database, which refers to the role, is dropped', () => {
  /** The query for the databases that refer to a role. */
  const listQuery = { service: 'postgres', statement: 'FROM pg_shdepend s JOIN pg_database' } as const;

  test.for([
    ['before this drop starts', 20, 0, 'CREATE TABLE of_both (i int); CREATE POLICY p ON of_both TO '],
    ['while this drop revokes rights', 22, 2, 'GRANT SELECT ON t TO '],
  ] as const)('after it was listed, %s', async ([, number, skip, sql], { emulator, server }) => {
    const { other } = await linkTwoPullRequests(server, number, ({ user }) => `${sql}${user}`);
    const listed = await emulator.hold(listQuery, 'answer', { skip });
    const dropping = server.runStep(number + 1, { mode: 'drop' });
    await listed.triggered;
    await server.dropDatabase(number);
    await listed.release();
    const step = await dropping;
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step)).toEqual([other.database, other.user]);
  });

  test('by waiting for a database that accepts no connections because it is being dropped', async ({
    emulator,
    server,
  }) => {
    const { one, other } = await linkTwoPullRequests(
      server,
      24,
      ({ user }) => `GRANT SELECT ON t TO ${user}`,
    );
    const drop = await emulator.hold({ service: 'postgres', statement: `^DROP DATABASE "${one.database}"` });
    const first = server.runStep(24, { mode: 'drop' });
    await drop.triggered;
    const listed = await emulator.hold(listQuery, 'answer');
    const second = server.runStep(25, { mode: 'drop' });
    await listed.triggered;
    await drop.release();
    expect((await first).exitCode).toBe(0);
    await listed.release();
    const step = await second;
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step)).toEqual([other.database, other.user]);
  });

  test('also by a sweep that drops both', async ({ server }) => {
    const { one, other } = await linkTwoPullRequests(
      server,
      26,
      ({ user }) => `GRANT SELECT ON t TO ${user}`,
    );
    await query(server.emulator, other, `CREATE TABLE t (i int); GRANT SELECT ON t TO ${one.user}`);
    await server.setPullRequestState('closed', 26, 27);
    const swept = await server.sweep();
    expect(swept.exitCode, swept.log).toBe(0);
    expect(droppedNames(swept).toSorted()).toEqual(
      [one.database, one.user, other.database, other.user].toSorted(),
    );
  });
});
