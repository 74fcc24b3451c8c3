import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import { droppedNames, type Inputs } from '../helpers/e2e/job.ts';
import { connect, type Login, query } from '../helpers/e2e/postgres-client.ts';
import { listComments, PullRequestServer, patchGitHub } from '../helpers/e2e/pull-request.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server } = await PullRequestServer.create(emulator, 'elsewhere', { 'postgres-version': '18' });
  await server.setPullRequestState('open', ...Array.from({ length: 60 }, (_, n) => n + 1));
  await server.queryAsAdmin('CREATE SCHEMA admins', 'relecloud');
  return server;
});

/** An object of a pull request's role outside its database. */
interface ExternalObject {
  /** The statements that create it, each with a database and who executes it. */
  readonly createStatements: readonly (readonly [database: string, as: 'admin' | 'role', sql: string])[];
  /** What the error contains. */
  readonly expectedMessage: RegExp;
  /** A query that returns a row if it exists. */
  readonly existsQuery: readonly [database: string, sql: string];
  /** What its owner executes to keep it, where the error's hint leaves a name to choose. */
  readonly keepStatement?: readonly [database: string, sql: string];
}

const HINT = 'What to do: Run the following as admin-username';

const TRIPS_SQL = `SELECT FROM pg_tables WHERE tablename = 'trips'`;

const externalObjects: Readonly<Record<string, (own: Login) => ExternalObject>> = {
  'tables in a copy of its database': (own) => ({
    createStatements: [
      ['postgres', 'admin', `CREATE DATABASE copy_of_${own.database} TEMPLATE ${own.database}`],
    ],
    expectedMessage: new RegExp(`in database 'copy_of_${own.database}': .*table public\\.trips`),
    existsQuery: [`copy_of_${own.database}`, TRIPS_SQL],
  }),
  'tables in its database under another name': (own) => ({
    createStatements: [
      ['postgres', 'admin', `ALTER DATABASE ${own.database} RENAME TO kept_${own.database}`],
    ],
    expectedMessage: new RegExp(`in database 'kept_${own.database}': .*table public\\.trips`),
    existsQuery: [`kept_${own.database}`, TRIPS_SQL],
  }),
  'a table in the base database': (own) => ({
    createStatements: [
      ['relecloud', 'admin', `CREATE TABLE admins.of_${own.user} AS SELECT 1 AS one`],
      ['relecloud', 'admin', `GRANT CREATE ON SCHEMA admins TO ${own.user}`],
      ['relecloud', 'admin', `GRANT ${own.user} TO relecloud_admin`],
      ['relecloud', 'admin', `ALTER TABLE admins.of_${own.user} OWNER TO ${own.user}`],
      ['relecloud', 'admin', `REVOKE ${own.user} FROM relecloud_admin`],
    ],
    expectedMessage: new RegExp(`in database 'relecloud': table .*of_${own.user}`),
    existsQuery: ['relecloud', `SELECT FROM pg_tables WHERE tablename = 'of_${own.user}'`],
  }),
  'a large object in postgres': (own) => ({
    createStatements: [['postgres', 'role', `SELECT lo_from_bytea(${50_000 + own.user.length}, 'mine')`]],
    expectedMessage: /in database 'postgres': large object \d+/,
    existsQuery: ['postgres', `SELECT FROM pg_largeobject_metadata WHERE oid = ${50_000 + own.user.length}`],
  }),
  'a database': (own) => ({
    createStatements: [
      ['postgres', 'admin', `GRANT ${own.user} TO relecloud_admin`],
      ['postgres', 'admin', `CREATE DATABASE owned_by_${own.user} OWNER ${own.user}`],
      ['postgres', 'admin', `REVOKE ${own.user} FROM relecloud_admin`],
    ],
    expectedMessage: new RegExp(`on the server itself: database owned_by_${own.user}`),
    existsQuery: ['postgres', `SELECT FROM pg_database WHERE datname = 'owned_by_${own.user}'`],
  }),
  'a policy that is for it alone': (own) => ({
    createStatements: [
      ['relecloud', 'admin', `CREATE TABLE admins.policed_${own.user} (i int)`],
      ['relecloud', 'admin', `CREATE POLICY one ON admins.policed_${own.user} TO ${own.user}`],
    ],
    expectedMessage: /in database 'relecloud': policy one on/,
    existsQuery: ['relecloud', `SELECT FROM pg_policy WHERE polname = 'one'`],
    keepStatement: ['relecloud', `ALTER POLICY one ON admins.policed_${own.user} TO relecloud_app`],
  }),
  'tables in a copy that takes no connections': (own) => ({
    createStatements: [
      ['postgres', 'admin', `CREATE DATABASE shut_${own.database} TEMPLATE ${own.database}`],
      ['postgres', 'admin', `ALTER DATABASE shut_${own.database} ALLOW_CONNECTIONS false`],
    ],
    expectedMessage: new RegExp(
      `in database 'shut_${own.database}', to which admin-username cannot connect: \\d+ objects`,
    ),
    existsQuery: ['postgres', `SELECT FROM pg_database WHERE datname = 'shut_${own.database}'`],
  }),
};

