import { describe, expect, test } from 'vitest';
import { findKnownCause, type MigrationContext } from '../../../src/migration/known-causes.ts';

const app: MigrationContext = {
  user: 'relecloud_app',
  database: 'relecloud',
  runAs: 'app',
  template: undefined,
  envPrefix: 'DB_',
  canWrite: true,
};
const admin: MigrationContext = { ...app, user: 'relecloud_admin', runAs: 'admin' };
const clone: MigrationContext = {
  ...app,
  user: 'relecloud_app_pr_7',
  database: 'relecloud_pr_7',
  template: 'relecloud',
};

/** Output of real tools; the cause and the advice that follow from it. */
const cases: readonly (readonly [
  tool: string,
  output: string,
  cause: RegExp,
  advice: RegExp,
  MigrationContext?,
])[] = [
  [
    'Prisma without its advisory lock',
    'Error: P1002\n\nThe database server at `demo:5432` was reached but timed out.\n\nContext: Timed out trying to acquire a postgres advisory lock (SELECT pg_advisory_lock(72707369)). Elapsed: 10000ms.',
    /advisory lock in time \(P1002\)/,
    /sessions with advisory locks/,
  ],
  [
    'EF Core that creates an extension on Azure',
    'Npgsql.PostgresException (0x80004005): 42501: Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION',
    /creates an extension, which only the administrator may do, also with IF NOT EXISTS/,
    /Declare the extension in the input extensions.*migrate-as: admin/,
  ],
  [
    'psql that creates an extension on PostgreSQL',
    'ERROR:  permission denied to create extension "hstore"\nHINT:  Must be superuser to create this extension.',
    /the extension 'hstore'/,
    /input extensions/,
  ],
  [
    'an extension outside the allow-list',
    'ERROR:  extension "postgis" is not allow-listed for "azure_pg_admin" users in Azure Database for PostgreSQL',
    /does not allow the extension 'postgis'/,
    /Add postgis to the input extensions/,
  ],
  [
    'pg_dump older than the server',
    'pg_dump: error: aborting because of server version mismatch\npg_dump: detail: server version: 17.2; pg_dump version: 16.10 (Ubuntu 16.10-0ubuntu0.24.04.1)',
    /pg_dump 16 of the runner is older than the server, which is PostgreSQL 17/,
    /postgresql-client-17/,
  ],
  [
    'a read-only transaction of its own',
    'django.db.utils.InternalError: cannot execute CREATE TABLE in a read-only transaction',
    /refuses CREATE TABLE in a read-only transaction/,
    /has set its transaction to read-only/,
  ],
  [
    'a read-only transaction, and nobody knows why',
    'ERROR:  cannot execute CREATE TABLE in a read-only transaction',
    /refuses CREATE TABLE in a read-only transaction/,
    /SHOW default_transaction_read_only/,
    { ...app, canWrite: undefined },
  ],
  [
    'a server without free connections',
    'FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute',
    /no free connection/,
    /fewer jobs/,
  ],
  [
    'a database without free connections',
    'FATAL:  too many connections for database "relecloud"',
    /The connection limit of database 'relecloud' is reached/,
    /ALTER DATABASE "relecloud" CONNECTION LIMIT -1;/,
  ],
  [
    'Prisma’s shadow database',
    'Error: P3014\n\nPrisma Migrate could not create the shadow database. Original error:\nERROR: permission denied to create database',
    /creates a database/,
    /prisma migrate deploy/,
  ],
  [
    'the schema of another role',
    'ERROR:  permission denied for schema public\nLINE 1: CREATE TABLE t (id int)',
    /'relecloud_app' may not create or use objects in schema 'public'/,
    /adopt-objects: true/,
  ],
  [
    'a table of another role',
    'django.db.utils.ProgrammingError: must be owner of table trips',
    /'trips' belongs to another role than 'relecloud_app'/,
    /adopt-objects: true/,
  ],
  [
    'a table of another role, as the administrator',
    'ERROR:  must be owner of table trips',
    /'trips' belongs to another role than 'relecloud_admin'/,
    /role that owns it has to grant .* to 'relecloud_admin', .*set app-username/,
    admin,
  ],
  [
    'an extension that even the administrator may not create',
    'ERROR:  permission denied to create extension "hstore"',
    /the extension 'hstore', which 'relecloud_admin' may not do/,
    /member of azure_pg_admin/,
    admin,
  ],
  [
    'Django’s own table of another role',
    'psycopg.errors.InsufficientPrivilege: permission denied for table django_migrations',
    /'django_migrations' belongs to another role/,
    /adopt-objects: true/,
  ],
  [
    'Prisma on tables of another tool',
    'Error: P3005\n\nThe database schema is not empty. Read more about how to baseline an existing production database',
    /Database 'relecloud' has tables, but no migrations of Prisma/,
    /migrate resolve --applied/,
  ],
  [
    'Prisma after a failed migration',
    'Error: P3009\n\nmigrate found failed migrations in the target database, new migrations will not be applied.',
    /recorded as such \(P3009\)/,
    /--rolled-back.*reset: true/,
    clone,
  ],
  [
    'golang-migrate after a failed migration',
    'error: Dirty database version 20240101. Fix and force version.',
    /marked dirty at version 20240101/,
    /migrate force/,
  ],
  [
    'a template ahead of its branch',
    'django.db.utils.ProgrammingError: relation "trips" already exists',
    /'trips' already exists in the clone of 'relecloud': the template has migrations that this branch does not know, or an earlier migration of this branch failed halfway/,
    /merge the base branch.*reset: true/,
    clone,
  ],
  [
    'a column of a template ahead of its branch',
    'ERROR: column "price" of relation "trips" already exists',
    /'price' already exists in the clone/,
    /merge the base branch/,
    clone,
  ],
  [
    'a table that the tool does not know',
    'ERROR:  relation "trips" already exists',
    /the tool has not recorded the migration/,
    /--fake/,
  ],
  [
    'a tool without TLS',
    'FATAL:  no pg_hba.conf entry for host "20.1.2.3", user "relecloud_app", database "relecloud", no encryption',
    /without TLS/,
    /DB_SSLMODE/,
  ],
  [
    'credentials of another user',
    'FATAL:  password authentication failed for user "postgres"',
    /logs in as 'postgres'/,
    /for 'relecloud_app': let the tool read DB_USER/,
  ],
  [
    'credentials of another user, with another prefix',
    'FATAL:  password authentication failed for user "postgres"',
    /logs in as 'postgres'/,
    /let the tool read APP_USER and APP_PASSWORD/,
    { ...app, envPrefix: 'APP_' },
  ],
  [
    'a wrongly encoded password',
    'FATAL:  password authentication failed for user "relecloud_app"',
    /refuses its password/,
    /percent-encoded/,
  ],
  [
    'another database',
    'psql: error: connection to server at "demo", port 5432 failed: FATAL:  database "django" does not exist',
    /connects to database 'django'/,
    /DB_NAME.*'relecloud'/,
  ],
  [
    'a dump with other roles',
    'pg_restore: error: could not execute query: ERROR:  role "olduser" does not exist',
    /names the role 'olduser'/,
    /--no-owner --no-privileges/,
  ],
  [
    'an unknown certificate authority',
    'Error: self-signed certificate in certificate chain',
    /could not verify the certificate/,
    /ssl-mode: verify-full/,
  ],
  [
    'a lock that another session holds',
    'ERROR:  canceling statement due to lock timeout',
    /Another session holds a lock/,
    /run the step again/,
  ],
  ['a short statement_timeout', 'ERROR: canceling statement due to statement timeout', /exceeded/, /longer/],
  [
    'Python without its packages',
    "ModuleNotFoundError: No module named 'psycopg2'",
    /not installed: psycopg2/,
    /pip install/,
  ],
  ['Node without its packages', "Error: Cannot find module 'pg'", /not installed: pg/, /npm ci/],
  [
    'a missing command',
    '/home/runner/work/_temp/5f.sh: line 1: flyway: command not found',
    /'flyway' is not installed/,
    /step before this one/,
  ],
];

