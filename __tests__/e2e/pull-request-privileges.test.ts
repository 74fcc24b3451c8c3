import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, type PhaseResult, queryCommand } from '../helpers/e2e/job.ts';
import {
  connect,
  type Login,
  loginFromOutputs,
  query,
  superuserLogin,
} from '../helpers/e2e/postgres-client.ts';
import { listComments, PullRequestServer } from '../helpers/e2e/pull-request.ts';
import {
  dependenciesSql,
  everyKindOfRight,
  findLostRights,
  privilegesSql,
  type Rights,
  ROLE_CATALOGS_SQL,
  sharedSetup,
} from '../helpers/e2e/role-dependencies.ts';
import { createSeededServer, reportingPassword } from '../helpers/e2e/seeded-server.ts';
import { test } from '../helpers/e2e/test.ts';

const sqlState = (error: Error & { code?: string }): string => error.code ?? error.message;

/** Executes a statement in its own session. Returns `done`, or the SQLSTATE of its error. */
const statementOutcome = (emulator: EmulatorHarness, login: Login, sql: string): Promise<string> =>
  query(emulator, login, sql).then(() => 'done', sqlState);

/** Executes statements in one session. Returns `done` or an SQLSTATE for each. */
async function statementOutcomes(
  emulator: EmulatorHarness,
  login: Login,
  statements: readonly string[],
): Promise<Record<string, string>> {
  const client = await connect(emulator, login);
  try {
    const outcomes: Record<string, string> = {};
    for (const sql of statements) outcomes[sql] = await client.query(sql).then(() => 'done', sqlState);
    return outcomes;
  } finally {
    await client.end();
  }
}

/** The result of {@link statementOutcomes} if every statement has the same outcome. */
const sameOutcome = (statements: readonly string[], outcome: string): Record<string, string> =>
  Object.fromEntries(statements.map((sql) => [sql, outcome]));