/** Ensures a pull request's database, and creates an object of its role outside of it. */
async function createExternalObject(
  server: PullRequestServer,
  number: number,
  describeObject: (own: Login) => ExternalObject,
) {
  const own = await server.ensureDatabase(number, { comment: 'true' });
  await query(
    server.emulator,
    own,
    `CREATE TABLE trips (name text); INSERT INTO trips VALUES ('to the moon')`,
  );
  const object = describeObject(own);
  for (const [database, as, sql] of object.createStatements)
    await query(server.emulator, as === 'role' ? { ...own, database } : server.adminLogin(database), sql);
  const findObject = () => server.queryAsAdmin(object.existsQuery[1], object.existsQuery[0]);
  return { own, object, findObject };
}

const numberedObjects = Object.entries(externalObjects).map(
  ([name, describeObject], n) => [name, n + 1, describeObject] as const,
);

describe('drop keeps what is outside the pull request’s database', () => {
  test.for(numberedObjects)(
    '%s: the database is dropped, the role is kept, and the error names the object, also in a dry run',
    async ([name, number, describeObject], { emulator, server }) => {
      const { own, object, findObject } = await createExternalObject(server, number, describeObject);
      const expectedDrops = name.includes('under another name') ? [] : [own.database];

      const dry = await server.runStep(number, { mode: 'drop', 'dry-run': 'true' });
      expect(dry.exitCode, dry.log).toBe(1);
      expect(dry.log).toMatch(object.expectedMessage);
      expect(droppedNames(dry)).toEqual(expectedDrops);

      const refused = await server.runStep(number, { mode: 'drop', comment: 'true' });
      expect(refused.exitCode, refused.log).toBe(1);
      expect(refused.log).toContain(`Role '${own.user}' could not be dropped`);
      expect(refused.log).toMatch(object.expectedMessage);
      expect(refused.log).toContain('(drop-failed)');
      expect(droppedNames(refused)).toEqual(expectedDrops);
      expect(await findObject()).not.toEqual([]);
      const state = await emulator.serverState(server.name);
      expect(Object.keys(state.databases)).not.toContain(own.database);
      expect(state.roles[own.user]).toMatchObject({ login: true });
      expect((await listComments(emulator, number))[0]?.body).toContain('is dropped');

      // The statements of the error's hint, and then the step again.
      const isClosed = name.includes('no connections');
      if (isClosed) {
        const [allow = '', grant = ''] = statementsAfter(refused.log, HINT);
        expect(allow).toMatch(/^ALTER DATABASE .* ALLOW_CONNECTIONS true;$/);
        expect(grant).toMatch(/^GRANT CONNECT ON DATABASE .* TO "relecloud_admin";$/);
        for (const statement of [allow, grant]) await server.queryAsAdmin(statement);
      }
      const { log } = isClosed ? await server.runStep(number, { mode: 'drop' }) : refused;
      const where = isClosed ? `shut_${own.database}` : (object.keepStatement ?? object.existsQuery)[0];
      if (object.keepStatement !== undefined) await server.queryAsAdmin(object.keepStatement[1], where);
      else {
        const [grant = '', reassign = ''] = statementsAfter(log, HINT);
        await server.queryAsAdmin(grant);
        await server.queryAsAdmin(reassign, where);
      }
      const done = await server.runSuccessfulStep(number, { mode: 'drop' });
      expect(droppedNames(done)).toEqual([own.user]);
      expect(await findObject()).not.toEqual([]);
    },
  );

  test('but revokes the role’s rights and default privileges everywhere, and then drops the role', async ({
    server,
  }) => {
    const before = await server.snapshot();
    const own = await server.ensureDatabase(20);
    for (const database of ['postgres', 'template1'])
      await query(
        server.emulator,
        { ...own, database },
        'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC',
      );
    await server.queryAsAdmin(
      `CREATE TABLE admins.granted (i int); GRANT SELECT (i) ON admins.granted TO ${own.user} WITH GRANT OPTION;
       GRANT ALL ON SCHEMA admins TO ${own.user}; GRANT relecloud_app TO ${own.user}`,
      'relecloud',
    );
    const step = await server.runSuccessfulStep(20, { mode: 'drop' });
    expect(droppedNames(step)).toEqual([own.database, own.user]);
    await server.queryAsAdmin('DROP TABLE admins.granted', 'relecloud');
    expect(await server.snapshot()).toEqual(before);
  });

  test('also an object that the role gets during the drop, and so keeps the role', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensureDatabase(21);
    await server.queryAsAdmin(`GRANT TEMPORARY ON DATABASE relecloud TO ${own.user}`);
    await server.queryAsAdmin(
      `CREATE TABLE admins.late (i int); GRANT CREATE ON SCHEMA admins TO ${own.user}`,
      'relecloud',
    );
    const held = await emulator.hold({ service: 'postgres', statement: '^ALTER ROLE .* NOLOGIN' });
    const dropping = server.runStep(21, { mode: 'drop' });
    await held.triggered;
    await server.queryAsAdmin(`GRANT ${own.user} TO relecloud_admin`);
    await server.queryAsAdmin(`ALTER TABLE admins.late OWNER TO ${own.user}`, 'relecloud');
    await held.release();
    const step = await dropping;
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toMatch(/in database 'relecloud': table admins\.late/);
    expect(step.log).toContain('can no longer log in');
    await server.queryAsAdmin('DROP TABLE admins.late', 'relecloud');
    await server.dropDatabase(21);
  });

  test('also a role of the same name that another job has created in the meantime', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensureDatabase(22);
    const match = { service: 'postgres', statement: '^ALTER ROLE .* NOLOGIN' } as const;
    const last = await emulator.hold(match, 'request', { skip: 1 });
    const dropping = server.runStep(22, { mode: 'drop' });
    await last.triggered;
    await server.queryAsAdmin(`DROP ROLE ${own.user}`);
    await server.queryAsAdmin(`CREATE ROLE ${own.user} LOGIN`);
    await last.release();
    const step = await dropping;
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step)).toEqual([own.database]);
    expect((await emulator.serverState(server.name)).roles[own.user]).toMatchObject({ login: true });
    await server.queryAsAdmin(`DROP ROLE ${own.user}`);
  });

  test('also in a sweep, which drops the rest and then fails with the list, as does its dry run', async ({
    emulator,
    server,
  }) => {
    const base = (number: number) => server.ensureDatabase(number);
    const [one, two] = [await base(31), await base(32)];
    await query(emulator, one, 'CREATE TABLE trips (name text)');
    await server.queryAsAdmin(`CREATE DATABASE keep_copy TEMPLATE ${one.database}`);
    await server.setPullRequestState('closed', 31, 32);
    const inputs: Inputs = { mode: 'sweep', 'dry-run': 'true' };
    const dry = await server.runStep(1, inputs);
    expect(dry.exitCode, dry.log).toBe(1);
    expect(dry.log).toMatch(/failed in 1 case.*in database 'keep_copy': .*table public\.trips/s);
    expect(droppedNames(dry).toSorted()).toEqual([one.database, two.database, two.user].toSorted());
    const swept = await server.sweep();
    expect(swept.exitCode, swept.log).toBe(1);
    expect(swept.log).toMatch(/failed in 1 case.*in database 'keep_copy': .*table public\.trips/s);
    expect(droppedNames(swept).toSorted()).toEqual([one.database, two.database, two.user].toSorted());
    expect(await server.queryAsAdmin(TRIPS_SQL, 'keep_copy')).toHaveLength(1);
    await server.queryAsAdmin('DROP DATABASE keep_copy');
    const next = await server.sweep();
    expect(next.exitCode, next.log).toBe(0);
    expect(droppedNames(next)).toEqual([one.user]);
  });
});

test('a sweep that drops only a role does not change the comment on the pull request', async ({
  emulator,
  server,
}) => {
  const own = await server.ensureDatabase(41, { comment: 'true', database: 'tours' });
  const before = await listComments(emulator, 41);
  await server.queryAsAdmin(`DROP DATABASE ${own.database}`);
  await server.queryAsAdmin(`CREATE ROLE other_owner LOGIN CREATEDB PASSWORD 'Of-other-owner-1'`);
  const otherOwner = { ...server.adminLogin(), user: 'other_owner', password: 'Of-other-owner-1' };
  await query(emulator, otherOwner, `CREATE DATABASE ${own.database}`);
  await patchGitHub(emulator, { pulls: { 41: { state: 'closed' } } });
  const swept = await server.runStep(1, { mode: 'sweep', comment: 'true' });
  expect(swept.exitCode, swept.log).toBe(0);
  expect(droppedNames(swept)).toEqual([own.user]);
  expect(await listComments(emulator, 41)).toEqual(before);
  const session = await connect(emulator, otherOwner);
  await session.query(`DROP DATABASE ${own.database}`);
  await session.end();
});