describe('a failed migration names the cause that its output shows', () => {
  test.each(cases.map((each) => [each[0], each] as const))(
    '%s',
    (_, [, output, cause, advice, context = app]) => {
      // In color, after other lines, and followed by a stack trace.
      const log = `Applying 0001_initial... OK\n\u001b[31m${output}\u001b[0m\n  at run (tool.js:1:1)\n`;
      const found = findKnownCause(log, context);
      expect(found?.cause).toMatch(cause);
      expect(found?.advice).toMatch(advice);
    },
  );

  test('an unknown output has no cause', () => {
    expect(findKnownCause('Applying 0002_trips...\nTypeError: x is undefined\n', app)).toBeUndefined();
    expect(findKnownCause('', app)).toBeUndefined();
  });

  test.each([
    'NOTICE:  relation "trips" already exists, skipping',
    'psql:1.sql:1: NOTICE:  role "olduser" does not exist, skipping',
    'NOTICE:  column "price" of relation "trips" already exists, skipping',
  ])('is not a notice of IF [NOT] EXISTS before the error: %s', (notice) => {
    const failure = 'FATAL:  password authentication failed for user "relecloud_app"';
    expect(findKnownCause(`${notice}\nERROR:  syntax error at or near "x"\n`, app)).toBeUndefined();
    expect(findKnownCause(`${notice}\n${failure}\n`, app)?.cause).toMatch(/refuses its password/);
  });

  test('is left to the error itself if every session of the login is read-only', () => {
    const output = 'ERROR:  cannot execute CREATE TABLE in a read-only transaction';
    expect(findKnownCause(output, { ...app, canWrite: false })).toBeUndefined();
  });

  test('a text of the output is quoted only in part', () => {
    const found = findKnownCause(`ERROR: relation "${'x'.repeat(5000)}" already exists`, app);
    expect(found?.cause.length).toBeLessThan(250);
  });
});