describe.each(['17', '18'])('on PostgreSQL %s, a pull request’s role', (major) => {
  const template = { template: 'relecloud' };
  const held = {} as { server: PullRequestServer; own: Login };
  const own = (database = held.own.database): Login => ({ ...held.own, database });
  const step = (number: number, more: Inputs = {}): Promise<PhaseResult> =>
    held.server.runSuccessfulStep(number, { ...template, ...more });

  test.beforeAll(async ({ emulator }) => {
    const name = `rights-${major}`;
    const base = {
      ...defaultInputs,
      'server-name': name,
      'postgres-version': major,
      'allowed-ip-ranges': '198.51.100.7',
    };
    held.server = new PullRequestServer(emulator, name, await createSeededServer(emulator, base));
    await held.server.setPullRequestState('open', 1, 2, 3, 4);
    await step(2);
    held.own = loginFromOutputs((await step(1)).outputs);
  });

  test('gets the template’s extension, settings, sequences, grants and default privileges in its clone', async ({
    emulator,
  }) => {
    const other = loginFromOutputs((await step(2)).outputs);
    expect(
      await query(
        emulator,
        other,
        `SELECT current_setting('work_mem') AS memory, current_setting('lock_timeout') AS lock,
           current_setting('statement_timeout') AS statement, current_setting('search_path') AS path,
           current_setting('DateStyle') AS dates, nextval('counter')::int AS next,
           (SELECT tags -> 'n' FROM "T; t--" WHERE id = 3) AS tag, (SELECT n::int FROM m) AS materialized`,
      ),
    ).toEqual([
      {
        memory: '5MB',
        lock: '7s',
        statement: '0',
        path: 'public, "Odd ""$handover$ x"',
        dates: 'SQL, DMY',
        next: 42,
        tag: '3',
        materialized: 10,
      },
    ]);
    expect(await query(emulator, other, `INSERT INTO trips (name) VALUES ('on') RETURNING id`)).toEqual([
      { id: 21 },
    ]);
    await query(
      emulator,
      other,
      'CREATE TABLE fresh (i int); CREATE TABLE "Odd ""$handover$ x".fresh (i int)',
    );
    const reporting = { ...other, user: 'reporting', password: reportingPassword };
    const allowed = [
      'SELECT name FROM trips',
      'SELECT * FROM v',
      'SELECT id FROM "T; t--"',
      'UPDATE "T; t--" SET note = id',
      'SELECT * FROM public.fresh',
      'SELECT * FROM "Odd ""$handover$ x".fresh',
    ];
    const refused = ['SELECT note FROM "T; t--"', 'SELECT answer()', 'DELETE FROM trips', 'CREATE SCHEMA x'];
    expect(await statementOutcomes(emulator, reporting, [...allowed, ...refused])).toEqual({
      ...sameOutcome(allowed, 'done'),
      ...sameOutcome(refused, '42501'),
    });
  });

  test('can use its own tables and migrate every cloned object', async ({ emulator }) => {
    const migrations = [
      'CREATE TABLE own (id serial PRIMARY KEY, at timestamptz DEFAULT now()); INSERT INTO own DEFAULT VALUES',
      `INSERT INTO trips (name) VALUES ('back'); UPDATE trips SET name = 'x' WHERE id = 1; DELETE FROM trips WHERE id = 2`,
      'ALTER TABLE trips ADD COLUMN price int, ALTER COLUMN id SET GENERATED ALWAYS; TRUNCATE trips RESTART IDENTITY',
      `ALTER TABLE "T; t--" ADD COLUMN more mood; CREATE INDEX ON "T; t--" (note); INSERT INTO "T; t--" (note) VALUES ('y')`,
      'ALTER SEQUENCE "T; t--_id_seq" RESTART WITH 100; ALTER TABLE "T; t--" RENAME TO tidy',
      'CREATE OR REPLACE VIEW v AS SELECT id FROM tidy WHERE id > 1; ALTER VIEW v RENAME TO w; DROP VIEW w',
      'REFRESH MATERIALIZED VIEW m; DROP MATERIALIZED VIEW m',
      `ALTER TYPE mood ADD VALUE 'wild'`,
      'ALTER TYPE pair ADD ATTRIBUTE c int; DROP TYPE span',
      'ALTER DOMAIN positive ADD CHECK (VALUE < 100); DROP DOMAIN positive',
      `CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'; DROP FUNCTION answer(int[])`,
      'DROP PROCEDURE work(); DROP AGGREGATE total(int); DROP OPERATOR === (int, int); DROP FUNCTION same(int, int)',
      'ALTER SEQUENCE counter INCREMENT BY 2; DROP SEQUENCE counter',
      'CREATE TABLE partitioned_2 PARTITION OF partitioned FOR VALUES FROM (10) TO (20); DROP TABLE partitioned_1',
      'ALTER STATISTICS stats SET STATISTICS 10; DROP COLLATION plain; DROP TEXT SEARCH CONFIGURATION words',
      `SELECT lo_put(4711, 0, 'small'); SELECT lo_unlink(4711)`,
      'CREATE SCHEMA extra; CREATE TABLE extra.t (i int); DROP SCHEMA extra CASCADE',
      'DROP TABLE partitioned, tidy CASCADE; ALTER SCHEMA "Odd ""$handover$ x" RENAME TO even',
    ];
    expect(await statementOutcomes(emulator, own(), migrations)).toEqual(sameOutcome(migrations, 'done'));
  });

  test('owns a cloned aggregate of all rows and a cloned publication', async ({ emulator }) => {
    const statements = ['ALTER AGGREGATE rows(*) RENAME TO lines', 'DROP PUBLICATION news'];
    const other = loginFromOutputs((await step(2)).outputs);
    expect(await statementOutcomes(emulator, other, statements)).toEqual(sameOutcome(statements, 'done'));
  });

  test('gets 42501 for every statement that reaches beyond its database', async ({ emulator }) => {
    const me = own().user;
    // A session of the administrator, which the role must not terminate.
    const other = await connect(emulator, held.server.adminLogin());
    try {
      const refused = forbiddenStatements(own().database, me);
      expect(await statementOutcomes(emulator, own(), refused)).toEqual(sameOutcome(refused, '42501'));
      expect((await other.query('SELECT 1')).rowCount).toBe(1);
    } finally {
      await other.end();
    }
  });

  test('cannot connect to databases of the action, and has only PUBLIC’s rights in others, without a readable table', async ({
    emulator,
  }) => {
    for (const database of ['relecloud', 'relecloud_pr_2', 'azure_maintenance'])
      expect([database, await statementOutcome(emulator, own(database), 'SELECT 1')]).toEqual([
        database,
        '42501',
      ]);
    for (const database of ['manual', 'postgres', 'template1', 'azure_sys']) {
      expect([database, await query(emulator, own(database), PRIVILEGES_BEYOND_PUBLIC_SQL)]).toEqual([
        database,
        [],
      ]);
      const refused = ['CREATE TABLE public.x ()', 'CREATE SCHEMA x', 'CREATE EXTENSION hstore'];
      expect([database, await statementOutcomes(emulator, own(database), refused)]).toEqual([
        database,
        sameOutcome(refused, '42501'),
      ]);
    }
    expect(await statementOutcome(emulator, own('manual'), 'TABLE secrets')).toBe('42501');
    expect(await statementOutcome(emulator, own('postgres'), 'TABLE internal.secrets')).toBe('42501');
    const rights = `SELECT datname FROM pg_database, unnest('{CONNECT,CREATE,TEMPORARY}'::text[]) r
      WHERE has_database_privilege(oid, r) AND NOT has_database_privilege('public', oid, r) GROUP BY 1`;
    expect(await query(emulator, own(), rights)).toEqual([{ datname: own().database }]);
  });

  test('has every right of the base role in its clone, or the log and the comment list what is not carried', async ({
    emulator,
  }) => {
    const { server } = held;
    const template = 'every_kind';
    const base: Login = { ...own(template), user: 'relecloud_app', password: 'Of-the-application-1' };
    const ask = <Row>(login: Login, sql: string): Promise<readonly Row[]> =>
      query(emulator, login, sql) as Promise<readonly Row[]>;
    const inTemplate = await createTemplate(emulator, server, template, base.user);

    const created = await step(4, { template, comment: 'true' });
    const clone = loginFromOutputs(created.outputs);
    const [comment] = await listComments(emulator, 4);
    const inClone = await readRights(emulator, superuserLogin(server.host, clone.database), clone.user);
    const isListed = (object: string): boolean => comment?.body.includes(object) ?? false;
    expect(findLostRights(inTemplate, inClone, isListed)).toEqual([]);

    // Policies show the same rows, although the owner of some tables has changed.
    const rows = `SELECT (SELECT array_agg(id) FROM own.unforced) AS unforced, (SELECT array_agg(id) FROM own.forced) AS forced,
      (SELECT array_agg(id ORDER BY id) FROM admins.policed) AS policed, current_setting('extra_float_digits') AS digits,
      current_setting('gin_fuzzy_search_limit') AS "limit", current_setting('IntervalStyle') AS style`;
    const visible = {
      unforced: [1, 2],
      forced: [1],
      policed: [1, 2],
      digits: '2',
      limit: '12',
      style: 'iso_8601',
    };
    expect(await ask(base, rows)).toEqual([visible]);
    expect(await ask(clone, rows)).toEqual([visible]);
    await ask(clone, 'ALTER TABLE admins.policed ADD COLUMN price int');

    // What the role creates is as closed as what the base role would have created.
    await ask(clone, `CREATE FUNCTION own.fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'`);
    expect(
      await ask(clone, `SELECT has_function_privilege('reporting', 'own.fresh()', 'EXECUTE') AS allowed`),
    ).toEqual([{ allowed: false }]);

    // Each cause is named, and no text contains what the user mapping stores.
    const causes = [
      ['table legacy.kept', "does not administer role 'legacy'"],
      ['policy of_legacy on legacy.kept', "does not administer role 'legacy'"],
      ['function pg_catalog.pg_stat_reset()', 'is a superuser of Azure'],
      ['extension tablefunc', 'cannot change the owner of an extension'],
      ['event trigger watch', 'only a superuser can own it'],
      ['function public.noop()', 'an event trigger runs it'],
      [`user mapping ${base.user} on server far`, 'CREATE USER MAPPING'],
      ['server far', 'can read the passwords'],
      ['parameter ACL log_statement', 'on the whole server'],
      ['role readers', 'a membership holds in every database'],
      ['policy named on admins.policed', `its text names '${base.user}'`],
      ['subscription feed', 'does not clone subscriptions'],
    ] as const;
    for (const [subject, cause] of causes) {
      expect(findLine(created.log, `- ${subject}: `)).toContain(cause);
      expect(findLine(comment?.body ?? '', `\`${subject}\``)).toContain(cause);
    }
    expect(created.log).toContain('view admins.everything (before of');
    // It would run as the administrator.
    const replaced = `CREATE OR REPLACE FUNCTION public.noop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'`;
    await expect(ask(clone, replaced)).rejects.toMatchObject({ code: '42501' });
    for (const text of [created.log, comment?.body]) expect(text).not.toContain('Of-the-far-server-1');

    // The statement in the warning resolves what it is for.
    const [, grant] = /reset: true: (GRANT "legacy" TO .*?;)/.exec(created.log) ?? [];
    await ask(superuserLogin(server.host), grant ?? '');
    const repeated = await step(4, { template, reset: 'true' });
    expect(repeated.log).not.toContain('legacy.kept:');
    expect(await ask(clone, 'SELECT count(*)::int AS rows FROM legacy.kept')).toEqual([{ rows: 0 }]);
  });

  test('leaves every other database and role unchanged during and after ensure, push, reset and drop', async () => {
    const before = await held.server.snapshot();
    const ownNames = ['relecloud_pr_3', 'relecloud_app_pr_3'];
    const others = await held.server.snapshot(...ownNames);
    const migrate = (sql: string): Inputs => ({ 'migration-command': `${queryCommand} "${sql}"` });
    const steps: Inputs[] = [
      { 'expires-in': '72h', ...migrate('ALTER TABLE trips ADD COLUMN price int') },
      migrate('ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reporting; GRANT ALL ON trips TO reporting'),
      { reset: 'true' },
    ];
    for (const more of steps) {
      await step(3, more);
      expect(await held.server.snapshot(...ownNames), Object.keys(more).join()).toEqual(others);
    }
    await step(3, { mode: 'drop' });
    expect(await held.server.snapshot()).toEqual(before);
  });
});

