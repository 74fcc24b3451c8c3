import { type EventEmitter, once } from 'node:events';
import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { droppedNames } from '../helpers/e2e/job.ts';
import { connect, type Login, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
import { PullRequestServer } from '../helpers/e2e/pull-request.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server } = await PullRequestServer.create(emulator, 'prepared', { 'postgres-version': '18' });
  // Both parameters need a restart.
  await emulator.patchServer('prepared', {
    parameters: { max_prepared_transactions: '20', wal_level: 'logical' },
  });
  for (const state of ['Stopped', 'Ready']) await emulator.patchServer('prepared', { properties: { state } });
  await server.setPullRequestState('open', ...Array.from({ length: 60 }, (_, n) => n + 1));
  await server.queryAsAdmin(`CREATE ROLE trudy LOGIN CREATEROLE PASSWORD 'Of-trudy-1'`);
  await query(
    emulator,
    { ...server.adminLogin(), user: 'trudy', password: 'Of-trudy-1' },
    `CREATE ROLE carol LOGIN PASSWORD 'Of-carol-1'`,
  );
  return server;
});

/** Executes statements in a transaction, and leaves it prepared. */
async function prepareTransaction(
  emulator: EmulatorHarness,
  login: Login,
  gid: string,
  ...statements: string[]
): Promise<void> {
  const session = await connect(emulator, login);
  for (const sql of ['BEGIN', ...statements, `PREPARE TRANSACTION '${gid}'`]) await session.query(sql);
  await session.end();
}

/** The ARM requests that delete a database. */
const armDrops = async (emulator: EmulatorHarness): Promise<readonly unknown[]> =>
  (await emulator.writesExceptTemporaryRules()).filter(({ path }) => path.includes('/databases/'));

const preparedTransactions = (server: PullRequestServer) =>
  server.queryAsAdmin('SELECT gid FROM pg_prepared_xacts');

describe('drop rolls back prepared transactions of roles that the administrator administers', () => {
  const transactions: Readonly<
    Record<string, (own: Login) => readonly (readonly [database: string, ...statements: string[]])[]>
  > = {
    'in its database': ({ database }) => [
      [database, 'CREATE TABLE t (i int)'],
      [database, 'CREATE TABLE u (i int)'],
    ],
    'in postgres, with a change of its own password': () => [
      ['postgres', `ALTER ROLE CURRENT_USER PASSWORD 'x'`],
    ],
    'in postgres, with a lock on its database': ({ database }) => [
      ['postgres', `ALTER ROLE CURRENT_USER IN DATABASE ${database} SET work_mem = '1MB'`],
    ],
  };
  const numbered = Object.entries(transactions).map(([name, of], n) => [name, n + 1, of] as const);

  const droppable = numbered.filter(([name]) => !name.includes('password'));

  test.for(droppable)(
    '%s: the dry run and the plan name them, and the drop succeeds',
    async ([, number, of], { emulator, server }) => {
      const before = await server.snapshot();
      const own = await server.ensureDatabase(number);
      for (const [n, [database, ...statements]] of of(own).entries())
        await prepareTransaction(emulator, { ...own, database }, `don''t ${n}`, ...statements);
      const listed = of(own).map(
        ([database], n) => `prepared transaction 'don't ${n}' of role ${own.user} in database '${database}'`,
      );
      const dry = await server.runSuccessfulStep(number, { mode: 'drop', 'dry-run': 'true' });
      for (const line of listed)
        expect(dry.log).toMatch(new RegExp(`^- would drop +database ${own.database} .*${line}`, 'm'));
      expect(await preparedTransactions(server)).toHaveLength(listed.length);
      const step = await server.runSuccessfulStep(number, { mode: 'drop' });
      expect(droppedNames(step)).toEqual([own.database, own.user]);
      for (const line of listed) {
        expect(step.log).toMatch(new RegExp(`^- delete +database .*${line}`, 'm'));
        expect(step.outputs['changes']).toContain(line);
      }
      expect(step.log).toContain("Rolled back prepared transaction 'don't 0'");
      expect(await preparedTransactions(server)).toEqual([]);
      expect(await server.snapshot()).toEqual(before);
      expect(await armDrops(emulator)).toEqual([]);
    },
  );

  test.for(numbered)('%s: a reset succeeds too', async ([, number, of], { emulator, server }) => {
    const own = await server.ensureDatabase(10 + number);
    for (const [n, [database, ...statements]] of of(own).entries())
      await prepareTransaction(emulator, { ...own, database }, `reset ${n}`, ...statements);
    expect(await server.ensureDatabase(10 + number, { reset: 'true' })).toEqual(own);
    // A drop rejects the transactions that the reset did not have to roll back.
    for (const { gid, database } of await server.queryAsAdmin('SELECT gid, database FROM pg_prepared_xacts'))
      await query(emulator, { ...own, database: String(database) }, `ROLLBACK PREPARED '${gid}'`);
    await server.dropDatabase(10 + number);
    expect(await preparedTransactions(server)).toEqual([]);
  });

  test('in postgres, with a change of its password: the next run sets the published password again', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensureDatabase(20);
    await query(emulator, own, `ALTER ROLE CURRENT_USER PASSWORD 'x'`);
    const outside = { ...own, database: 'postgres', password: 'x' };
    await prepareTransaction(emulator, outside, 'password', `ALTER ROLE CURRENT_USER PASSWORD 'y'`);
    expect(await server.ensureDatabase(20)).toEqual(own);
    expect(await preparedTransactions(server)).toEqual([]);
    await server.dropDatabase(20);
  });

  test('prepared while the database is being dropped', async ({ emulator, server }) => {
    const own = await server.ensureDatabase(21);
    const closing = await emulator.hold({
      service: 'postgres',
      statement: '^ALTER DATABASE .* ALLOW_CONNECTIONS false',
    });
    const dropping = server.runStep(21, { mode: 'drop' });
    await closing.triggered;
    await prepareTransaction(emulator, own, 'late', 'CREATE TABLE t (i int)');
    await closing.release();
    const step = await dropping;
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step)).toEqual([own.database, own.user]);
    expect(await armDrops(emulator)).toEqual([]);
  });

  test('in a database that accepts no connections since a run was killed', async ({ emulator, server }) => {
    const own = await server.ensureDatabase(22);
    await prepareTransaction(emulator, own, 'closed', 'CREATE TABLE t (i int)');
    await server.queryAsAdmin(`ALTER DATABASE ${own.database} ALLOW_CONNECTIONS false`);
    const step = await server.runSuccessfulStep(22, { mode: 'drop' });
    expect(droppedNames(step)).toEqual([own.database, own.user]);
  });
});

