import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { describe, expect } from 'vitest';
import type { PasswordStorage } from '../../../emulator/postgres/types.ts';
import { createScramVerifier } from '../../../src/postgres/password.ts';
import {
  administrator,
  test as base,
  type PostgresFixture,
} from '../../helpers/emulator/postgres-fixture.ts';

const PASSWORD_ENCRYPTION = 'password_encryption';
const ACCEPTED_AUTH_METHOD = 'azure.accepted_password_auth_method';

/** A server for each password storage, started for the first test that needs it. */
const test = base.extend('serverWith', { scope: 'file' }, async ({ postgres }) => {
  const servers = new Map<PasswordStorage, ReturnType<PostgresFixture['startServer']>>();
  return (passwordStorage: PasswordStorage) => {
    const server = servers.get(passwordStorage) ?? postgres.startServer({ passwordStorage });
    servers.set(passwordStorage, server);
    return server;
  };
});

type PasswordRequest = 'MD5' | 'SCRAM' | 'nothing';

/** The password request of PostgreSQL at a login, and whether the login succeeds. */
async function attemptLogin(
  postgres: PostgresFixture,
  server: Awaited<ReturnType<PostgresFixture['startServer']>>,
  user: string,
  password: string,
): Promise<{ readonly requested: PasswordRequest; readonly result: string }> {
  let requested: PasswordRequest = 'nothing';
  const watch = (client: pg.Client): void => {
    client.connection.on('authenticationMD5Password', () => {
      requested = 'MD5';
    });
    client.connection.on('authenticationSASL', () => {
      requested = 'SCRAM';
    });
  };
  const result = await postgres.openSession(server, { user, password }, watch).then(
    async (client) => {
      await client.end();
      return 'logged in';
    },
    (error: { readonly code?: string }) => String(error.code),
  );
  return { requested, result };
}

const newRoleName = () => `role_${randomUUID().slice(0, 8)}`;

describe('a server from before about October 2024', () => {
  test('stores the administrator’s password as MD5 and requests MD5', async ({ postgres, serverWith }) => {
    const server = await serverWith('md5');
    expect(await attemptLogin(postgres, server, administrator.login, administrator.password)).toEqual({
      requested: 'MD5',
      result: 'logged in',
    });
    expect(await attemptLogin(postgres, server, administrator.login, 'wrong')).toEqual({
      requested: 'MD5',
      result: '28P01',
    });
  });

  test('stores a clear text password as MD5, and a SCRAM verifier unchanged', async ({
    postgres,
    serverWith,
  }) => {
    const server = await serverWith('md5');
    for (const [password, requested] of [
      ['VerySecure!1', 'MD5'],
      [createScramVerifier('VerySecure!1'), 'SCRAM'],
    ] as const) {
      const role = newRoleName();
      await postgres.query(server, `CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
      expect(await attemptLogin(postgres, server, role, 'VerySecure!1')).toEqual({
        requested,
        result: 'logged in',
      });
    }
  });

  test('shows both parameters to ARM and to clients', async ({ postgres, serverWith }) => {
    const server = await serverWith('md5');
    const rows = new Map((await server.parameters.list()).map((row) => [row.name, row]));
    const common = { isDynamicConfig: true, isReadOnly: false, source: 'system-default' };
    expect(rows.get(PASSWORD_ENCRYPTION)).toMatchObject({
      ...common,
      value: 'md5',
      defaultValue: 'md5',
      dataType: 'Enumeration',
      allowedValues: 'md5,scram-sha-256',
    });
    expect(rows.get(ACCEPTED_AUTH_METHOD)).toMatchObject({
      ...common,
      value: 'md5',
      defaultValue: 'md5',
      dataType: 'Set',
      allowedValues: 'md5,scram-sha-256',
    });
    const shown = await postgres.query(
      server,
      `SELECT current_setting('${PASSWORD_ENCRYPTION}') AS one, current_setting('${ACCEPTED_AUTH_METHOD}') AS other`,
    );
    expect(shown).toEqual([{ one: 'md5', other: 'md5' }]);
  });

  test('refuses a SCRAM verifier with md5-strict, until the parameter accepts SCRAM', async ({
    postgres,
    serverWith,
  }) => {
    const server = await serverWith('md5-strict');
    const role = newRoleName();
    await postgres.query(
      server,
      `CREATE ROLE ${role} LOGIN PASSWORD '${createScramVerifier('VerySecure!1')}'`,
    );
    expect(await attemptLogin(postgres, server, role, 'VerySecure!1')).toEqual({
      requested: 'nothing',
      result: '28P01',
    });
    expect((await attemptLogin(postgres, server, administrator.login, administrator.password)).result).toBe(
      'logged in',
    );
    await server.parameters.set(ACCEPTED_AUTH_METHOD, 'md5,scram-sha-256');
    expect((await attemptLogin(postgres, server, role, 'VerySecure!1')).result).toBe('logged in');
    await server.parameters.set(ACCEPTED_AUTH_METHOD, 'md5');
    expect((await attemptLogin(postgres, server, role, 'VerySecure!1')).result).toBe('28P01');
  });

  test('stores passwords as SCRAM after both parameters are changed, also after a restart', async ({
    postgres,
    serverWith,
  }) => {
    const server = await serverWith('md5-strict');
    await server.parameters.set(PASSWORD_ENCRYPTION, 'scram-sha-256');
    await server.parameters.set(ACCEPTED_AUTH_METHOD, 'scram-sha-256');
    await server.restart();
    // A password that is stored as MD5 is no longer accepted.
    expect((await attemptLogin(postgres, server, administrator.login, administrator.password)).result).toBe(
      '28P01',
    );
    await server.setAdministratorPassword(administrator.password);
    expect(await attemptLogin(postgres, server, administrator.login, administrator.password)).toEqual({
      requested: 'SCRAM',
      result: 'logged in',
    });
  });
});

test('a new server stores passwords as SCRAM, and accepts passwords that are stored as MD5', async ({
  postgres,
  server,
}) => {
  expect(await attemptLogin(postgres, server, administrator.login, administrator.password)).toEqual({
    requested: 'SCRAM',
    result: 'logged in',
  });
  const rows = new Map((await server.parameters.list()).map((row) => [row.name, row]));
  expect([rows.get(PASSWORD_ENCRYPTION)?.value, rows.get(ACCEPTED_AUTH_METHOD)?.value]).toEqual([
    'scram-sha-256',
    'md5,scram-sha-256',
  ]);
  const role = newRoleName();
  await postgres.query(
    server,
    `SET password_encryption = md5; CREATE ROLE ${role} LOGIN PASSWORD 'VerySecure!1'`,
  );
  expect(await attemptLogin(postgres, server, role, 'VerySecure!1')).toEqual({
    requested: 'MD5',
    result: 'logged in',
  });
});
