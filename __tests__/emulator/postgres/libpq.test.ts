import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CertificateAuthority } from '../../../emulator/core/certificates.ts';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { administrator, test as base } from '../../helpers/emulator/postgres-fixture.ts';
import { libpqQuery } from '../../helpers/libpq.ts';

/** Every character with a meaning in URLs, shells, SQL or libpq's syntax, and some that are not ASCII. */
const password = ` p@ss:w/rd%25"'\\$\`$(x)\${y}$$ ?#[]&=+;,<space>é€ 🚀 `;
const role = 'libpq user';

const test = base.extend('roots', { scope: 'file' }, async ({ postgres, server }) => {
  await postgres.query(server, `CREATE ROLE "${role}" LOGIN PASSWORD $p$${password}$p$`);
  const write = async (name: string, { pem }: { readonly pem: string }) => {
    // PostgreSQL's account has no access to it, as it may be with a runner's folder for temporary files.
    const path = join(postgres.directory, name);
    await writeFile(path, pem, { mode: 0o600 });
    return path;
  };
  return {
    right: await write('root of the emulator.pem', postgres.authority),
    wrong: await write('other.pem', await CertificateAuthority.create()),
  };
});

interface Login {
  readonly user: string;
  readonly password: string;
  readonly root: string;
}

const connectionForms = {
  'a URL': ({ address }: PostgresServer, login: Login) => {
    const [user, secret, root] = [login.user, login.password, login.root].map(encodeURIComponent);
    return {
      url: `postgresql://${user}:${secret}@${address}:5432/postgres?sslmode=verify-full&sslrootcert=${root}`,
    };
  },
  'PG*': ({ address }: PostgresServer, login: Login) => ({
    env: {
      PGHOST: address,
      PGPORT: '5432',
      PGDATABASE: 'postgres',
      PGUSER: login.user,
      PGPASSWORD: login.password,
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: login.root,
    },
  }),
} as const;

const testEachForm = test.for(Object.entries(connectionForms));
const SESSION_SQL = `SELECT current_user || ' in ' || current_database()`;

// The server refuses sessions without TLS, and verify-full checks the address too.
testEachForm('libpq logs in over verified TLS, by %s', async ([, form], { server, roots }) => {
  const login = { user: administrator.login, password: administrator.password, root: roots.right };
  expect(await libpqQuery(form(server, login), SESSION_SQL)).toBe(`${administrator.login} in postgres`);
});

test('libpq can require channel binding, and PostgreSQL sees the session as one over TLS', async ({
  server,
  roots,
}) => {
  const login = { user: administrator.login, password: administrator.password, root: roots.right };
  const { env } = connectionForms['PG*'](server, login);
  const sql = 'SELECT version FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()';
  expect(await libpqQuery({ env: { ...env, PGCHANNELBINDING: 'require' } }, sql)).toBe('TLSv1.3');
});

testEachForm('a password of special characters works, by %s', async ([, form], { server, roots }) => {
  const connection = form(server, { user: role, password, root: roots.right });
  expect(await libpqQuery(connection, 'SELECT current_user')).toBe(role);
});

testEachForm(
  'the wrong root certificate fails the verification, by %s',
  async ([, form], { server, roots }) => {
    const login = { user: administrator.login, password: administrator.password, root: roots.wrong };
    await expect(libpqQuery(form(server, login), SESSION_SQL)).rejects.toThrow('certificate verify failed');
  },
);

testEachForm(
  'a wrong password is refused, and no message contains it, by %s',
  async ([, form], { server, roots }) => {
    const login = { user: role, password: `${password}wrong`, root: roots.right };
    const error = await libpqQuery(form(server, login), SESSION_SQL).catch((reason: unknown) => reason);
    expect(String(error)).toContain(`password authentication failed for user "${role}"`);
    expect(String(error)).not.toMatch(/wrong|rd%25|[0-9a-f]{32}/);
  },
);

test('rows become lines, and an error of the query is thrown', async ({ server, roots }) => {
  const connection = connectionForms['PG*'](server, {
    user: administrator.login,
    password: administrator.password,
    root: roots.right,
  });
  const rows = `SELECT * FROM (VALUES ('one "é"'), (NULL), ('three')) AS t(x)`;
  expect(await libpqQuery(connection, rows)).toBe('one "é"\n\nthree');
  expect(await libpqQuery(connection, 'SELECT 1::text WHERE false')).toBe('');
  await expect(libpqQuery(connection, 'SELECT nothing')).rejects.toThrow('column "nothing" does not exist');
});
