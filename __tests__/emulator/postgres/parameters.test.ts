import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { createFixture, type Fixture } from '../../helpers/emulator/postgres-fixture.ts';

let fixture: Fixture;
let server: PostgresServer;
beforeAll(async () => {
  fixture = await createFixture();
  server = await fixture.server();
});
afterAll(() => fixture[Symbol.asyncDispose]());

async function parameter(name: string) {
  return (await server.parameters()).find((row) => row.name === name);
}

describe('server parameters', () => {
  test('are PostgreSQL’s own in ARM’s words', async () => {
    expect(await parameter('array_nulls')).toEqual({
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
    expect(await parameter('work_mem')).toMatchObject({
      value: '4096',
      dataType: 'Integer',
      allowedValues: '64-2147483647',
    });
    expect(await parameter('cursor_tuple_fraction')).toMatchObject({
      dataType: 'Numeric',
      allowedValues: '0-1',
    });
    expect(await parameter('bytea_output')).toMatchObject({
      dataType: 'Enumeration',
      allowedValues: 'escape,hex',
    });
    expect(await parameter('search_path')).toMatchObject({ value: '"$user", public', dataType: 'String' });
    expect(await parameter('max_worker_processes')).toMatchObject({ isDynamicConfig: false });
    expect(await parameter('server_version')).toMatchObject({ isReadOnly: true });
  });

  test('have Azure’s own among them', async () => {
    expect(await parameter('azure.extensions')).toMatchObject({ value: '', dataType: 'Set' });
    expect(await parameter('require_secure_transport')).toMatchObject({ value: 'on', dataType: 'Boolean' });
    expect(await parameter('pgbouncer.enabled')).toMatchObject({ value: 'false', dataType: 'Boolean' });
    await server.setParameter('azure.extensions', 'pg_trgm,hstore');
    expect(await parameter('azure.extensions')).toMatchObject({
      value: 'pg_trgm,hstore',
      source: 'user-override',
    });
  });

  test('what the emulator runs with for its own sake is not shown', async () => {
    expect(await parameter('fsync')).toMatchObject({ value: 'on', defaultValue: 'on' });
    expect(await parameter('log_statement')).toMatchObject({ value: 'none' });
    await server.setParameter('log_statement', 'ddl');
    expect(await parameter('log_statement')).toMatchObject({ value: 'ddl', defaultValue: 'none' });
    await fixture.ask(server, 'SELECT 42');
    expect((await server.statements()).map(({ statement }) => statement)).toContain('SELECT 42');
  });

  test('a dynamic one works as soon as it is set, for the next session', async () => {
    expect(await server.setParameter('work_mem', '8192')).toEqual({ pendingRestart: false });
    expect(await fixture.ask(server, 'SHOW work_mem')).toEqual([{ work_mem: '8MB' }]);
    expect(await parameter('work_mem')).toMatchObject({
      value: '8192',
      defaultValue: '4096',
      source: 'user-override',
    });
    await server.setParameter('search_path', 'one, "$user"');
    expect(await fixture.ask(server, 'SHOW search_path')).toEqual([{ search_path: 'one, "$user"' }]);
    await server.setParameter('search_path', '"$user", public');
  });

  test('a static one waits for a restart', async () => {
    expect(await server.setParameter('max_prepared_transactions', '7')).toEqual({ pendingRestart: true });
    expect(await parameter('max_prepared_transactions')).toMatchObject({
      value: '7',
      isConfigPendingRestart: true,
    });
    expect(await fixture.ask(server, 'SHOW max_prepared_transactions')).toEqual([
      { max_prepared_transactions: '0' },
    ]);
    await server.restart();
    expect(await parameter('max_prepared_transactions')).toMatchObject({
      value: '7',
      isConfigPendingRestart: false,
    });
    expect(await fixture.ask(server, 'SHOW max_prepared_transactions')).toEqual([
      { max_prepared_transactions: '7' },
    ]);
  });

  test('a name that does not exist and a value out of range are refused by PostgreSQL’s codes', async () => {
    await expect(server.setParameter('no_such', '1')).rejects.toMatchObject({ code: '42704' });
    await expect(server.setParameter('no.such', '1')).rejects.toMatchObject({ code: '42704' });
    await expect(server.setParameter('port', '1')).rejects.toMatchObject({ code: '55P02' });
    await expect(server.setParameter('work_mem', 'lots')).rejects.toMatchObject({ code: '22023' });
    await expect(server.setParameter('work_mem', `1'; DROP TABLE x; --`)).rejects.toMatchObject({
      code: '22023',
    });
  });

  test('require_secure_transport off lets a session in without TLS', async () => {
    await server.setParameter('require_secure_transport', 'OFF');
    expect(await fixture.ask(server, 'SELECT 1 AS one', { ssl: false })).toEqual([{ one: 1 }]);
    await server.setParameter('require_secure_transport', 'on');
    await expect(fixture.login(server, { ssl: false })).rejects.toMatchObject({ code: '28000' });
  });
});
