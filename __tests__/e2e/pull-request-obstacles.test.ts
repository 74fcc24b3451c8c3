import { describe, expect, onTestFinished } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { queryCommand } from '../helpers/e2e/job.ts';
import { connect, type Login, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { PullRequestServer } from '../helpers/e2e/pull-request.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server, app } = await PullRequestServer.create(emulator, 'obstructed', {
    'postgres-version': '18',
  });
  await server.setPullRequestState('open', ...Array.from({ length: 130 }, (_, n) => n + 1));
  await query(emulator, app, 'CREATE TABLE trips (id serial PRIMARY KEY, name text)');
  return server;
});

/** A session that stays until the test ends, after some statements. */
async function openSession(emulator: EmulatorHarness, login: Login, ...statements: string[]): Promise<void> {
  const session = await connect(emulator, login);
  onTestFinished(() => session.end().catch(() => {}));
  for (const statement of statements) await session.query(statement);
}

describe('what the role does to stay: its drop succeeds, and postgres is as it was', () => {
  const obstacles: Readonly<Record<string, (own: Login, server: PullRequestServer) => Promise<unknown>>> = {
    'sessions in its database and in postgres, idle and in a transaction': async (own, server) => {
      await openSession(server.emulator, own, 'BEGIN', 'CREATE TABLE t (i int)', 'LOCK TABLE t');
      await openSession(server.emulator, own, 'CREATE TEMPORARY TABLE t (i int)', 'LISTEN x');
      await openSession(
        server.emulator,
        { ...own, database: 'postgres' },
        'CREATE TEMPORARY TABLE t (i int)',
      );
      await openSession(
        server.emulator,
        { ...own, database: 'template1' },
        'BEGIN ISOLATION LEVEL SERIALIZABLE',
        'SELECT 1',
      );
    },
    'default privileges in every database that is open to it': async (own, server) => {
      for (const database of ['postgres', 'template1', 'azure_sys'])
        await query(
          server.emulator,
          { ...own, database },
          `ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
           ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO relecloud_admin`,
        );
    },
    'grants of others’': async (own, server) => {
      await server.queryAsAdmin(`GRANT TEMPORARY ON DATABASE relecloud TO ${own.user}`);
      await server.queryAsAdmin(`GRANT USAGE ON SCHEMA public TO ${own.user}`, 'relecloud').catch(() => {});
      await server.queryAsAdmin(`GRANT relecloud_app TO ${own.user}`);
    },
    'an open transaction that changes its own password': (own, server) =>
      openSession(
        server.emulator,
        { ...own, database: 'postgres' },
        'BEGIN',
        `ALTER ROLE CURRENT_USER PASSWORD 'x'`,
      ),
    'an open transaction that sets something for its own database, from outside': (own, server) =>
      openSession(
        server.emulator,
        { ...own, database: 'postgres' },
        'BEGIN',
        `ALTER ROLE CURRENT_USER IN DATABASE ${own.database} SET work_mem = '1MB'`,
      ),
    'the migration lock, held in its database and in postgres': async (own, server) => {
      const lock = await migrationLock(server);
      await openSession(server.emulator, own, lock);
      await openSession(server.emulator, { ...own, database: 'postgres' }, lock);
    },
  };

  /** The statement by which the action takes the lock, as the server saw it. */
  async function migrationLock(server: PullRequestServer): Promise<string> {
    await server.ensureDatabase(120, { 'migration-command': 'true' });
    const seen = (await server.emulator.statements()).find(({ statement }) =>
      statement.includes('pg_try_advisory_lock'),
    );
    await server.dropDatabase(120);
    expect(seen).toBeDefined();
    return seen?.statement ?? '';
  }

  /** A pull request for each test, so that what one could not drop is not in another's way. */
  const numbered = Object.entries(obstacles).map(([name, obstruct], n) => [name, 10 + n, obstruct] as const);

  test.for(numbered)('%s', async ([, number, obstruct], { server }) => {
    const before = await server.snapshot();
    const own = await server.ensureDatabase(number);
    await obstruct(own, server);
    await server.dropDatabase(number);
    expect(await server.snapshot()).toEqual(before);
  });

  test.for(numbered.filter(([name]) => /sessions|that sets something|lock, held/.test(name)))(
    'nor does it hinder a reset, after which it works as before: %s',
    async ([, number, obstruct], { server }) => {
      const own = await server.ensureDatabase(100 + number);
      await query(server.emulator, own, 'CREATE TABLE old (i int)');
      await obstruct(own, server);
      const migration = { 'migration-command': `${queryCommand} "CREATE TABLE old (i int)"` };
      expect(await server.ensureDatabase(100 + number, { reset: 'true', ...migration })).toEqual(own);
      await server.dropDatabase(100 + number);
    },
  );

  test('nor the next run, which gives it its password, while an open transaction gives it another', async ({
    server,
  }) => {
    const own = await server.ensureDatabase(2);
    await query(server.emulator, own, `ALTER ROLE CURRENT_USER PASSWORD 'x'`);
    const outside = { ...own, database: 'postgres', password: 'x' };
    await openSession(server.emulator, outside, 'BEGIN', `ALTER ROLE CURRENT_USER PASSWORD 'y'`);
    expect(await server.ensureDatabase(2)).toEqual(own);
    await server.dropDatabase(2);
  });

  test('one pull request’s role cannot keep another’s database from being dropped', async ({ server }) => {
    const one = await server.ensureDatabase(3);
    const other = await server.ensureDatabase(4);
    const setting = `ALTER ROLE CURRENT_USER IN DATABASE ${other.database} SET work_mem = '1MB'`;
    await openSession(server.emulator, { ...one, database: 'postgres' }, 'BEGIN', setting);
    await server.dropDatabase(4);
    await server.dropDatabase(3);
  });
});

