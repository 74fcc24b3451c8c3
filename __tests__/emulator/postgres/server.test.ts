import { describe, expect } from 'vitest';
import {
  RECORDED_PARAMETERS,
  type RecordedParameter,
} from '../../../emulator/postgres/azure-model/recorded-parameters.ts';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { charsetNames, findCharset, isDatabaseCharset } from '../../../src/common/charsets.ts';
import { administrator, test } from '../../helpers/emulator/postgres-fixture.ts';

type ParameterFacts = Pick<RecordedParameter, 'name' | 'dataType' | 'unit' | 'allowedValues' | 'isReadOnly'>;

async function getParameter(server: PostgresServer, name: string) {
  return (await server.parameters.list()).find((row) => row.name === name);
}

describe('server parameters', () => {
  test('are those of PostgreSQL, with ARM’s names of the types', async ({ server }) => {
    expect(await getParameter(server, 'array_nulls')).toEqual({
      name: 'array_nulls',
      value: 'on',
      description: 'Enables input of NULL elements in arrays.',
      defaultValue: 'on',
      dataType: 'Boolean',
      allowedValues: 'on,off',
      isDynamicConfig: true,
      isReadOnly: false,
      isConfigPendingRestart: false,
      source: 'system-default',
    });
    expect(await getParameter(server, 'work_mem')).toMatchObject({
      value: '4096',
      dataType: 'Integer',
      unit: 'kB',
      allowedValues: '4096-2097151',
    });
    expect(await getParameter(server, 'cursor_tuple_fraction')).toMatchObject({
      dataType: 'Numeric',
      allowedValues: '0-1',
    });
    expect(await getParameter(server, 'bytea_output')).toMatchObject({
      dataType: 'Enumeration',
      allowedValues: 'escape,hex',
    });
    expect(await getParameter(server, 'search_path')).toMatchObject({
      value: '"$user", public',
      dataType: 'String',
    });
    expect(await getParameter(server, 'max_worker_processes')).toMatchObject({ isDynamicConfig: false });
    expect(await getParameter(server, 'server_version')).toMatchObject({ isReadOnly: true });
  });

  test('have the types, units, allowed values and permissions of Azure’s recorded list', async ({
    server,
  }) => {
    const rows = await server.parameters.list();
    const recorded = RECORDED_PARAMETERS.filter(({ name }) => name !== 'azure.extensions');
    const facts = ({ name, dataType, unit, allowedValues, isReadOnly }: ParameterFacts) => ({
      ...{ name, dataType, unit, allowedValues, isReadOnly },
    });
    const present = recorded.filter(({ name }) => rows.some((row) => row.name === name));
    expect(present.length).toBeGreaterThan(300);
    expect(present.map(({ name }) => facts(rows.find((row) => row.name === name) as ParameterFacts))).toEqual(
      present.map(facts),
    );
  });

  test('include those of Azure', async ({ server }) => {
    expect(await getParameter(server, 'azure.extensions')).toMatchObject({ value: '', dataType: 'Set' });
    expect(await getParameter(server, 'require_secure_transport')).toMatchObject({
      value: 'on',
      dataType: 'Boolean',
    });
    expect(await getParameter(server, 'pgbouncer.enabled')).toMatchObject({
      value: 'false',
      dataType: 'Boolean',
    });
    await server.parameters.set('azure.extensions', 'pg_trgm,hstore');
    expect(await getParameter(server, 'azure.extensions')).toMatchObject({
      value: 'pg_trgm,hstore',
      source: 'user-override',
    });
  });

  test('do not show the values that the emulator uses for itself', async ({ postgres, server }) => {
    expect(await getParameter(server, 'fsync')).toMatchObject({ value: 'on', defaultValue: 'on' });
    expect(await getParameter(server, 'log_statement')).toMatchObject({ value: 'none' });
    await server.parameters.set('log_statement', 'ddl');
    expect(await getParameter(server, 'log_statement')).toMatchObject({ value: 'ddl', defaultValue: 'none' });
    await postgres.query(server, 'SELECT 42');
    expect((await server.statements.list()).map(({ statement }) => statement)).toContain('SELECT 42');
  });

  test('a dynamic parameter works immediately, for the next session', async ({ postgres, server }) => {
    expect(await server.parameters.set('work_mem', '8192')).toEqual({ pendingRestart: false });
    expect(await postgres.query(server, 'SHOW work_mem')).toEqual([{ work_mem: '8MB' }]);
    expect(await getParameter(server, 'work_mem')).toMatchObject({
      value: '8192',
      defaultValue: '4096',
      source: 'user-override',
    });
    await server.parameters.set('search_path', 'one, "$user"');
    expect(await postgres.query(server, 'SHOW search_path')).toEqual([{ search_path: 'one, "$user"' }]);
    await server.parameters.set('search_path', '"$user", public');
  });

  test('a static parameter needs a restart', async ({ postgres, server }) => {
    expect(await server.parameters.set('max_prepared_transactions', '7')).toEqual({ pendingRestart: true });
    expect(await getParameter(server, 'max_prepared_transactions')).toMatchObject({
      value: '7',
      isConfigPendingRestart: true,
    });
    expect(await postgres.query(server, 'SHOW max_prepared_transactions')).toEqual([
      { max_prepared_transactions: '0' },
    ]);
    await server.restart();
    expect(await getParameter(server, 'max_prepared_transactions')).toMatchObject({
      value: '7',
      isConfigPendingRestart: false,
    });
    expect(await postgres.query(server, 'SHOW max_prepared_transactions')).toEqual([
      { max_prepared_transactions: '7' },
    ]);
  });

  test('an unknown name, a read-only parameter and an invalid value fail with PostgreSQL’s codes', async ({
    server,
  }) => {
    await expect(server.parameters.set('no_such', '1')).rejects.toMatchObject({ code: '42704' });
    await expect(server.parameters.set('no.such', '1')).rejects.toMatchObject({ code: '42704' });
    await expect(server.parameters.set('port', '1')).rejects.toMatchObject({ code: '55P02' });
    await expect(server.parameters.set('work_mem', 'lots')).rejects.toMatchObject({ code: '22023' });
    await expect(server.parameters.set('work_mem', `1'; DROP TABLE x; --`)).rejects.toMatchObject({
      code: '22023',
    });
  });

  test('require_secure_transport off permits a session without TLS', async ({ postgres, server }) => {
    await server.parameters.set('require_secure_transport', 'OFF');
    expect(await postgres.query(server, 'SELECT 1 AS one', { ssl: false })).toEqual([{ one: 1 }]);
    await server.parameters.set('require_secure_transport', 'on');
    await expect(postgres.openSession(server, { ssl: false })).rejects.toMatchObject({ code: '28000' });
  });
});

