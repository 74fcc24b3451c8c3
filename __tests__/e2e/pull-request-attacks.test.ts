import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { droppedNames, queryCommand } from '../helpers/e2e/job.ts';
import { connect, type Login, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { PullRequestServer } from '../helpers/e2e/pull-request.ts';
import {
  createShadowObjects,
  readShadowCalls,
  verifyShadowObjects,
} from '../helpers/e2e/search-path-attack.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server } = await PullRequestServer.create(emulator, 'attacked');
  await server.queryAsAdmin(`CREATE ROLE mallory LOGIN CREATEDB PASSWORD 'Of-mallory-1'`);
  await server.queryAsAdmin(`CREATE ROLE trudy LOGIN CREATEROLE PASSWORD 'Of-trudy-1'`);
  return server;
});

describe('a forged ownership marker is not trusted', () => {
  const madeBy = { madeBy: 'azure-postgresql-action', kind: 'pull-request', repositoryId: '4711' };
  const markerText = (number: number) =>
    JSON.stringify({ ...madeBy, pullRequest: number, base: 'relecloud' });
  const expiredMarkerText = (number: number) =>
    JSON.stringify({ ...(JSON.parse(markerText(number)) as object), expires: '2020-01-01T00:00:00.000Z' });
  const roleMarkerText = (number: number) =>
    JSON.stringify({ ...madeBy, pullRequest: number, base: 'relecloud_app', database: 'relecloud' });
  const loginOf = (server: PullRequestServer, user: string): Login => ({
    ...server.adminLogin(),
    user,
    password: `Of-${user}-1`,
  });

  test('on a database of another role, marked by it as closed or expired: it survives sweep and drop, which report why', async ({
    emulator,
    server,
  }) => {
    await server.setPullRequestState('closed', 50);
    await server.setPullRequestState('open', 51);
    for (const [number, text] of [
      [50, markerText(50)],
      [51, expiredMarkerText(51)],
    ] as const) {
      await query(emulator, loginOf(server, 'mallory'), `CREATE DATABASE relecloud_pr_${number}`);
      await query(
        emulator,
        loginOf(server, 'mallory'),
        `COMMENT ON DATABASE relecloud_pr_${number} IS '${text}'`,
      );
    }
    const before = await server.snapshot();
    const swept = await server.sweep();
    expect(swept.exitCode, swept.log).toBe(0);
    expect(droppedNames(swept)).toEqual([]);
    expect(swept.log).toMatch(
      /relecloud_pr_50 +its ownership marker is not trusted, because role 'mallory' owns it/,
    );
    for (const more of [{ mode: 'drop' }, {}, { reset: 'true' }]) {
      const refused = await server.runStep(more.mode === 'drop' ? 50 : 51, more);
      expect(refused.exitCode, refused.log).toBe(1);
      expect(refused.log).toMatch(/relecloud_pr_5[01]'.*is owned by role 'mallory'.*\(not-owned\)/);
      expect(refused.log).toContain("If earlier runs used 'mallory' as admin-username, use it in this step");
    }
    expect(await server.snapshot()).toEqual(before);
    for (const number of [50, 51])
      await query(emulator, loginOf(server, 'mallory'), `DROP DATABASE relecloud_pr_${number}`);
  });

  test.for([
    ['not granted', ''],
    ['granted to the administrator', '; GRANT relecloud_app_pr_52 TO relecloud_admin WITH ADMIN OPTION'],
  ])(
    'on a role that another role created, %s: it survives drop and sweep',
    async ([, more], { emulator, server }) => {
      await server.setPullRequestState('closed', 52);
      await query(emulator, loginOf(server, 'trudy'), 'CREATE ROLE relecloud_app_pr_52 LOGIN');
      await query(
        emulator,
        loginOf(server, 'trudy'),
        `COMMENT ON ROLE relecloud_app_pr_52 IS '${roleMarkerText(52)}'${more}`,
      );
      try {
        const before = await server.snapshot();
        const swept = await server.sweep();
        const refused = await server.runStep(52, { mode: 'drop' });
        expect(await server.snapshot()).toEqual(before);
        expect([droppedNames(swept), swept.exitCode], swept.log).toEqual([[], 0]);
        expect(refused.exitCode, refused.log).toBe(1);
        expect(refused.log).toContain('(not-owned)');
      } finally {
        await query(emulator, loginOf(server, 'trudy'), 'DROP ROLE IF EXISTS relecloud_app_pr_52');
      }
    },
  );

  test('with a name that contains a workflow command and Markdown: neither takes effect in log and summary', async ({
    emulator,
    server,
  }) => {
    const name = '"x\n::error::planted | <b>`"';
    await query(emulator, loginOf(server, 'mallory'), `CREATE DATABASE ${name}`);
    await query(emulator, loginOf(server, 'mallory'), `COMMENT ON DATABASE ${name} IS '${markerText(53)}'`);
    const swept = await server.sweep();
    expect(swept.log).toContain('planted');
    expect(swept.log).not.toMatch(/^\s*::error::planted/m);
    expect(swept.summary).toContain('| `` x ::error::planted \\| <b>` `` |');
    await query(emulator, loginOf(server, 'mallory'), `DROP DATABASE ${name}`);
  });
});

describe('the administrator executes no code of a pull request', () => {
  /** The administrator's statements in a database since the records were cleared. */
  const adminStatementsIn = async (emulator: EmulatorHarness, database: string): Promise<readonly string[]> =>
    (await emulator.statements())
      .filter((each) => each.user === 'relecloud_admin' && each.database === database)
      .map(({ statement }) => statement);
  const expectNoCalls = async (emulator: EmulatorHarness, login: Login): Promise<void> =>
    expect(await readShadowCalls(emulator, login)).toEqual({ sequenceUsed: false, roles: 0 });

  test('in ensure, with an extension, in a clone, a reset and a drop', async ({ emulator, server }) => {
    await server.setPullRequestState('open', 1, 2);
    const own = await server.ensureDatabase(1);
    await createShadowObjects(emulator, own);
    await verifyShadowObjects(emulator, own);
    await server.ensureDatabase(1);
    await expectNoCalls(emulator, own);
    await server.ensureDatabase(1, { extensions: 'citext\npg_trgm', 'expires-in': '1h' });
    await expectNoCalls(emulator, own);
    // The next run grants the revoked access again, and transfers the ownership of the objects again.
    await server.queryAsAdmin(`REVOKE ALL ON DATABASE ${own.database} FROM ${own.user}`);
    await emulator.clearRecords();
    await server.ensureDatabase(1);
    expect(await adminStatementsIn(emulator, own.database)).toContainEqual(
      expect.stringContaining('pg_identify_object'),
    );
    await expectNoCalls(emulator, own);

    const clone = await server.ensureDatabase(2, { template: own.database });
    await expectNoCalls(emulator, clone);
    await expectNoCalls(emulator, own);
    const objectsOfOthers = await query(
      emulator,
      clone,
      `SELECT count(*)::int AS n FROM pg_class WHERE relname ~ 'detected' AND
      pg_get_userbyid(relowner) <> current_user`,
    );
    expect(objectsOfOthers).toEqual([{ n: 0 }]);

    await emulator.clearRecords();
    const afterReset = await server.ensureDatabase(1, { reset: 'true' });
    await createShadowObjects(emulator, afterReset);
    await expectNoCalls(emulator, afterReset);
    await emulator.clearRecords();
    await server.dropDatabase(1);
    await server.dropDatabase(2);
    expect(await adminStatementsIn(emulator, own.database)).toEqual([]);
    expect(
      await server.queryAsAdmin(`SELECT rolname FROM pg_roles WHERE rolname ~ 'detected|_pr_[12]$'`),
    ).toEqual([]);
  });

  test('in a sweep', async ({ emulator, server }) => {
    await server.setPullRequestState('open', 3);
    const own = await server.ensureDatabase(3);
    await createShadowObjects(emulator, own);
    await server.setPullRequestState('closed', 3);
    await emulator.clearRecords();
    const swept = await server.sweep();
    expect(swept.exitCode, swept.log).toBe(0);
    expect(droppedNames(swept)).toEqual([own.database, own.user]);
    expect(await adminStatementsIn(emulator, own.database)).toEqual([]);
    expect(await server.queryAsAdmin(`SELECT rolname FROM pg_roles WHERE rolname ~ 'detected'`)).toEqual([]);
  });
});

describe('a pull request’s role', () => {
  test.for(['ALTER ROLE CURRENT_USER PASSWORD $$another one$$', 'ALTER ROLE CURRENT_USER PASSWORD NULL'])(
    'gets the published password again, and no other change, in the run after %s',
    async (statement, { emulator, server }) => {
      await server.setPullRequestState('open', 4);
      const own = await server.ensureDatabase(4);
      await query(emulator, own, statement);
      await expect(query(emulator, own, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
      const next = await server.runStep(4);
      expect(JSON.parse(next.outputs['changes'] ?? ''), next.log).toEqual([
        { resource: 'role', name: own.user, action: 'update', details: 'its password' },
      ]);
      expect(loginFromOutputs(next.outputs)).toEqual(own);
      expect(await query(emulator, own, 'SELECT current_user AS me')).toEqual([{ me: own.user }]);
    },
  );

  test('cannot prevent a run or its drop with settings for itself in any database, and they are dropped with it', async ({
    emulator,
    server,
  }) => {
    await server.setPullRequestState('open', 4, 5);
    const before = await server.snapshot('relecloud_pr_4', 'relecloud_app_pr_4');
    const own = await server.ensureDatabase(5);
    for (const where of ['', 'IN DATABASE relecloud', 'IN DATABASE relecloud_pr_5', 'IN DATABASE postgres'])
      for (const set of ['search_path = public', 'default_transaction_read_only = on', 'role = none'])
        await query(emulator, own, `BEGIN READ WRITE; ALTER ROLE CURRENT_USER ${where} SET ${set}; COMMIT`);
    await server.ensureDatabase(5, { extensions: 'citext' });
    await server.ensureDatabase(5, { reset: 'true' });
    await server.dropDatabase(5);
    expect(await server.snapshot('relecloud_pr_4', 'relecloud_app_pr_4')).toEqual(before);
  });
});

describe('long names and names with special characters', () => {
  const names = [
    `o'brien "the" app`,
    '$handover$ DO $$; --',
    'a\\b%20`c`',
    'Ünï 🚀 ＡＢ',
    'x'.repeat(63),
    `${'🚀'.repeat(15)}abc`,
    'select',
    '"',
  ];

  test('of the application role: it is created, migrates, is found again and is swept', async ({
    emulator,
    server,
  }) => {
    const before = await server.snapshot();
    const numbers = names.map((_, index) => 100 + index);
    await server.setPullRequestState('open', ...numbers);
    for (const [index, name] of names.entries()) {
      const inputs = {
        'app-username': name,
        'migration-command': `${queryCommand} "CREATE TABLE t (i int)"`,
      };
      const own = await server.ensureDatabase(100 + index, inputs);
      expect(Buffer.byteLength(own.user)).toBeLessThanOrEqual(63);
      const ownerSql = `SELECT current_user AS me, tableowner AS owner FROM pg_tables WHERE tablename = 't'`;
      expect(await query(emulator, own, ownerSql)).toEqual([{ me: own.user, owner: own.user }]);
      const again = await server.runStep(100 + index, { 'app-username': name });
      expect([again.outputs['changes'], again.outputs['db-user']], again.log).toEqual(['[]', own.user]);
    }
    await server.setPullRequestState('closed', ...numbers);
    const swept = await server.sweep();
    expect(swept.exitCode, swept.log).toBe(0);
    expect(droppedNames(swept)).toHaveLength(2 * names.length);
    expect(await server.snapshot()).toEqual(before);
  });

  test('of the database: it is truncated to PostgreSQL’s limit, stays unique and is dropped', async ({
    emulator,
    server,
  }) => {
    const before = await server.snapshot();
    await server.setPullRequestState('open', 1234567);
    const bases = ['a', 'b'].map((end) => `${'d'.repeat(62)}${end}`);
    const logins: Login[] = [];
    for (const database of bases)
      logins.push(await server.ensureDatabase(1234567, { database, 'app-username': database }));
    expect(new Set(logins.flatMap(({ database, user }) => [database, user])).size).toBe(2);
    expect(new Set(logins.map(({ database }) => database)).size).toBe(2);
    for (const login of logins) expect(Buffer.byteLength(login.database)).toBeLessThanOrEqual(63);
    const [first, second] = logins;
    const otherDatabase = { ...(first as Login), database: second?.database ?? '' };
    await expect(connect(emulator, otherDatabase)).rejects.toMatchObject({ code: '42501' });
    for (const database of bases) await server.dropDatabase(1234567, { database, 'app-username': database });
    expect(await server.snapshot()).toEqual(before);
  });
});
