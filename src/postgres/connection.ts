import type { ConnectionFormat, PublishConfig } from '../config/config.ts';

/** What a client needs to log in; the source of every published form. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly sslMode: 'require' | 'verify-full';
  /** Path of the PEM bundle for libpq; only with `verify-full`. */
  readonly sslRootCert: string | undefined;
}

/** `postgresql://…`, libpq's connection URI. */
export function databaseUrl({
  host,
  port,
  database,
  user,
  password,
  sslMode,
  sslRootCert,
}: Connection): string {
  const root = sslRootCert === undefined ? '' : `&sslrootcert=${encode(sslRootCert)}`;
  return `postgresql://${encode(user)}:${encode(password)}@${host}:${port}/${encode(database)}?sslmode=${sslMode}${root}`;
}

/** `jdbc:postgresql://…`, pgJDBC's URL with its properties. */
export function jdbcUrl({ host, port, database, user, password, sslMode, sslRootCert }: Connection): string {
  const root = sslRootCert === undefined ? '' : `&sslrootcert=${encode(sslRootCert)}`;
  return `jdbc:postgresql://${host}:${port}/${encode(database)}?user=${encode(user)}&password=${encode(password)}&sslmode=${sslMode}${root}`;
}

/** Npgsql's connection string. */
export function adoNet({ host, port, database, user, password, sslMode, sslRootCert }: Connection): string {
  const parts = {
    Host: host,
    Port: String(port),
    Database: database,
    Username: user,
    Password: password,
    'SSL Mode': sslMode === 'require' ? 'Require' : 'VerifyFull',
    ...(sslRootCert === undefined ? {} : { 'Root Certificate': sslRootCert }),
  };
  return Object.entries(parts)
    .map(([key, value]) => `${key}=${adoValue(value)}`)
    .join(';');
}

/** ADO.NET's quoting: double quotes, doubled inside, where a value holds anything but plain characters. */
const adoValue = (value: string): string =>
  /^[\w.\-/:]+$/.test(value) ? value : `"${value.replaceAll('"', '""')}"`;

/** RFC 3986: everything but the unreserved characters, also the five that encodeURIComponent leaves. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Environment variables of later steps and of the migration command (contract.md). */
export function environmentOf(
  connection: Connection,
  { envPrefix, formats }: PublishConfig,
): ReadonlyMap<string, string> {
  const entries = Object.entries(partsOf(connection)).map(([name, value]): [string, string] => [
    envPrefix + name,
    value,
  ]);
  return new Map([...entries, ...formats.flatMap((format) => Object.entries(formatted[format](connection)))]);
}

function partsOf({
  host,
  port,
  database,
  user,
  password,
  sslMode,
  sslRootCert,
}: Connection): Record<string, string> {
  return {
    HOST: host,
    PORT: String(port),
    NAME: database,
    USER: user,
    PASSWORD: password,
    SSLMODE: sslMode,
    ...(sslRootCert === undefined ? {} : { SSLROOTCERT: sslRootCert }),
  };
}

const formatted: Readonly<Record<ConnectionFormat, (connection: Connection) => Record<string, string>>> = {
  url: (connection) => ({ DATABASE_URL: databaseUrl(connection) }),
  pg: ({ host, port, database, user, password, sslMode, sslRootCert }) => ({
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: database,
    PGUSER: user,
    PGPASSWORD: password,
    PGSSLMODE: sslMode,
    ...(sslRootCert === undefined ? {} : { PGSSLROOTCERT: sslRootCert }),
  }),
  jdbc: (connection) => ({ JDBC_DATABASE_URL: jdbcUrl(connection) }),
  'ado.net': (connection) => ({ ConnectionStrings__Default: adoNet(connection) }),
};
