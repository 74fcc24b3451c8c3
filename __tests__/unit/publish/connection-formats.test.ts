import fc from 'fast-check';
import { parse as parseByPg } from 'pg-connection-string';
import { describe, expect, test } from 'vitest';
import {
  adoNetConnectionString,
  type Connection,
  connectionEnvironment,
  databaseUrl,
  jdbcUrl,
} from '../../../src/publish/connection-formats.ts';
import { readConnectionString } from '../../helpers/unit/ado-connection-string.ts';
import { anyText, difficultPasswords } from '../../helpers/unit/arbitraries.ts';
import { ensureConfig } from '../../helpers/unit/test-configs.ts';

const database = fc.stringMatching(/^[a-zA-Z_][\w-]{0,62}$/);
const rootFile = fc.oneof(
  fc.constant('/home/runner/work/_temp/azure-postgresql-roots.pem'),
  fc.constant('D:\\a\\_temp\\with space & more.pem'),
);

const connections: fc.Arbitrary<Connection> = fc
  .record({
    user: anyText,
    password: anyText,
    database,
    sslRootCert: fc.option(rootFile, { nil: undefined }),
  })
  .map(({ sslRootCert, ...rest }) => ({
    host: 'demo-relecloud.postgres.database.azure.com',
    port: 5432,
    ...rest,
    sslMode: sslRootCert === undefined ? 'require' : 'verify-full',
    sslRootCert,
  }));

const withPassword = (password: string): Connection => ({
  host: 'demo-relecloud.postgres.database.azure.com',
  port: 5432,
  database: 'relecloud',
  user: 'relecloud_admin',
  password,
  sslMode: 'require',
  sslRootCert: undefined,
});

const cases = { numRuns: 300, examples: difficultPasswords.map((p): [Connection] => [withPassword(p)]) };

describe('database-url', () => {
  test('is parsed back by URL', () => {
    fc.assert(
      fc.property(connections, (connection) => {
        const url = new URL(databaseUrl(connection));
        expect(url.protocol).toBe('postgresql:');
        expect(decodeURIComponent(url.username)).toBe(connection.user);
        expect(decodeURIComponent(url.password)).toBe(connection.password);
        expect(url.hostname).toBe(connection.host);
        expect(url.port).toBe('5432');
        expect(decodeURIComponent(url.pathname.slice(1))).toBe(connection.database);
        expect(url.searchParams.get('sslmode')).toBe(connection.sslMode);
        expect(url.searchParams.get('sslrootcert') ?? undefined).toBe(connection.sslRootCert);
      }),
      cases,
    );
  });

  test('is parsed back by pg-connection-string, which node-postgres uses', () => {
    fc.assert(
      fc.property(connections, (connection) => {
        // With a root file it would read the file.
        const url = databaseUrl({ ...connection, sslMode: 'verify-full', sslRootCert: undefined });
        expect(parseByPg(url)).toMatchObject({
          user: connection.user,
          password: connection.password,
          host: connection.host,
          port: '5432',
          database: connection.database,
        });
      }),
      cases,
    );
  });

  test('has no special character of a shell, YAML or a log line', () => {
    fc.assert(
      fc.property(connections, (connection) => {
        expect(databaseUrl(connection)).toMatch(
          /^postgresql:\/\/[\w.~%:!*,-]+@[\w.-]+:5432\/[\w-]+\?[\w.~%=&/:!*,-]+$/,
        );
      }),
    );
  });

  test('contains % only where a reader needs it: not for the characters of a path, and not for !', () => {
    const url = databaseUrl({
      ...withPassword('a!b,c*d-e_f.g~h'),
      sslMode: 'verify-full',
      sslRootCert: '/home/runner/work/_temp/azure-postgresql-roots.pem',
    });
    expect(url).not.toContain('%');
    expect(new URL(url).password).toBe('a!b,c*d-e_f.g~h');
  });

  test('a Windows path of root certificates keeps its : and loses no backslash', () => {
    const url = databaseUrl({
      ...withPassword('x'),
      sslMode: 'verify-full',
      sslRootCert: 'D:\\a\\roots.pem',
    });
    expect(url).toMatch(/&sslrootcert=D:%5Ca%5Croots\.pem$/);
  });

  test('of the tutorial', () => {
    expect(databaseUrl(withPassword('VerySecurePassword!1'))).toBe(
      'postgresql://relecloud_admin:VerySecurePassword!1@demo-relecloud.postgres.database.azure.com:5432/relecloud?sslmode=require',
    );
  });
});