test('every character set that an input can name has PostgreSQL’s own name, and the same for databases and clients', async ({
  postgres,
  server,
}) => {
  const rows = await postgres.query(
    server,
    `SELECT name, pg_encoding_to_char(pg_char_to_encoding(name)) AS charset, pg_char_to_encoding(name) <= pg_char_to_encoding('KOI8U') AS database
     FROM unnest('{${charsetNames.join(',')}}'::text[]) AS name`,
  );
  expect(rows).toEqual(
    charsetNames.map((name) => {
      const charset = findCharset(name) ?? '';
      return { name, charset, database: isDatabaseCharset(charset) };
    }),
  );
  const known = await postgres.query(
    server,
    `SELECT pg_encoding_to_char(n) AS name FROM generate_series(0, 60) n WHERE pg_encoding_to_char(n) <> ''`,
  );
  expect(known.map(({ name }) => findCharset(String(name)))).toEqual(known.map(({ name }) => name));
});

describe('executed statements', () => {
  const texts = async (server: PostgresServer) =>
    (await server.statements.list()).map(({ statement }) => statement);

  test('statements of both protocols are listed in order and unchanged', async ({ postgres, server }) => {
    await server.statements.clear();
    const session = await postgres.openSession(server);
    await session.query("SELECT 'statement: one',\n  'é \"two\"'");
    await session.query('SELECT $1::int AS n, $2::text', [7, "it's"]);
    await session.query({ name: 'pre:pared', text: 'SELECT 3' });
    await session.end();
    expect(await server.statements.list()).toEqual([
      expect.objectContaining({
        server: 'demo-relecloud',
        database: 'postgres',
        user: administrator.login,
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        statement: "SELECT 'statement: one',\n  'é \"two\"'",
      }),
      expect.objectContaining({
        statement: 'SELECT $1::int AS n, $2::text',
        detail: expect.stringContaining("$2 = 'it''s'"),
      }),
      expect.objectContaining({ statement: 'SELECT 3' }),
    ]);
  });

  test('a statement is listed when its client has the answer, also a failed one', async ({
    postgres,
    server,
  }) => {
    await server.statements.clear();
    const session = await postgres.openSession(server);
    for (let i = 0; i < 20; i += 1) {
      await session.query(`SELECT ${i}`);
      expect((await texts(server)).at(-1)).toBe(`SELECT ${i}`);
    }
    await expect(session.query('CREATE DATABASE postgres')).rejects.toMatchObject({ code: '42P04' });
    expect((await texts(server)).at(-1)).toBe('CREATE DATABASE postgres');
    await session.end();
  });

  test('statements of the service, with their passwords, are not listed', async ({ server }) => {
    await server.statements.clear();
    await server.databases.create('through_arm', 'UTF8', 'C');
    await server.setAdministratorPassword(administrator.password);
    await server.parameters.list();
    expect(await texts(server)).toEqual([]);
  });

  test('clear removes the earlier statements only', async ({ postgres, server }) => {
    await postgres.query(server, 'SELECT 1');
    await server.statements.clear();
    await postgres.query(server, 'SELECT 2');
    expect(await texts(server)).toEqual(['SELECT 2']);
  });

  test('simultaneous lists neither lose nor repeat statements', async ({ postgres, server }) => {
    await server.statements.clear();
    const sessions = await Promise.all(Array.from({ length: 10 }, () => postgres.openSession(server)));
    const queries = sessions.map(async (session, i) => {
      await session.query(`SELECT ${i}, '${'x'.repeat(20_000)}'`);
      expect((await texts(server)).filter((statement) => statement.startsWith(`SELECT ${i},`))).toHaveLength(
        1,
      );
      await session.end();
    });
    await Promise.all(queries);
    const listed = (await texts(server)).map((statement) => statement.slice(0, 8)).sort();
    expect(listed).toEqual(Array.from({ length: 10 }, (_, i) => `SELECT ${i}`));
  });

  test('statements stay listed after a restart and a stop', async ({ postgres, server }) => {
    await server.statements.clear();
    await postgres.query(server, 'SELECT 1');
    await server.restart();
    await postgres.query(server, 'SELECT 2');
    await server.stop();
    expect(await texts(server)).toEqual(['SELECT 1', 'SELECT 2']);
    await server.start();
    expect(await texts(server)).toEqual(['SELECT 1', 'SELECT 2']);
  });
});