describe('drop does not end a prepared transaction outside the pull request’s database', () => {
  const insert = 'INSERT INTO admins.counted VALUES (1)';
  test.for([
    ['with a change of the role itself', 'postgres', `ALTER ROLE CURRENT_USER SET work_mem = '1MB'`, 25],
    ['with a write to the base database', 'relecloud', insert, 26],
  ] as const)(
    '%s: the database is dropped, the role is kept, and the error has the statements, also in a dry run',
    async ([, database, statement, number], { emulator, server }) => {
      const own = await server.ensureDatabase(number);
      if (statement === insert)
        await server.queryAsAdmin(
          `CREATE SCHEMA admins; CREATE TABLE admins.counted (i int); GRANT USAGE ON SCHEMA admins TO ${own.user};
           GRANT INSERT ON admins.counted TO ${own.user}; GRANT CONNECT ON DATABASE relecloud TO ${own.user}`,
          'relecloud',
        );
      await prepareTransaction(emulator, { ...own, database }, `of ${number}`, statement);
      for (const inputs of [{ 'dry-run': 'true' }, {}]) {
        const step = await server.runStep(number, { mode: 'drop', ...inputs });
        expect(step.exitCode, step.log).toBe(1);
        expect(step.log).toContain(
          `prepared transaction 'of ${number}' of role ${own.user} in database '${database}'`,
        );
        expect(step.log).toContain(
          `In database '${database}', as ${own.user}: ROLLBACK PREPARED 'of ${number}'; to`,
        );
        expect(step.log).toContain(`COMMIT PREPARED 'of ${number}'; to keep`);
        expect(step.log).toContain('(drop-failed)');
        expect(step.log).not.toContain('REASSIGN OWNED');
        expect(droppedNames(step)).toEqual([own.database]);
        expect(await preparedTransactions(server)).toEqual([{ gid: `of ${number}` }]);
      }
      await query(emulator, { ...own, database }, `COMMIT PREPARED 'of ${number}'`);
      expect(droppedNames(await server.runSuccessfulStep(number, { mode: 'drop' }))).toEqual([own.user]);
      if (statement === insert)
        expect(await server.queryAsAdmin('SELECT i FROM admins.counted', 'relecloud')).toEqual([{ i: 1 }]);
    },
  );

  test('prepared while the role is being dropped: the role is kept, and the error names it', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensureDatabase(27);
    const held = await emulator.hold({ service: 'postgres', statement: '^ALTER ROLE .* NOLOGIN' });
    const dropping = server.runStep(27, { mode: 'drop' });
    await held.triggered;
    const outside = { ...own, database: 'postgres' };
    await prepareTransaction(emulator, outside, 'late', 'SELECT lo_create(0)');
    await held.release();
    const step = await dropping;
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toContain(`prepared transaction 'late' of role ${own.user}`);
    expect(await preparedTransactions(server)).toEqual([{ gid: 'late' }]);
    await server.queryAsAdmin(`ALTER ROLE ${own.user} LOGIN`);
    await query(emulator, outside, `ROLLBACK PREPARED 'late'`);
    await server.dropDatabase(27);
  });
});

