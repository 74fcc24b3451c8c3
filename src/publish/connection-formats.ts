import { percentEncode, percentEncodePath } from '../common/encoding.ts';
import type { ConnectionFormat, PublishConfig } from '../inputs/types.ts';

/** The parameters of a client's login, from which every published format is built. */
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
export function databaseUrl(connection: Connection): string {
  const { host, port, database, user, password } = connection;
  return `postgresql://${percentEncode(user)}:${percentEncode(password)}@${host}:${port}/${percentEncode(database)}?${sslQuery(connection)}`;
}

/** libpq's connection URI without the password, for the pull request comment. */
export function urlWithoutPassword(connection: Omit<Connection, 'password'>): string {
  const { host, port, database, user } = connection;
  return `postgresql://${percentEncode(user)}@${host}:${port}/${percentEncode(database)}?${sslQuery(connection)}`;
}

/**
 * SQLAlchemy's URL for asyncpg, whose parameter is `ssl`. It takes no `sslrootcert`: asyncpg reads PGSSLROOTCERT
 * (docs/connections.md).
 */
function asyncpgUrl({ host, port, database, user, password, sslMode }: Connection): string {
  return `postgresql+asyncpg://${percentEncode(user)}:${percentEncode(password)}@${host}:${port}/${percentEncode(database)}?ssl=${sslMode}`;
}

/** `jdbc:postgresql://…`, pgJDBC's URL with its properties. */
export function jdbcUrl(connection: Connection): string {
  const { host, port, database, user, password } = connection;
  return `jdbc:postgresql://${host}:${port}/${percentEncode(database)}?user=${percentEncode(user)}&password=${percentEncode(password)}&${sslQuery(connection)}`;
}

/** libpq and pgJDBC use the same parameter names. */
const sslQuery = ({ sslMode, sslRootCert }: Pick<Connection, 'sslMode' | 'sslRootCert'>): string =>
  `sslmode=${sslMode}${sslRootCert === undefined ? '' : `&sslrootcert=${percentEncodePath(sslRootCert)}`}`;

/** Npgsql's connection string. */
export function adoNetConnectionString({
  host,
  port,
  database,
  user,
  password,
  sslMode,
  sslRootCert,
}: Connection): string {
  const parts = {
    Host: host,
    Port: String(port),
    Database: database,
    Username: user,
    Password: password,
    // Npgsql 6 and 7 refuse `Require` without this; later versions do not verify with `Require` anyway.
    ...(sslMode === 'require'
      ? { 'SSL Mode': 'Require', 'Trust Server Certificate': 'true' }
      : { 'SSL Mode': 'VerifyFull' }),
    ...(sslRootCert === undefined ? {} : { 'Root Certificate': sslRootCert }),
  };
  return Object.entries(parts)
    .map(([key, value]) => `${key}=${quoteAdoNetValue(value)}`)
    .join(';');
}

/** Quotes a value for ADO.NET: double quotes, doubled inside, unless the value has only plain characters. */
const quoteAdoNetValue = (value: string): string =>
  /^[\w.\-/:]+$/.test(value) ? value : `"${value.replaceAll('"', '""')}"`;

/** The environment variables for later steps and for the migration command. */
export function connectionEnvironment(
  connection: Connection,
  { envPrefix, formats }: PublishConfig,
): ReadonlyMap<string, string> {
  const variables = [
    connectionVariables(connection, envPrefix, 'NAME'),
    ...formats.map((format) => variablesByFormat[format](connection)),
  ];
  return new Map(variables.flatMap((group) => Object.entries(group)));
}

/** One variable for each part of the connection. libpq's differ only in the name of the database variable. */
function connectionVariables(
  { host, port, database, user, password, sslMode, sslRootCert }: Connection,
  prefix: string,
  databaseName: 'NAME' | 'DATABASE',
): Record<string, string> {
  return {
    [`${prefix}HOST`]: host,
    [`${prefix}PORT`]: String(port),
    [`${prefix}${databaseName}`]: database,
    [`${prefix}USER`]: user,
    [`${prefix}PASSWORD`]: password,
    [`${prefix}SSLMODE`]: sslMode,
    ...(sslRootCert === undefined ? {} : { [`${prefix}SSLROOTCERT`]: sslRootCert }),
  };
}

const variablesByFormat: Readonly<
  Record<ConnectionFormat, (connection: Connection) => Record<string, string>>
> = {
  url: (connection) => ({ DATABASE_URL: databaseUrl(connection) }),
  asyncpg: (connection) => ({
    ASYNCPG_DATABASE_URL: asyncpgUrl(connection),
    ...(connection.sslRootCert === undefined ? {} : { PGSSLROOTCERT: connection.sslRootCert }),
  }),
  pg: (connection) => connectionVariables(connection, 'PG', 'DATABASE'),
  jdbc: (connection) => ({ JDBC_DATABASE_URL: jdbcUrl(connection) }),
  'ado.net': (connection) => ({ ConnectionStrings__Default: adoNetConnectionString(connection) }),
};

/** The password as the formats write it. Each form can appear in any further encoding, such as in JSON. */
export const passwordForms = ({ password }: Connection): readonly string[] => [
  password,
  percentEncode(password),
  password.replaceAll('"', '""'),
];

/** Every text that contains the password. */
export const textsWithPassword = (connection: Connection): readonly string[] => [
  databaseUrl(connection),
  asyncpgUrl(connection),
  jdbcUrl(connection),
  adoNetConnectionString(connection),
];
