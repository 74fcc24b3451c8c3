import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CertificateAuthority } from '../../../emulator/certificates.ts';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { admin, test as base } from '../../helpers/emulator/postgres-fixture.ts';
import { libpqQuery } from '../../helpers/libpq.ts';

/** Every character that URLs, shells, SQL or libpq's own syntax treat specially, and some that are not ASCII. */
const password = ` p@ss:w/rd%25"'\\$\`$(x)\${y}$$ ?#[]&=+;,<space>é€ 🚀 `;
const role = 'libpq user';

const test = base.extend('roots', { scope: 'file' }, async ({ postgres, server }) => {
  await postgres.ask(server, `CREATE ROLE "${role}" LOGIN PASSWORD $p$${password}$p$`);
  const write = async (name: string, { pem }: { readonly pem: string }) => {
    // As a runner's folder for temporary files may be, it is closed to PostgreSQL's account.
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

const forms = {
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

const each = test.for(Object.entries(forms));
const session = `SELECT current_user || ' in ' || current_database()`;

// The server takes no session without TLS, and verify-full checks the address too.
each('libpq logs in over verified TLS, by %s', async ([, form], { server, roots }) => {
  const login = { user: admin.login, password: admin.password, root: roots.right };
  expect(await libpqQuery(form(server, login), session)).toBe(`${admin.login} in postgres`);
});

each('a password of odd characters gets through, by %s', async ([, form], { server, roots }) => {
  const connection = form(server, { user: role, password, root: roots.right });
  expect(await libpqQuery(connection, 'SELECT current_user')).toBe(role);
});

each('another root certificate is refused, by %s', async ([, form], { server, roots }) => {
  const login = { user: admin.login, password: admin.password, root: roots.wrong };
  await expect(libpqQuery(form(server, login), session)).rejects.toThrow('certificate verify failed');
});

each('a wrong password is refused, and in no message, by %s', async ([, form], { server, roots }) => {
  const login = { user: role, password: `${password}wrong`, root: roots.right };
  const error = await libpqQuery(form(server, login), session).catch((reason: unknown) => reason);
  expect(String(error)).toContain(`password authentication failed for user "${role}"`);
  expect(String(error)).not.toMatch(/wrong|rd%25|[0-9a-f]{32}/);
});

test('rows are lines, and an error of the query is thrown', async ({ server, roots }) => {
  const connection = forms['PG*'](server, { user: admin.login, password: admin.password, root: roots.right });
  const rows = `SELECT * FROM (VALUES ('one "é"'), (NULL), ('three')) AS t(x)`;
  expect(await libpqQuery(connection, rows)).toBe('one "é"\n\nthree');
  expect(await libpqQuery(connection, 'SELECT 1::text WHERE false')).toBe('');
  await expect(libpqQuery(connection, 'SELECT nothing')).rejects.toThrow('column "nothing" does not exist');
});
