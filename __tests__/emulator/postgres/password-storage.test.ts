import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { describe, expect } from 'vitest';
import type { PasswordStorage } from '../../../emulator/postgres/password-storage.ts';
import { scramVerifier } from '../../../src/postgres/password.ts';
import { admin, test as base, type Postgres } from '../../helpers/emulator/postgres-fixture.ts';

const passwordEncryption = 'password_encryption';
const accepted = 'azure.accepted_password_auth_method';

/** A server for each way to store passwords, started for the first test that asks for it. */
const test = base.extend('storing', { scope: 'file' }, async ({ postgres }) => {
  const servers = new Map<PasswordStorage, ReturnType<Postgres['server']>>();
  return (passwordStorage: PasswordStorage) => {
    const server = servers.get(passwordStorage) ?? postgres.server({ passwordStorage });
    servers.set(passwordStorage, server);
    return server;
  };
});

type Asked = 'MD5' | 'SCRAM' | 'nothing';

/** What PostgreSQL asks for at a login, and whether the login succeeds. */
async function login(
  postgres: Postgres,
  server: Awaited<ReturnType<Postgres['server']>>,
  user: string,
  password: string,
): Promise<{ readonly asked: Asked; readonly result: string }> {
  let asked: Asked = 'nothing';
  const watch = (client: pg.Client): void => {
    client.connection.on('authenticationMD5Password', () => {
      asked = 'MD5';
    });
    client.connection.on('authenticationSASL', () => {
      asked = 'SCRAM';
    });
  };
  const result = await postgres.login(server, { user, password }, watch).then(
    async (client) => {
      await client.end();
      return 'logged in';
    },
    (error: { readonly code?: string }) => String(error.code),
  );
  return { asked, result };
}

const newRole = () => `role_${randomUUID().slice(0, 8)}`;

describe('a server from before about October 2024', () => {
  test('stores the administrator’s password as MD5 and asks for that', async ({ postgres, storing }) => {
    const server = await storing('md5');
    expect(await login(postgres, server, admin.login, admin.password)).toEqual({
      asked: 'MD5',
      result: 'logged in',
    });
    expect(await login(postgres, server, admin.login, 'wrong')).toEqual({ asked: 'MD5', result: '28P01' });
  });

  test('stores a password that is given in clear text as MD5, and a verifier as it is', async ({
    postgres,
    storing,
  }) => {
    const server = await storing('md5');
    for (const [given, asked] of [
      ['VerySecure!1', 'MD5'],
      [scramVerifier('VerySecure!1'), 'SCRAM'],
    ] as const) {
      const role = newRole();
      await postgres.ask(server, `CREATE ROLE ${role} LOGIN PASSWORD '${given}'`);
      expect(await login(postgres, server, role, 'VerySecure!1')).toEqual({ asked, result: 'logged in' });
    }
  });

  test('shows both parameters, to ARM and to clients', async ({ postgres, storing }) => {
    const server = await storing('md5');
    const rows = new Map((await server.parameters()).map((row) => [row.name, row]));
    const common = { isDynamicConfig: true, isReadOnly: false, source: 'system-default' };
    expect(rows.get(passwordEncryption)).toMatchObject({
      ...common,
      value: 'md5',
      defaultValue: 'md5',
      dataType: 'Enumeration',
      allowedValues: 'md5,scram-sha-256',
    });
    expect(rows.get(accepted)).toMatchObject({
      ...common,
      value: 'md5',
      defaultValue: 'md5',
      dataType: 'Set',
      allowedValues: 'md5,scram-sha-256',
    });
    const shown = await postgres.ask(
      server,
      `SELECT current_setting('${passwordEncryption}') AS one, current_setting('${accepted}') AS other`,
    );
    expect(shown).toEqual([{ one: 'md5', other: 'md5' }]);
  });

  test('may refuse a verifier, until SCRAM is accepted', async ({ postgres, storing }) => {
    const server = await storing('md5-strict');
    const role = newRole();
    await postgres.ask(server, `CREATE ROLE ${role} LOGIN PASSWORD '${scramVerifier('VerySecure!1')}'`);
    expect(await login(postgres, server, role, 'VerySecure!1')).toEqual({
      asked: 'nothing',
      result: '28P01',
    });
    expect((await login(postgres, server, admin.login, admin.password)).result).toBe('logged in');
    await server.setParameter(accepted, 'md5,scram-sha-256');
    expect((await login(postgres, server, role, 'VerySecure!1')).result).toBe('logged in');
    await server.setParameter(accepted, 'md5');
    expect((await login(postgres, server, role, 'VerySecure!1')).result).toBe('28P01');
  });

  test('stores passwords as SCRAM once the parameters say so, also after a restart', async ({
    postgres,
    storing,
  }) => {
    const server = await storing('md5-strict');
    await server.setParameter(passwordEncryption, 'scram-sha-256');
    await server.setParameter(accepted, 'scram-sha-256');
    await server.restart();
    // What is stored as MD5 is not accepted any more.
    expect((await login(postgres, server, admin.login, admin.password)).result).toBe('28P01');
    await server.setAdministratorPassword(admin.password);
    expect(await login(postgres, server, admin.login, admin.password)).toEqual({
      asked: 'SCRAM',
      result: 'logged in',
    });
  });
});

test('a new server stores passwords as SCRAM, and accepts MD5 too', async ({ postgres, server }) => {
  expect(await login(postgres, server, admin.login, admin.password)).toEqual({
    asked: 'SCRAM',
    result: 'logged in',
  });
  const rows = new Map((await server.parameters()).map((row) => [row.name, row]));
  expect([rows.get(passwordEncryption)?.value, rows.get(accepted)?.value]).toEqual([
    'scram-sha-256',
    'md5,scram-sha-256',
  ]);
  const role = newRole();
  await postgres.ask(
    server,
    `SET password_encryption = md5; CREATE ROLE ${role} LOGIN PASSWORD 'VerySecure!1'`,
  );
  expect(await login(postgres, server, role, 'VerySecure!1')).toEqual({ asked: 'MD5', result: 'logged in' });
});