test('jdbc: is parsed back as pgJDBC parses it (split at & and =, then form-decoded)', () => {
  const decode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));
  fc.assert(
    fc.property(connections, (connection) => {
      const [, host, port, name, query = ''] =
        /^jdbc:postgresql:\/\/([^:/]+):(\d+)\/([^?]*)\?(.*)$/s.exec(jdbcUrl(connection)) ?? [];
      const properties = Object.fromEntries(
        query.split('&').map((pair) => {
          const at = pair.indexOf('=');
          return [pair.slice(0, at), decode(pair.slice(at + 1))];
        }),
      );
      expect({ host, port, database: decode(name ?? '') }).toEqual({
        host: connection.host,
        port: '5432',
        database: connection.database,
      });
      const { user, password, sslMode: sslmode, sslRootCert } = connection;
      const root = sslRootCert === undefined ? {} : { sslrootcert: sslRootCert };
      expect(properties).toEqual({ user, password, sslmode, ...root });
    }),
    cases,
  );
});

describe('ado.net', () => {
  test('is parsed back as .NET parses it, with the names of Npgsql', () => {
    fc.assert(
      fc.property(connections, (connection) => {
        const root =
          connection.sslRootCert === undefined ? {} : { 'root certificate': connection.sslRootCert };
        expect(Object.fromEntries(readConnectionString(adoNetConnectionString(connection)))).toEqual({
          host: connection.host,
          port: '5432',
          database: connection.database,
          username: connection.user,
          password: connection.password,
          ...(connection.sslMode === 'require'
            ? { 'ssl mode': 'Require', 'trust server certificate': 'true' }
            : { 'ssl mode': 'VerifyFull' }),
          ...root,
        });
      }),
      cases,
    );
  });

  test("the parser of these tests parses Microsoft's examples", () => {
    const read = readConnectionString(`Data Source=(local);Password='a"b;c';User="it's ""me""" ; X = y z `);
    expect(Object.fromEntries(read)).toEqual({
      'data source': '(local)',
      password: 'a"b;c',
      user: `it's "me"`,
      x: 'y z',
    });
    expect(() => readConnectionString('a="b"c')).toThrow();
  });
});

test('asyncpg: the URL of SQLAlchemy is parsed back, with the parameter that asyncpg takes', () => {
  fc.assert(
    fc.property(connections, (connection) => {
      const { publish } = ensureConfig({ formats: 'asyncpg' });
      const environment = connectionEnvironment(connection, publish);
      const url = new URL(environment.get('ASYNCPG_DATABASE_URL') ?? '');
      expect(url.protocol).toBe('postgresql+asyncpg:');
      expect(decodeURIComponent(url.username)).toBe(connection.user);
      expect(decodeURIComponent(url.password)).toBe(connection.password);
      expect(decodeURIComponent(url.pathname.slice(1))).toBe(connection.database);
      expect(Object.fromEntries(url.searchParams)).toEqual({ ssl: connection.sslMode });
      expect(environment.get('PGSSLROOTCERT')).toBe(connection.sslRootCert);
    }),
    cases,
  );
});

describe('environment variables for later steps', () => {
  const full = { ...withPassword('secret'), sslMode: 'verify-full', sslRootCert: '/roots.pem' } as const;

  test('by default: the documented names, and no others', () => {
    const { publish } = ensureConfig();
    expect([...connectionEnvironment(withPassword('x'), publish).keys()]).toEqual([
      'DB_HOST',
      'DB_PORT',
      'DB_NAME',
      'DB_USER',
      'DB_PASSWORD',
      'DB_SSLMODE',
      'DATABASE_URL',
    ]);
  });

  test('with every format, another prefix, and the root certificates of verify-full', () => {
    const { publish } = ensureConfig({ formats: 'url, pg, jdbc, ado.net, asyncpg', 'env-prefix': 'APP_DB_' });
    expect(Object.fromEntries(connectionEnvironment(full, publish))).toEqual({
      APP_DB_HOST: full.host,
      APP_DB_PORT: '5432',
      APP_DB_NAME: 'relecloud',
      APP_DB_USER: 'relecloud_admin',
      APP_DB_PASSWORD: 'secret',
      APP_DB_SSLMODE: 'verify-full',
      APP_DB_SSLROOTCERT: '/roots.pem',
      DATABASE_URL: databaseUrl(full),
      PGHOST: full.host,
      PGPORT: '5432',
      PGDATABASE: 'relecloud',
      PGUSER: 'relecloud_admin',
      PGPASSWORD: 'secret',
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: '/roots.pem',
      JDBC_DATABASE_URL: jdbcUrl(full),
      ConnectionStrings__Default: adoNetConnectionString(full),
      ASYNCPG_DATABASE_URL:
        'postgresql+asyncpg://relecloud_admin:secret@demo-relecloud.postgres.database.azure.com:5432/relecloud?ssl=verify-full',
    });
  });
});
