import { beforeAll, describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { type HalfResult, type Inputs, Job, queryCommand, tutorial } from '../helpers/e2e/job.ts';
import { connect, type Login, loginFrom, query } from '../helpers/e2e/postgres-client.ts';
import { administratorAt, perPullRequest, pullRequestJob, tellGitHub } from '../helpers/e2e/pull-request.ts';
import { layTraps, springTraps, wasCaught } from '../helpers/e2e/search-path-attack.ts';
import { snapshot } from '../helpers/e2e/server-snapshot.ts';

const bench = useAzure({ blocked: 'reject' });
const server = 'attacked';
const base = { ...tutorial, 'server-name': server, 'allowed-ip-ranges': '198.51.100.7' };
const held = { host: '' };
const administrator = (database = 'postgres'): Login => administratorAt(held.host, database);
const byAdministrator = (sql: string) => query(bench.azure, administrator(), sql);

const run = (number: number, more: Inputs = {}): Promise<HalfResult> =>
  pullRequestJob(bench.azure, number).step(perPullRequest(server, more));

async function ensure(number: number, more: Inputs = {}): Promise<Login> {
  const result = await run(number, more);
  expect(result.exitCode, result.log).toBe(0);
  return loginFrom(result.outputs);
}

async function drop(number: number, more: Inputs = {}): Promise<void> {
  const result = await run(number, { mode: 'drop', ...more });
  expect(result.exitCode, result.log).toBe(0);
}

const tell = (state: 'open' | 'closed', ...numbers: number[]): Promise<unknown> =>
  tellGitHub(bench.azure, { pulls: Object.fromEntries(numbers.map((number) => [number, { state }])) });

const sweep = (): Promise<HalfResult> =>
  new Job(bench.azure).step({ ...base, mode: 'sweep', 'github-token': 'ghs_fromthejob' });

const dropped = ({ outputs }: HalfResult): readonly unknown[] =>
  (JSON.parse(outputs['dropped'] ?? '[]') as { name: string }[]).map(({ name }) => name);

beforeAll(async () => {
  const app = { 'app-username': 'relecloud_app', 'app-password': 'Of-the-application-1' };
  const made = await new Job(bench.azure).step({ ...base, ...app });
  expect(made.exitCode, made.log).toBe(0);
  held.host = made.outputs['db-host'] ?? '';
  await byAdministrator(`CREATE ROLE mallory LOGIN CREATEDB PASSWORD 'Of-mallory-1'`);
  await byAdministrator(`CREATE ROLE trudy LOGIN CREATEROLE PASSWORD 'Of-trudy-1'`);
});

describe('law 7: marks forged by others', () => {
  const madeBy = { madeBy: 'azure-postgresql-action', kind: 'pull-request', repositoryId: '4711' };
  const mark = (number: number) => JSON.stringify({ ...madeBy, pullRequest: number, base: 'relecloud' });
  const expired = (number: number) =>
    JSON.stringify({ ...(JSON.parse(mark(number)) as object), expires: '2020-01-01T00:00:00.000Z' });
  const roleMark = (number: number) =>
    JSON.stringify({ ...madeBy, pullRequest: number, base: 'relecloud_app', database: 'relecloud' });
  const as = (user: string): Login => ({ ...administrator(), user, password: `Of-${user}-1` });

  test('a database of another’s, by its owner marked as a closed or expired pull request’s, survives, and drop says why', async () => {
    const { azure } = bench;
    await tell('closed', 50);
    await tell('open', 51);
    for (const [number, text] of [
      [50, mark(50)],
      [51, expired(51)],
    ] as const) {
      await query(azure, as('mallory'), `CREATE DATABASE relecloud_pr_${number}`);
      await query(azure, as('mallory'), `COMMENT ON DATABASE relecloud_pr_${number} IS '${text}'`);
    }
    const before = await snapshot(azure, held.host);
    const swept = await sweep();
    expect(swept.exitCode, swept.log).toBe(0);
    expect(dropped(swept)).toEqual([]);
    expect(swept.log).toContain("relecloud_pr_50: its mark is not believed, for it belongs to 'mallory'");
    for (const more of [{ mode: 'drop' }, {}, { reset: 'true' }]) {
      const refused = await run(more.mode === 'drop' ? 50 : 51, more);
      expect(refused.exitCode, refused.log).toBe(1);
      expect(refused.log).toMatch(/relecloud_pr_5[01]'.*belongs to the role 'mallory'.*\(not-ours\)/);
    }
    expect(await snapshot(azure, held.host)).toEqual(before);
    for (const number of [50, 51]) await query(azure, as('mallory'), `DROP DATABASE relecloud_pr_${number}`);
  });

  test.each([
    ['left to itself', ''],
    ['given to the administrator', '; GRANT relecloud_app_pr_52 TO relecloud_admin WITH ADMIN OPTION'],
  ])('a role of another’s making, marked as ours and %s, survives drop and sweep', async (_how, more) => {
    const { azure } = bench;
    await tell('closed', 52);
    await query(azure, as('trudy'), 'CREATE ROLE relecloud_app_pr_52 LOGIN');
    await query(azure, as('trudy'), `COMMENT ON ROLE relecloud_app_pr_52 IS '${roleMark(52)}'${more}`);
    try {
      const before = await snapshot(azure, held.host);
      const swept = await sweep();
      const refused = await run(52, { mode: 'drop' });
      expect(await snapshot(azure, held.host)).toEqual(before);
      expect([dropped(swept), swept.exitCode], swept.log).toEqual([[], 0]);
      expect(refused.exitCode, refused.log).toBe(1);
      expect(refused.log).toContain('(not-ours)');
    } finally {
      await query(azure, as('trudy'), 'DROP ROLE IF EXISTS relecloud_app_pr_52');
    }
  });

  test('a name that is made to be a workflow command becomes none, nor markup of the summary', async () => {
    const { azure } = bench;
    const name = '"x\n::error::planted | <b>`"';
    await query(azure, as('mallory'), `CREATE DATABASE ${name}`);
    await query(azure, as('mallory'), `COMMENT ON DATABASE ${name} IS '${mark(53)}'`);
    const swept = await sweep();
    expect(swept.log).toContain('planted');
    expect(swept.log).not.toMatch(/^\s*::error::planted/m);
    expect(swept.summary).toContain('| `` x ::error::planted \\| <b>` `` |');
    await query(azure, as('mallory'), `DROP DATABASE ${name}`);
  });
});

describe('the administrator runs nothing that a pull request wrote', () => {
  /** Statements of the administrator's in a database since the log was emptied. */
  const inside = async (database: string): Promise<readonly string[]> =>
    (await bench.azure.statements())
      .filter((each) => each.user === 'relecloud_admin' && each.database === database)
      .map(({ statement }) => statement);
  const nobodyWasCaught = async (login: Login): Promise<void> =>
    expect(await wasCaught(bench.azure, login)).toEqual({ witness: false, roles: 0 });

  test('neither on ensure, nor for an extension, a clone of it, reset and drop', {
    timeout: 120_000,
  }, async () => {
    const { azure } = bench;
    await tell('open', 1, 2);
    const own = await ensure(1);
    await layTraps(azure, own);
    await springTraps(azure, own);
    await ensure(1);
    await nobodyWasCaught(own);
    await ensure(1, { extensions: 'citext\npg_trgm', 'expires-in': '1h' });
    await nobodyWasCaught(own);
    // Access that somebody has taken away is given back, and what is inside handed over once more.
    await byAdministrator(`REVOKE ALL ON DATABASE ${own.database} FROM ${own.user}`);
    await azure.forget();
    await ensure(1);
    expect(await inside(own.database)).toContainEqual(expect.stringContaining('pg_identify_object'));
    await nobodyWasCaught(own);

    const clone = await ensure(2, { template: own.database });
    await nobodyWasCaught(clone);
    await nobodyWasCaught(own);
    const strange = await query(
      azure,
      clone,
      `SELECT count(*)::int AS n FROM pg_class WHERE relname ~ 'caught' AND
      pg_get_userbyid(relowner) <> current_user`,
    );
    expect(strange).toEqual([{ n: 0 }]);

    await azure.forget();
    const anew = await ensure(1, { reset: 'true' });
    await layTraps(azure, anew);
    await nobodyWasCaught(anew);
    await azure.forget();
    await drop(1);
    await drop(2);
    expect(await inside(own.database)).toEqual([]);
    expect(await byAdministrator(`SELECT rolname FROM pg_roles WHERE rolname ~ 'caught|_pr_[12]$'`)).toEqual(
      [],
    );
  });

  test('nor on sweep', async () => {
    const { azure } = bench;
    await tell('open', 3);
    const own = await ensure(3);
    await layTraps(azure, own);
    await tell('closed', 3);
    await azure.forget();
    const swept = await sweep();
    expect(swept.exitCode, swept.log).toBe(0);
    expect(dropped(swept)).toEqual([own.database, own.user]);
    expect(await inside(own.database)).toEqual([]);
    expect(await byAdministrator(`SELECT rolname FROM pg_roles WHERE rolname ~ 'caught'`)).toEqual([]);
  });
});

describe('the role', () => {
  test.each(['ALTER ROLE CURRENT_USER PASSWORD $$another one$$', 'ALTER ROLE CURRENT_USER PASSWORD NULL'])(
    '%s: the next run gives it the published password again, and nothing else is changed',
    async (statement) => {
      await tell('open', 4);
      const own = await ensure(4);
      await query(bench.azure, own, statement);
      await expect(query(bench.azure, own, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
      const next = await run(4);
      expect(JSON.parse(next.outputs['changes'] ?? ''), next.log).toEqual([
        { resource: 'role', name: own.user, action: 'update', details: 'its password' },
      ]);
      expect(loginFrom(next.outputs)).toEqual(own);
      expect(await query(bench.azure, own, 'SELECT current_user AS me')).toEqual([{ me: own.user }]);
    },
  );

  test('its own settings, in its database and in every other, stand in nobody’s way and go with it', async () => {
    const { azure } = bench;
    await tell('open', 4, 5);
    const before = await snapshot(azure, held.host, ['relecloud_pr_4', 'relecloud_app_pr_4']);
    const own = await ensure(5);
    for (const where of ['', 'IN DATABASE relecloud', 'IN DATABASE relecloud_pr_5', 'IN DATABASE postgres'])
      for (const set of ['search_path = public', 'default_transaction_read_only = on', 'role = none'])
        await query(azure, own, `BEGIN READ WRITE; ALTER ROLE CURRENT_USER ${where} SET ${set}; COMMIT`);
    await ensure(5, { extensions: 'citext' });
    await ensure(5, { reset: 'true' });
    await drop(5);
    expect(await snapshot(azure, held.host, ['relecloud_pr_4', 'relecloud_app_pr_4'])).toEqual(before);
  });
});

describe('long and odd names', () => {
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

  test('of the application role: made, migrated as, found again, and swept', {
    timeout: 180_000,
  }, async () => {
    const { azure } = bench;
    const before = await snapshot(azure, held.host);
    const numbers = names.map((_, index) => 100 + index);
    await tell('open', ...numbers);
    for (const [index, name] of names.entries()) {
      const inputs = {
        'app-username': name,
        'migration-command': `${queryCommand} "CREATE TABLE t (i int)"`,
      };
      const own = await ensure(100 + index, inputs);
      expect(Buffer.byteLength(own.user)).toBeLessThanOrEqual(63);
      const found = `SELECT current_user AS me, tableowner AS owner FROM pg_tables WHERE tablename = 't'`;
      expect(await query(azure, own, found)).toEqual([{ me: own.user, owner: own.user }]);
      const again = await run(100 + index, { 'app-username': name });
      expect([again.outputs['changes'], again.outputs['db-user']], again.log).toEqual(['[]', own.user]);
    }
    await tell('closed', ...numbers);
    const swept = await sweep();
    expect(swept.exitCode, swept.log).toBe(0);
    expect(dropped(swept)).toHaveLength(2 * names.length);
    expect(await snapshot(azure, held.host)).toEqual(before);
  });

  test('of the database: cut to what PostgreSQL takes, distinct, and dropped', async () => {
    const { azure } = bench;
    const before = await snapshot(azure, held.host);
    await tell('open', 1234567);
    const bases = ['a', 'b'].map((end) => `${'d'.repeat(62)}${end}`);
    const logins: Login[] = [];
    for (const database of bases) logins.push(await ensure(1234567, { database, 'app-username': database }));
    expect(new Set(logins.flatMap(({ database, user }) => [database, user])).size).toBe(2);
    expect(new Set(logins.map(({ database }) => database)).size).toBe(2);
    for (const login of logins) expect(Buffer.byteLength(login.database)).toBeLessThanOrEqual(63);
    const [first, second] = logins;
    const across = { ...(first as Login), database: second?.database ?? '' };
    await expect(connect(azure, across)).rejects.toMatchObject({ code: '42501' });
    for (const database of bases) await drop(1234567, { database, 'app-username': database });
    expect(await snapshot(azure, held.host)).toEqual(before);
  });
});
