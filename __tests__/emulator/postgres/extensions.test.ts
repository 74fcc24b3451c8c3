import type pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect } from 'vitest';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { administrator, test } from '../../helpers/emulator/postgres-fixture.ts';

function notAllowListedError(extension: string) {
  return {
    code: '0A000',
    message: `extension "${extension}" is not allow-listed for "azure_pg_admin" users in Azure Database for PostgreSQL`,
    hint: expect.stringContaining('how to allow an extension'),
    detail: undefined,
  };
}

const defaultAllowList = 'CITEXT, hstore,earthdistance';

const membersOnlyError = {
  code: '42501',
  message: 'Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION',
};

describe.each(['17', '18'])('extensions on PostgreSQL %s', (major) => {
  let server: PostgresServer;
  let session: pg.Client;
  test.beforeAll(async ({ postgres }) => {
    server = await postgres.startServer({ major });
    await postgres.query(server, `CREATE ROLE app LOGIN PASSWORD 'app'`);
    await postgres.query(server, 'CREATE DATABASE clean IS_TEMPLATE true');
    await postgres.query(server, 'CREATE DATABASE work');
    await server.parameters.set('azure.extensions', defaultAllowList);
    session = await postgres.openSession(server, { database: 'work' });
  });
  afterAll(async () => {
    await session.end();
    await server.destroy();
  });
  afterEach(async () => {
    await session.query('RESET ROLE; RESET azure.extensions');
    await server.parameters.set('azure.extensions', (await installed()).join(','));
    for (const name of await installed()) await session.query(`DROP EXTENSION IF EXISTS "${name}" CASCADE`);
    await server.parameters.set('azure.extensions', defaultAllowList);
  });

  /** Set another allow-list. `afterEach` restores the default. */
  async function allow(list: string): Promise<void> {
    await server.parameters.set('azure.extensions', list);
  }

  async function installed(): Promise<string[]> {
    const { rows } = await session.query<{ name: string }>(
      `SELECT extname AS name FROM pg_extension WHERE extname <> ALL ('{azure,plpgsql}') ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  }

  test('the administrator creates and drops extensions on the allow-list, whose case is ignored', async () => {
    await session.query('CREATE EXTENSION citext');
    await session.query('CREATE EXTENSION "hstore"');
    expect(await installed()).toEqual(['citext', 'hstore']);
    await session.query('ALTER EXTENSION citext UPDATE');
    await session.query('DROP EXTENSION citext, hstore');
    expect(await installed()).toEqual([]);
  });

  test.each([
    'CREATE EXTENSION pg_trgm',
    'create /* EXTENSION hstore */ extension\n  if not exists -- hstore\n "pg_trgm" WITH SCHEMA public',
    'SELECT 1; CREATE EXTENSION pg_trgm; SELECT 2',
    'CREATE EXTENSION U&"pg\\005ftrgm"',
    `DO $$BEGIN CREATE EXTENSION pg_trgm; END$$`,
    `DO $$BEGIN EXECUTE 'create ext' || 'ension pg' || '_trgm'; END$$`,
    `SET azure.extensions = 'pg_trgm'; CREATE EXTENSION pg_trgm`,
  ])(
    'an extension that is not on the allow-list is refused in every form of the statement: %s',
    async (sql) => {
      await expect(session.query(sql)).rejects.toMatchObject(notAllowListedError('pg_trgm'));
      expect(await installed()).toEqual([]);
    },
  );

  test('the allow-list applies in the extended protocol, in functions, and after a caught error', async () => {
    const text = 'CREATE EXTENSION pg_trgm';
    await expect(session.query({ name: 'prepared', text })).rejects.toMatchObject(
      notAllowListedError('pg_trgm'),
    );
    await session.query(`CREATE FUNCTION make() RETURNS void LANGUAGE sql AS 'CREATE EXTENSION pg_trgm'`);
    await expect(session.query('SELECT make()')).rejects.toMatchObject(notAllowListedError('pg_trgm'));
    await session.query(`DO $$BEGIN CREATE EXTENSION pg_trgm; EXCEPTION WHEN feature_not_supported THEN
                          CREATE EXTENSION hstore; END$$`);
    expect(await installed()).toEqual(['hstore']);
    await session.query('DROP FUNCTION make()');
  });

  test('settings of a client do not extend the allow-list', async ({ postgres }) => {
    for (const target of ['SYSTEM', 'DATABASE work', 'ROLE app']) {
      const sql = `ALTER ${target} SET azure.extensions = 'pg_trgm'`;
      await expect(session.query(sql)).rejects.toMatchObject({ code: '42501' });
    }
    const options = `-c azure.extensions=pg_trgm`;
    await expect(
      postgres.query(server, 'CREATE EXTENSION pg_trgm', { database: 'work', options }),
    ).rejects.toMatchObject(notAllowListedError('pg_trgm'));
    await expect(session.query('SET event_triggers = off')).rejects.toMatchObject({ code: '42501' });
  });

  test('a changed allow-list applies immediately, also in open sessions', async ({ postgres }) => {
    await expect(session.query('CREATE EXTENSION pg_trgm')).rejects.toMatchObject(
      notAllowListedError('pg_trgm'),
    );
    await allow('pg_trgm');
    await session.query('CREATE EXTENSION pg_trgm');
    await expect(session.query('CREATE EXTENSION hstore')).rejects.toMatchObject(
      notAllowListedError('hstore'),
    );
    expect(await postgres.query(server, 'SHOW azure.extensions')).toEqual([
      { 'azure.extensions': 'pg_trgm' },
    ]);
  });

  test('extensions that CASCADE adds must be on the allow-list too', async () => {
    const sql = 'CREATE EXTENSION earthdistance CASCADE';
    await expect(session.query(sql)).rejects.toMatchObject(notAllowListedError('cube'));
    await allow('earthdistance,cube');
    await session.query(sql);
    expect(await installed()).toEqual(['cube', 'earthdistance']);
  });

  test('IF NOT EXISTS gives a notice for an existing extension, on the allow-list or not', async () => {
    await session.query('CREATE EXTENSION hstore');
    await allow('');
    const notices: unknown[] = [];
    session.on('notice', ({ message }) => notices.push(message));
    await session.query('CREATE EXTENSION IF NOT EXISTS hstore');
    expect(notices).toEqual(['extension "hstore" already exists, skipping']);
    await session.query('CREATE EXTENSION IF NOT EXISTS plpgsql');
    await expect(session.query('CREATE EXTENSION hstore')).rejects.toMatchObject({ code: '42710' });
  });

  test.each(['vector', 'plpython3u', 'file_fdw', 'no"such'])(
    'an extension that the server does not have gets the same error: %s',
    async (name) => {
      const quoted = `"${name.replace('"', '""')}"`;
      await expect(session.query(`CREATE EXTENSION ${quoted}`)).rejects.toMatchObject(
        notAllowListedError(name),
      );
      await expect(
        session.query(`DO $do$BEGIN EXECUTE 'CREATE EXTENSION ${quoted}'; END$do$`),
      ).rejects.toMatchObject(notAllowListedError(name));
    },
  );

  test('a role that is not a member of azure_pg_admin cannot run CREATE EXTENSION, even for an existing one', async ({
    postgres,
  }) => {
    const asApp = { user: 'app', password: 'app', database: 'work' };
    await session.query(
      'CREATE EXTENSION hstore; GRANT ALL ON DATABASE work TO app; GRANT app TO CURRENT_USER',
    );
    for (const sql of [
      'CREATE EXTENSION citext',
      'CREATE EXTENSION IF NOT EXISTS hstore',
      'CREATE EXTENSION nope',
    ]) {
      await expect(postgres.query(server, sql, asApp)).rejects.toMatchObject(membersOnlyError);
    }
    await expect(session.query('SET ROLE app; CREATE EXTENSION citext')).rejects.toMatchObject(
      membersOnlyError,
    );
  });

  test('the allow-list applies in every database, for every template', async ({ postgres }) => {
    await server.databases.create('by-arm', 'UTF8', 'en_US.utf8');
    await postgres.query(server, 'CREATE DATABASE from0 TEMPLATE template0');
    await postgres.query(server, 'CREATE DATABASE clone TEMPLATE clean STRATEGY file_copy');
    for (const database of ['postgres', 'by-arm', 'from0', 'clone']) {
      await expect(postgres.query(server, 'CREATE EXTENSION lo', { database })).rejects.toMatchObject(
        notAllowListedError('lo'),
      );
      await postgres.query(server, 'CREATE EXTENSION hstore', { database });
    }
    for (const name of ['by-arm', 'from0', 'clone']) await server.databases.drop(name);
    await postgres.query(server, 'DROP EXTENSION hstore');
  });

  test('every extension that the server offers can be created, trusted by PostgreSQL or not', async () => {
    const row = (await server.parameters.list()).find(({ name }) => name === 'azure.extensions');
    expect(row).toMatchObject({ dataType: 'Set', defaultValue: '' });
    const offered = row?.allowedValues.split(',').filter((name) => name !== '') ?? [];
    expect(offered).toEqual(
      expect.arrayContaining(['pg_stat_statements', 'pg_trgm', 'plpgsql', 'uuid-ossp']),
    );
    expect(offered).not.toContain('azure');
    await allow(offered.join(','));
    for (const name of offered) await session.query(`CREATE EXTENSION IF NOT EXISTS "${name}" CASCADE`);
    expect(await installed()).toEqual(offered.filter((name) => name !== 'plpgsql'));
  });

  test('clients see as trusted only what PostgreSQL trusts, although a member can create the others too', async ({
    postgres,
  }) => {
    const sql = `SELECT DISTINCT trusted, name FROM pg_available_extension_versions
      WHERE name IN ('hstore', 'citext', 'pgcrypto', 'dblink', 'pg_stat_statements', 'earthdistance', 'azure')
      ORDER BY 1, 2`;
    await server.databases.create('trust', 'UTF8', 'en_US.utf8');
    for (const database of ['postgres', 'work', 'trust']) {
      const rows = await postgres.query(server, sql, { database });
      const names = (trusted: boolean) =>
        rows.filter((row) => row['trusted'] === trusted).map(({ name }) => name);
      expect(names(true)).toEqual(['citext', 'hstore', 'pgcrypto']);
      expect(names(false)).toEqual(['azure', 'dblink', 'earthdistance', 'pg_stat_statements']);
    }
    await server.databases.drop('trust');
    await allow('dblink');
    await session.query('CREATE EXTENSION dblink');
  });

  test('the objects of an extension belong to the service, trusted or not', async () => {
    await allow('hstore,dblink');
    await session.query('CREATE EXTENSION hstore; CREATE EXTENSION dblink');
    const { rows } = await session.query(
      `SELECT DISTINCT proowner::regrole::text AS owner FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
    );
    expect(rows).toEqual([{ owner: 'azuresu' }]);
    await session.query('CREATE SCHEMA target');
    for (const sql of [
      'ALTER FUNCTION dblink_connect(text) COST 2',
      'ALTER EXTENSION hstore SET SCHEMA target',
    ])
      await expect(session.query(sql)).rejects.toMatchObject({ code: '42501' });
    await session.query('DROP SCHEMA target');
  });

  test('DROP EXTENSION is for members of azure_pg_admin, and for extensions on the allow-list', async () => {
    await session.query('CREATE EXTENSION hstore');
    await allow('');
    await expect(session.query('DROP EXTENSION hstore')).rejects.toMatchObject(notAllowListedError('hstore'));
    await expect(session.query('DO $$BEGIN DROP EXTENSION hstore; END$$')).rejects.toMatchObject(
      notAllowListedError('hstore'),
    );
    await allow('hstore');
    await session.query('GRANT app TO CURRENT_USER');
    await expect(session.query('SET ROLE app; DROP EXTENSION IF EXISTS hstore')).rejects.toMatchObject({
      code: '42501',
      message: 'Only members of "azure_pg_admin" are allowed to use DROP EXTENSION',
    });
    await session.query('RESET ROLE; DROP EXTENSION hstore');
    expect(await installed()).toEqual([]);
  });

  test('the extension of the service is in every database, and affects neither ownership changes nor dumps', async () => {
    const { rows } = await session.query(
      `SELECT extnamespace::regnamespace::text AS schema, extowner::regrole::text AS owner
       FROM pg_extension WHERE extname = 'azure'`,
    );
    expect(rows).toEqual([{ schema: 'pg_catalog', owner: 'azuresu' }]);
    for (const sql of ['DROP EXTENSION azure', 'DROP EVENT TRIGGER azure_extension_3_allow_list']) {
      await expect(session.query(sql)).rejects.toMatchObject({ code: '42501' });
    }
    await session.query('CREATE ROLE other_role; GRANT other_role TO CURRENT_USER');
    await session.query(
      'CREATE TABLE mine (); REASSIGN OWNED BY other_role TO CURRENT_USER; DROP OWNED BY other_role',
    );
    await session.query('DROP ROLE other_role');
    // pg_dump omits members of extensions.
    const { rows: dumpedObjects } = await session.query(
      `SELECT evtname FROM pg_event_trigger t WHERE NOT EXISTS (
         SELECT FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e')
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
    );
    expect(dumpedObjects).toEqual([]);
  });
});

describe.each(['17', '18'])(
  'in a database that the administrator does not own, on PostgreSQL %s',
  (major) => {
    // A name that needs quotes in access privileges.
    const login = `ad"min ' $1`;
    const asAdmin = { user: login, password: administrator.password, database: 'by-arm' };
    let server: PostgresServer;
    test.beforeAll(async ({ postgres }) => {
      server = await postgres.startServer({ major, administratorLogin: login });
      await server.parameters.set('azure.extensions', 'hstore,pg_trgm,pgstattuple');
    });
    beforeEach(() => server.databases.create('by-arm', 'UTF8', 'en_US.utf8'));
    afterEach(() => server.databases.drop('by-arm'));
    afterAll(() => server.destroy());

    async function privileges() {
      return (await server.databases.list()).find(({ name }) => name === 'by-arm')?.acl;
    }

    test('an extension can be created, and no other object, not even in the same transaction', async ({
      postgres,
    }) => {
      const session = await postgres.openSession(server, asAdmin);
      await expect(session.query('CREATE SCHEMA mine')).rejects.toMatchObject({ code: '42501' });
      await session.query('BEGIN; CREATE EXTENSION pgstattuple');
      await expect(session.query('CREATE SCHEMA mine')).rejects.toMatchObject({ code: '42501' });
      await session.query('ROLLBACK');
      await session.query('CREATE EXTENSION pgstattuple; CREATE EXTENSION IF NOT EXISTS pgstattuple');
      await expect(session.query('CREATE EXTENSION lo')).rejects.toMatchObject(notAllowListedError('lo'));
      await expect(session.query('CREATE SCHEMA mine')).rejects.toMatchObject({ code: '42501' });
      await session.end();
      expect(await privileges()).toBeNull();
    });

    test('the privileges on the database stay unchanged', async ({ postgres }) => {
      const other = { user: 'other', password: 'other', database: 'postgres' };
      await postgres.query(server, `CREATE ROLE other LOGIN CREATEDB PASSWORD 'other'`, {
        ...asAdmin,
        database: 'postgres',
      });
      await postgres.query(server, 'CREATE DATABASE granted', other);
      await postgres.query(server, `GRANT TEMPORARY ON DATABASE granted TO "ad""min ' $1"`, other);
      const acl = async () => (await server.databases.list()).find(({ name }) => name === 'granted')?.acl;
      const before = await acl();
      expect(before).toHaveLength(3);
      await postgres.query(server, 'CREATE EXTENSION hstore', { ...asAdmin, database: 'granted' });
      expect(await acl()).toEqual(before);
    });

    test('two sessions can create extensions at the same time', async ({ postgres }) => {
      for (let round = 0; round < 5; round += 1) {
        const sessions = await Promise.all([
          postgres.openSession(server, asAdmin),
          postgres.openSession(server, asAdmin),
        ]);
        const names = ['hstore', 'pg_trgm'];
        await Promise.all(sessions.map((session, i) => session.query(`CREATE EXTENSION ${names[i]}`)));
        await Promise.all(sessions.map((session, i) => session.query(`DROP EXTENSION ${names[i]}`)));
        await Promise.all(sessions.map((session) => session.end()));
      }
      expect(await privileges()).toBeNull();
    });
  },
);