/** The first line of a text that contains a part; a line break of an annotation is `%0A`. */
const findLine = (text: string, part: string): string | undefined =>
  text.split(/\n|%0A/).find((line) => line.includes(part));

async function readRights(emulator: EmulatorHarness, login: Login, role: string): Promise<Rights> {
  const [dependencies, privileges] = [
    await query(emulator, login, dependenciesSql(role)),
    await query(emulator, login, privilegesSql(role)),
  ];
  return {
    role,
    dependencies: dependencies as unknown as Rights['dependencies'],
    privileges: privileges as unknown as Rights['privileges'],
  };
}

/** Creates a template in which the role has every kind of right that this version of PostgreSQL knows. */
async function createTemplate(
  emulator: EmulatorHarness,
  server: PullRequestServer,
  template: string,
  app: string,
): Promise<Rights> {
  const superuser = superuserLogin(server.host, template);
  await server.queryAsAdmin(`CREATE DATABASE ${template}`);
  const setup = await connect(emulator, superuser);
  const admin = server.adminLogin().user;
  try {
    for (const sql of [...sharedSetup(app), ...everyKindOfRight(app, admin, template)])
      await setup.query(sql);
  } finally {
    await setup.end();
  }
  const rights = await readRights(emulator, superuser, app);
  const kinds = new Set(rights.dependencies.map(({ kind }) => kind));
  const known = await query(emulator, superuser, ROLE_CATALOGS_SQL);
  expect(known.map(({ kind }) => String(kind)).filter((kind) => !kinds.has(kind))).toEqual([]);
  return rights;
}