test('drop and reset fail for a prepared transaction of a role that the administrator does not administer; the database stays usable', async ({
  emulator,
  server,
}) => {
  const own = await server.ensureDatabase(30);
  await server.queryAsAdmin(`GRANT CONNECT, TEMPORARY ON DATABASE ${own.database} TO carol`);
  const carol = { ...own, user: 'carol', password: 'Of-carol-1' };
  await prepareTransaction(emulator, carol, 'hers', 'SELECT lo_create(0)');
  for (const inputs of [{ mode: 'drop' }, { reset: 'true' }]) {
    const step = await server.runStep(30, inputs);
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toContain(`prepared transaction 'hers' of role carol in database '${own.database}'`);
    expect(step.log).toContain("as carol: ROLLBACK PREPARED 'hers';");
    expect(step.log).toContain('(drop-failed)');
    expect(droppedNames(step)).toEqual([]);
    expect(await query(emulator, own, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  }
  expect(await armDrops(emulator)).toEqual([]);
  const refused = await server.runStep(30, { mode: 'drop' });
  const [rollBack = ''] = statementsAfter(refused.log, 'as carol:');
  await query(emulator, carol, rollBack);
  await server.dropDatabase(30);
});

describe('logical replication of a pull request’s database', () => {
  const asService = (server: PullRequestServer, sql: string, database?: string) =>
    query(server.emulator, superuserLogin(server.host, database), sql);
  const create = (name: string) =>
    `CREATE SUBSCRIPTION ${name} CONNECTION 'dbname=x password=y' PUBLICATION p WITH (connect = false)`;

  test('subscriptions of its role are dropped with it, and a warning names their slots on the publisher', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensureDatabase(40);
    await asService(server, `GRANT pg_create_subscription TO ${own.user}`);
    await query(emulator, own, create('"its ""sub"'));
    const dry = await server.runSuccessfulStep(40, { mode: 'drop', 'dry-run': 'true' });
    const step = await server.runSuccessfulStep(40, { mode: 'drop' });
    for (const { log } of [dry, step])
      expect(log).toContain(`  of pull request #40, with subscription its "sub of role ${own.user}\n`);
    expect(droppedNames(step)).toEqual([own.database, own.user]);
    expect(step.log).toMatch(
      /^::warning::Dropped subscription 'its "sub'.*slot 'its "sub' may still exist on the publisher/m,
    );
    expect(await armDrops(emulator)).toEqual([]);
  });

  test('a subscription of another role fails the drop with the statements, and the database stays usable', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensureDatabase(41);
    await asService(server, create('of_azure'), own.database);
    const step = await server.runStep(41, { mode: 'drop' });
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toContain('subscription of_azure of role azuresu');
    expect(step.log).toContain(
      'as azuresu: ALTER SUBSCRIPTION "of_azure" DISABLE; ALTER SUBSCRIPTION "of_azure" SET (slot_name = NONE); DROP SUBSCRIPTION "of_azure";',
    );
    expect(await query(emulator, own, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await armDrops(emulator)).toEqual([]);
    await asService(
      server,
      'ALTER SUBSCRIPTION of_azure SET (slot_name = NONE); DROP SUBSCRIPTION of_azure',
      own.database,
    );
    await server.dropDatabase(41);
  });

  test('its replication slots are dropped with it, in use or not', async ({ emulator, server }) => {
    const own = await server.ensureDatabase(42);
    await asService(server, `ALTER ROLE ${own.user} REPLICATION`);
    for (const slot of ['idle', 'used'])
      await query(emulator, own, `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
    const walSender = await connect(emulator, { ...own, replication: 'database' } as Login);
    const options = `(proto_version '1', publication_names 'p')`;
    const { connection } = walSender as unknown as { connection: EventEmitter };
    const started = once(connection, 'replicationStart');
    const streaming = walSender.query(`START_REPLICATION SLOT used LOGICAL 0/0 ${options}`);
    streaming.catch(() => {});
    await Promise.race([started, streaming]);
    const step = await server.runSuccessfulStep(42, { mode: 'drop' });
    expect(droppedNames(step)).toEqual([own.database, own.user]);
    expect(await server.queryAsAdmin('SELECT slot_name FROM pg_replication_slots')).toEqual([]);
    expect(await armDrops(emulator)).toEqual([]);
  });
});
