import { describe, expect } from 'vitest';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { administrator, test, waitUntil } from '../../helpers/emulator/postgres-fixture.ts';

const PUBLIC_SCHEMA_SQL = `SELECT nspowner::regrole::text AS owner, has_schema_privilege('public', 'public', 'USAGE') AS usage,
                              has_schema_privilege('public', 'public', 'CREATE') AS create
                       FROM pg_namespace WHERE nspname = 'public'`;
const defaultDatabaseFields = { comment: null, acl: null, settings: null, connectionLimit: -1 };
const azurePublicSchema = [{ owner: 'azure_pg_admin', usage: true, create: false }];

describe.each(['17', '18'])('Azure’s role model on PostgreSQL %s', (major) => {
  let server: PostgresServer;
  test.beforeAll(async ({ serverOf }) => {
    server = await serverOf(major);
  });

  test('the server has the requested major, and its minor is correct', async ({ postgres }) => {
    const [row] = await postgres.query(server, 'SHOW server_version');
    expect(`${row?.['server_version']}`.split(' ')[0]).toBe(`${major}.${server.minor}`);
  });

  test('the administrator is not a superuser, and is a member of azure_pg_admin', async () => {
    expect(await server.roles.list()).toMatchObject({
      azuresu: { login: true, superuser: true },
      azure_pg_admin: { login: false, superuser: false },
      [administrator.login]: {
        login: true,
        superuser: false,
        inherit: true,
        createdb: true,
        createrole: true,
        replication: false,
        bypassrls: false,
        memberOf: ['azure_pg_admin'],
      },
    });
  });

  test('no extension is allowed on a new server', async ({ postgres }) => {
    expect(await postgres.query(server, 'SHOW azure.extensions')).toEqual([{ 'azure.extensions': '' }]);
    await expect(postgres.query(server, 'CREATE EXTENSION hstore')).rejects.toMatchObject({
      code: '0A000',
      message:
        'extension "hstore" is not allow-listed for "azure_pg_admin" users in Azure Database for PostgreSQL',
      hint: expect.stringContaining('how to allow an extension'),
      detail: undefined,
    });
  });

  test('the databases have the order, owners, charset and collation of Azure', async ({ postgres }) => {
    const standard = { charset: 'UTF8', collation: 'en_US.utf8' };
    expect(await server.databases.list()).toMatchObject([
      { name: 'azure_maintenance', owner: 'azuresu', ...standard },
      { name: 'postgres', owner: 'azure_pg_admin', ...standard },
      { name: 'azure_sys', owner: 'azuresu', ...standard },
    ]);
    const templates = `SELECT DISTINCT datdba::regrole::text AS owner FROM pg_database WHERE datistemplate`;
    expect(await postgres.query(server, templates)).toEqual([{ owner: 'azure_pg_admin' }]);
    await expect(postgres.openSession(server, { database: 'azure_maintenance' })).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('schema public belongs to azure_pg_admin in every database, created through SQL or ARM', async ({
    postgres,
  }) => {
    await postgres.query(server, 'CREATE DATABASE plain');
    await postgres.query(
      server,
      `CREATE DATABASE explicit TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'en_US.utf8' LC_CTYPE 'en_US.utf8'`,
    );
    await server.databases.create('through_arm', 'utf8', 'en_US.utf8');
    for (const database of ['postgres', 'plain', 'explicit', 'through_arm']) {
      expect(await postgres.query(server, PUBLIC_SCHEMA_SQL, { database })).toEqual(azurePublicSchema);
    }
    for (const name of ['plain', 'explicit', 'through_arm']) await server.databases.drop(name);
  });

  test('granting a role to azure_pg_admin is refused, and aborts the transaction as other errors do', async ({
    postgres,
  }) => {
    const session = await postgres.openSession(server);
    const refusal = { code: '42501', message: 'permission denied to alter restricted role "azure_pg_admin"' };
    await session.query('CREATE ROLE app');
    await expect(session.query('GRANT app TO azure_pg_admin')).rejects.toMatchObject(refusal);
    await expect(session.query({ text: 'GRANT app TO azure_pg_admin', values: [] })).rejects.toMatchObject(
      refusal,
    );
    await expect(
      session.query({ name: 'prepared', text: 'GRANT app TO azure_pg_admin' }),
    ).rejects.toMatchObject(refusal);
    await session.query('BEGIN');
    await expect(session.query('GRANT app TO azure_pg_admin')).rejects.toMatchObject(refusal);
    await expect(session.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await session.query('ROLLBACK');
    await session.query('GRANT CREATE ON SCHEMA public TO azure_pg_admin');
    await session.query('DROP ROLE app');
    await session.end();
  });
});

describe('databases created through ARM', () => {
  test('belong to azuresu, with the requested charset and collation', async ({ server }) => {
    await server.databases.create('of-azure', 'utf8', 'en_US.utf8');
    await server.databases.create('latin', 'LATIN1', 'C');
    expect((await server.databases.list()).slice(3)).toEqual([
      {
        name: 'of-azure',
        owner: 'azuresu',
        charset: 'UTF8',
        collation: 'en_US.utf8',
        ...defaultDatabaseFields,
      },
      { name: 'latin', owner: 'azuresu', charset: 'LATIN1', collation: 'C', ...defaultDatabaseFields },
    ]);
  });

  test('fail with PostgreSQL’s codes for a used name, an unknown collation and a missing database', async ({
    postgres,
    server,
  }) => {
    await expect(server.databases.create('postgres', 'UTF8', 'C')).rejects.toMatchObject({ code: '42P04' });
    await expect(server.databases.create('x', 'UTF8', 'xx_XX.utf8')).rejects.toMatchObject({ code: '42809' });
    await expect(postgres.query(server, `CREATE DATABASE x LC_COLLATE 'xx_XX.utf8'`)).rejects.toMatchObject({
      code: '42809',
    });
    await expect(server.databases.drop('nowhere')).rejects.toMatchObject({ code: '3D000' });
  });

  test('are listed with those created by SQL, with their comment, privileges, settings and connection limit', async ({
    postgres,
    server,
  }) => {
    await postgres.query(server, 'CREATE DATABASE by_sql IS_TEMPLATE true CONNECTION LIMIT 7');
    await postgres.query(
      server,
      `COMMENT ON DATABASE by_sql IS '{"it''s": "ours"}'; ALTER DATABASE by_sql SET work_mem = '8MB';
       REVOKE CONNECT ON DATABASE by_sql FROM PUBLIC; ALTER ROLE CURRENT_USER IN DATABASE by_sql SET work_mem = '1MB'`,
    );
    expect(await server.databases.list()).toContainEqual({
      name: 'by_sql',
      owner: administrator.login,
      charset: 'UTF8',
      collation: 'en_US.utf8',
      comment: `{"it's": "ours"}`,
      acl: [`=T/${administrator.login}`, `${administrator.login}=CTc/${administrator.login}`],
      settings: ['work_mem=8MB'],
      connectionLimit: 7,
    });
  });

  test('names and collations are quoted', async ({ server }) => {
    const name = `a"; DROP DATABASE "of-azure"; --'$`;
    await server.databases.create(name, 'UTF8', 'C');
    expect((await server.databases.list()).map((database) => database.name)).toEqual(
      expect.arrayContaining([name, 'of-azure']),
    );
    await expect(
      server.databases.create('y', 'UTF8', `C'; DROP DATABASE "of-azure"; --`),
    ).rejects.toMatchObject({
      code: '42809',
    });
    await server.databases.drop(name);
  });

  test('are dropped although sessions use them', async ({ postgres, server }) => {
    await server.databases.create('busy', 'UTF8', 'en_US.utf8');
    const session = await postgres.openSession(server, { database: 'busy' });
    await server.databases.drop('busy');
    await expect(session.query('SELECT 1')).rejects.toThrow();
    await waitUntil(async () => !(await server.databases.list()).some(({ name }) => name === 'busy'));
  });
});

describe('the administrator’s password', () => {
  const login = `ad"min ' $1`;
  const passwords = [
    'VerySecurePassword!1',
    'p@ss:w/rd%25"\'$`<space>é',
    'first line\nsecond \\line\\',
    ` lead and trail $$ ' || 'x `,
  ];

  test('can be any text, at creation and at a change, and is stored as a SCRAM verifier', async ({
    postgres,
  }) => {
    // Whitespace at both ends, so that quoting the combination is as hard as quoting each password.
    let password = ` ${passwords.join('')} `;
    const server = await postgres.startServer({
      administratorLogin: login,
      administratorLoginPassword: password,
    });
    const me = () => postgres.query(server, 'SELECT current_user AS me', { user: login, password });
    expect(await me()).toEqual([{ me: login }]);
    for (const changed of passwords) {
      await server.setAdministratorPassword(changed);
      await expect(me()).rejects.toMatchObject({ code: '28P01' });
      password = changed;
      expect(await me()).toEqual([{ me: login }]);
    }
    expect(await postgres.query(server, 'SHOW password_encryption', { user: login, password })).toEqual([
      { password_encryption: 'scram-sha-256' },
    ]);
    await server.destroy();
  });
});