/** Lists the current role's rights in the current database that PUBLIC does not have. */
const PRIVILEGES_BEYOND_PUBLIC_SQL = `
  SELECT c.oid::regclass::text AS name, p FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p
  WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND has_table_privilege(c.oid, p)
    AND NOT has_table_privilege('public', c.oid, p)
  UNION ALL SELECT nspname, p FROM pg_namespace n, unnest('{USAGE,CREATE}'::text[]) p
  WHERE has_schema_privilege(n.oid, p) AND NOT has_schema_privilege('public', n.oid, p)
  UNION ALL SELECT f.oid::regprocedure::text, 'EXECUTE' FROM pg_proc f
  WHERE has_function_privilege(f.oid, 'EXECUTE') AND NOT has_function_privilege('public', f.oid, 'EXECUTE')
  UNION ALL SELECT c.oid::regclass::text, 'read' FROM pg_class c
  WHERE relkind IN ('r', 'm', 'p') AND c.oid >= 16384 AND has_any_column_privilege(c.oid, 'SELECT')`;

/** Statements that would change or read something outside the role's own database. */
const forbiddenStatements = (database: string, me: string): readonly string[] => [
  'CREATE ROLE x',
  'CREATE DATABASE x',
  `CREATE DATABASE relecloud_pr_9 TEMPLATE ${database}`,
  ...[database, 'relecloud', 'relecloud_pr_2', 'manual', 'postgres'].flatMap((name) => [
    `COMMENT ON DATABASE ${name} IS 'mine'`,
    `ALTER DATABASE ${name} SET search_path = public`,
    `ALTER DATABASE ${name} RENAME TO x`,
    `ALTER DATABASE ${name} OWNER TO ${me}`,
    `ALTER DATABASE ${name} CONNECTION LIMIT 0`,
    `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`,
    `ALTER DATABASE ${name} IS_TEMPLATE true`,
    ...(name === database ? [] : [`DROP DATABASE ${name}`]),
  ]),
  ...[me, 'relecloud_app_pr_2', 'relecloud_app', 'reporting', 'relecloud_admin'].flatMap((name) => [
    `COMMENT ON ROLE ${name} IS 'mine'`,
    `ALTER ROLE ${name} NOINHERIT`,
    `ALTER ROLE ${name} CREATEROLE CREATEDB`,
    `ALTER ROLE ${name} CONNECTION LIMIT 0`,
    `ALTER ROLE ${name} VALID UNTIL 'yesterday'`,
    ...(name === me
      ? []
      : [
          `ALTER ROLE ${name} RENAME TO x`,
          `ALTER ROLE ${name} PASSWORD 'x'`,
          `ALTER ROLE ${name} SET work_mem = '1MB'`,
        ]),
    ...(name === me ? [`GRANT ${me} TO relecloud_app_pr_2`] : [`SET ROLE ${name}`, `GRANT ${name} TO ${me}`]),
  ]),
  'SET ROLE azure_pg_admin',
  'SET SESSION AUTHORIZATION relecloud_admin',
  `GRANT pg_read_all_data TO ${me}`,
  'ALTER ROLE ALL SET search_path = public',
  'REASSIGN OWNED BY relecloud_admin TO CURRENT_USER',
  'DROP OWNED BY relecloud_app',
  'ALTER DEFAULT PRIVILEGES FOR ROLE relecloud_admin GRANT ALL ON TABLES TO PUBLIC',
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'relecloud_admin'`,
  `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'relecloud_admin'`,
  `COPY (SELECT 1) TO PROGRAM 'true'`,
  `COPY pg_temp.x FROM PROGRAM 'true'`,
  `COPY (SELECT 1) TO '/tmp/x'`,
  `SELECT pg_read_file('PG_VERSION')`,
  `SELECT pg_ls_dir('.')`,
  `SELECT lo_import('PG_VERSION')`,
  'CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$; CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION e()',
  'CREATE EXTENSION citext',
  'DROP EXTENSION hstore',
  `CREATE FUNCTION c() RETURNS int LANGUAGE internal AS 'pg_backend_pid'`,
  'ALTER SYSTEM SET work_mem = 1',
  `SET log_statement = 'none'`,
  'CREATE FOREIGN DATA WRAPPER w',
  'SELECT rolpassword FROM pg_authid',
  `UPDATE pg_database SET datname = 'x'`,
  'SELECT 1 FROM pg_database FOR KEY SHARE',
];