describe('what a template may hold', () => {
  const owners = `SELECT DISTINCT pg_get_userbyid(o) AS owner FROM
    (SELECT relowner o FROM pg_class WHERE oid >= 16384 UNION SELECT lomowner FROM pg_largeobject_metadata
     UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'public') x WHERE o <> 10`;

  let templates = 0;
  /** A template of its own for each test. */
  async function makeTemplate(server: PullRequestServer): Promise<string> {
    templates += 1;
    const name = `template_${templates}`;
    await server.queryAsAdmin(`CREATE DATABASE ${name} TEMPLATE relecloud`);
    return name;
  }

  test.for([
    ['INHERIT FALSE, SET TRUE', 31],
    ['INHERIT TRUE, SET FALSE', 32],
    ['INHERIT TRUE, SET TRUE', 33],
  ] as const)(
    'objects of a role of which the administrator is a member by its own grant (%s), which stays',
    async ([options, number], { server }) => {
      const template = await makeTemplate(server);
      await server.queryAsAdmin(`GRANT relecloud_app TO relecloud_admin WITH ${options}`);
      try {
        const before = await server.snapshot();
        const own = await server.ensureDatabase(number, { template });
        expect(await query(server.emulator, own, owners)).toEqual([{ owner: own.user }]);
        await server.dropDatabase(number);
        expect(await server.snapshot()).toEqual(before);
      } finally {
        await server.queryAsAdmin('REVOKE relecloud_app FROM relecloud_admin');
      }
    },
  );

  test('objects of a role that another with CREATEROLE made: they hinder nothing, and what stays its own is told', async ({
    server,
  }) => {
    const template = await makeTemplate(server);
    await server.queryAsAdmin(`CREATE ROLE carol LOGIN CREATEROLE PASSWORD 'Of-carol-1'`);
    await server.queryAsAdmin(`GRANT CREATE ON DATABASE ${template} TO carol WITH GRANT OPTION`);
    const carol = { ...server.adminLogin(template), user: 'carol', password: 'Of-carol-1' };
    const grants = `GRANT carols TO carol; GRANT CREATE ON DATABASE ${template} TO carols`;
    await query(server.emulator, carol, `CREATE ROLE carols; ${grants}`);
    await query(
      server.emulator,
      carol,
      'SET ROLE carols; CREATE SCHEMA carols; CREATE TABLE carols.notes (n int)',
    );
    const before = await server.snapshot();
    const made = await server.runStep(6, { template });
    expect(made.exitCode, made.log).toBe(0);
    const own = loginFromOutputs(made.outputs);
    await query(server.emulator, own, 'ALTER TABLE trips ADD COLUMN price int');
    const notes = `SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'notes'`;
    const [row] = await query(server.emulator, own, notes);
    // Whether the administrator may hand it over depends on how far its rights over carol go; silent it never is.
    if (row?.['owner'] !== own.user)
      expect(made.log).toMatch(/keep their owner.*table carols\.notes of carols/);
    await server.dropDatabase(6);
    expect(await server.snapshot()).toEqual(before);
  });

  test('more large objects than one transaction can change: all are the pull request’s', async ({
    server,
  }) => {
    const template = await makeTemplate(server);
    await server.queryAsAdmin('SELECT count(lo_create(0)) FROM generate_series(1, 25000)', template);
    const own = await server.ensureDatabase(7, { template });
    expect(await query(server.emulator, own, owners)).toEqual([{ owner: own.user }]);
    await server.dropDatabase(7);
  });

  test.for([
    ['default_transaction_read_only = on', 41],
    [`default_transaction_isolation = 'serializable'`, 42],
    ['quote_all_identifiers = on', 43],
    [`statement_timeout = '1ms'`, 44],
  ] as const)(
    'a setting that would hinder the administrator’s own sessions: %s',
    async ([setting, number], { server }) => {
      const template = await makeTemplate(server);
      await server.queryAsAdmin(`ALTER DATABASE ${template} SET ${setting}`);
      try {
        const before = await server.snapshot(template);
        const own = await server.ensureDatabase(number, { template });
        const [row] = await server.queryAsAdmin(
          `SELECT array_to_string(setconfig, ',') AS settings
       FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = '${own.database}'`,
        );
        expect(row?.['settings']).toContain(setting.split(' ')[0]);
        await server.queryAsAdmin(`ALTER DATABASE ${own.database} RESET ALL`);
        expect(await query(server.emulator, own, owners)).toEqual([{ owner: own.user }]);
        await server.dropDatabase(number);
        expect(await server.snapshot(template)).toEqual(before);
      } finally {
        await server.queryAsAdmin(`ALTER DATABASE ${template} RESET ALL`);
      }
    },
  );
});
