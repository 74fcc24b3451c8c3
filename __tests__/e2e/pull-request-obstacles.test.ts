import { describe, expect, onTestFinished } from 'vitest';
import { queryCommand } from '../helpers/e2e/job.ts';
import { type Login, loginFromOutputs, openSession, query } from '../helpers/e2e/postgres-client.ts';
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

describe('drop removes a pull request’s role and database, and restores the server, despite', () => {
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
    'default privileges in every database that it can connect to': async (own, server) => {
      for (const database of ['postgres', 'template1', 'azure_sys'])
        await query(
          server.emulator,
          { ...own, database },
          `ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
           ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO relecloud_admin`,
        );
    },
    'grants by other roles': async (own, server) => {
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
    'an open transaction in postgres with a setting for its own database': (own, server) =>
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

  /** The statement with which the action takes the migration lock, from the emulator's records. */
  async function migrationLock(server: PullRequestServer): Promise<string> {
    await server.ensureDatabase(120, { 'migration-command': 'true' });
    const lockStatement = (await server.emulator.statements()).find(({ statement }) =>
      statement.includes('pg_try_advisory_lock'),
    );
    await server.dropDatabase(120);
    expect(lockStatement).toBeDefined();
    return lockStatement?.statement ?? '';
  }

  /** Each test has its own pull request, so that a failed drop does not affect other tests. */
  const numbered = Object.entries(obstacles).map(([name, obstruct], n) => [name, 10 + n, obstruct] as const);

  test.for(numbered)('%s', async ([, number, obstruct], { server }) => {
    const before = await server.snapshot();
    const own = await server.ensureDatabase(number);
    await obstruct(own, server);
    await server.dropDatabase(number);
    expect(await server.snapshot()).toEqual(before);
  });

  test.for(numbered.filter(([name]) => /sessions|with a setting|lock, held/.test(name)))(
    '%s, also in a reset, after which the login works as before',
    async ([, number, obstruct], { server }) => {
      const own = await server.ensureDatabase(100 + number);
      await query(server.emulator, own, 'CREATE TABLE old (i int)');
      await obstruct(own, server);
      const migration = { 'migration-command': `${queryCommand} "CREATE TABLE old (i int)"` };
      expect(await server.ensureDatabase(100 + number, { reset: 'true', ...migration })).toEqual(own);
      await server.dropDatabase(100 + number);
    },
  );

  test('an open transaction that changes its password, which the next run sets again', async ({ server }) => {
    const own = await server.ensureDatabase(2);
    await query(server.emulator, own, `ALTER ROLE CURRENT_USER PASSWORD 'x'`);
    const outside = { ...own, database: 'postgres', password: 'x' };
    await openSession(server.emulator, outside, 'BEGIN', `ALTER ROLE CURRENT_USER PASSWORD 'y'`);
    expect(await server.ensureDatabase(2)).toEqual(own);
    await server.dropDatabase(2);
  });

  test('an open transaction of another pull request’s role with a setting for the database', async ({
    server,
  }) => {
    const one = await server.ensureDatabase(3);
    const other = await server.ensureDatabase(4);
    const setting = `ALTER ROLE CURRENT_USER IN DATABASE ${other.database} SET work_mem = '1MB'`;
    await openSession(server.emulator, { ...one, database: 'postgres' }, 'BEGIN', setting);
    await server.dropDatabase(4);
    await server.dropDatabase(3);
  });
});

describe('a pull request’s role owns its clone of a template with', () => {
  const OWNERS_SQL = `SELECT DISTINCT pg_get_userbyid(o) AS owner FROM
    (SELECT relowner o FROM pg_class WHERE oid >= 16384 UNION SELECT lomowner FROM pg_largeobject_metadata
     UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'public') x WHERE o <> 10`;

  let templates = 0;
  /** Creates a template for one test, after which it is dropped: the snapshots of other tests would contain it. */
  async function createTemplate(server: PullRequestServer): Promise<string> {
    templates += 1;
    const name = `template_${templates}`;
    await server.queryAsAdmin(`CREATE DATABASE ${name} TEMPLATE relecloud`);
    onTestFinished(async () => {
      await server.queryAsAdmin(`DROP DATABASE ${name}`);
    });
    return name;
  }

  test.for([
    ['INHERIT FALSE, SET TRUE', 31],
    ['INHERIT TRUE, SET FALSE', 32],
    ['INHERIT TRUE, SET TRUE', 33],
  ] as const)(
    'objects of a role that the administrator has granted itself (%s), and that grant is kept',
    async ([options, number], { server }) => {
      const template = await createTemplate(server);
      await server.queryAsAdmin(`GRANT relecloud_app TO relecloud_admin WITH ${options}`);
      try {
        const before = await server.snapshot();
        const own = await server.ensureDatabase(number, { template });
        expect(await query(server.emulator, own, OWNERS_SQL)).toEqual([{ owner: own.user }]);
        await server.dropDatabase(number);
        expect(await server.snapshot()).toEqual(before);
      } finally {
        await server.queryAsAdmin('REVOKE relecloud_app FROM relecloud_admin');
      }
    },
  );

  test('objects of a role that another role created; a warning names objects that keep their owner', async ({
    server,
  }) => {
    const template = await createTemplate(server);
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
    const created = await server.runStep(6, { template });
    expect(created.exitCode, created.log).toBe(0);
    const own = loginFromOutputs(created.outputs);
    await query(server.emulator, own, 'ALTER TABLE trips ADD COLUMN price int');
    const notes = `SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'notes'`;
    const [row] = await query(server.emulator, own, notes);
    // Whether the administrator can transfer it depends on its rights on carol's role; if it cannot, there is a warning.
    if (row?.['owner'] !== own.user)
      expect(created.log).toMatch(/does not carry these.*table carols\.notes: it keeps its owner 'carols'/);
    await server.dropDatabase(6);
    expect(await server.snapshot()).toEqual(before);
  });

  test('more large objects than one transaction can change', async ({ server }) => {
    const template = await createTemplate(server);
    await server.queryAsAdmin('SELECT count(lo_create(0)) FROM generate_series(1, 25000)', template);
    const own = await server.ensureDatabase(7, { template });
    expect(await query(server.emulator, own, OWNERS_SQL)).toEqual([{ owner: own.user }]);
    await server.dropDatabase(7);
  });

  test.for([
    ['default_transaction_read_only = on', 41],
    [`default_transaction_isolation = 'serializable'`, 42],
    ['quote_all_identifiers = on', 43],
    [`statement_timeout = '1ms'`, 44],
  ] as const)(
    'a setting that would affect the administrator’s sessions: %s',
    async ([setting, number], { server }) => {
      const template = await createTemplate(server);
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
        expect(await query(server.emulator, own, OWNERS_SQL)).toEqual([{ owner: own.user }]);
        await server.dropDatabase(number);
        expect(await server.snapshot(template)).toEqual(before);
      } finally {
        await server.queryAsAdmin(`ALTER DATABASE ${template} RESET ALL`);
      }
    },
  );
});
