/* The roles and databases of the service, see docs/azure-behavior.md#roles-and-azure_pg_admin. */

/** The superuser that only Microsoft uses. */
export const SUPERUSER = 'azuresu';

/** The group role of the administrators. */
export const ADMINISTRATOR_ROLE = 'azure_pg_admin';

/** The databases of the service, in the order in which Azure lists them. */
export const SYSTEM_DATABASES: readonly string[] = ['azure_maintenance', 'postgres', 'azure_sys'];

/**
 * Makes the column `trusted` of pg_available_extension_versions show what PostgreSQL's own control files say. It needs
 * `allow_system_table_mods`, and is one line, as single-user mode requires. It keeps the view's columns, which differ
 * between the majors.
 */
const SHOW_TRUSTED_EXTENSIONS = [
  'DO $$BEGIN EXECUTE',
  `'CREATE OR REPLACE VIEW pg_catalog.pg_available_extension_versions AS ' ||`,
  `replace(pg_get_viewdef('pg_catalog.pg_available_extension_versions'::regclass), 'e.trusted,',`,
  `'e.trusted AND e.name = ANY (pg_catalog.azure_trusted_extensions()) AS trusted,'); END$$`,
].join(' ');

/** The setting of a session with the public address of its client, which the proxy adds to the startup packet. */
export const CLIENT_ADDRESS_SETTING = 'emulator.client_address';

/**
 * Makes `inet_client_addr()` return the address that firewall rules are compared with, as Azure's servers do. PostgreSQL
 * itself sees the loopback address of the client. The function is renamed because PostgreSQL ignores a new body of its own.
 */
const SHOW_PUBLIC_ADDRESS = [
  'ALTER FUNCTION pg_catalog.inet_client_addr() RENAME TO emulator_socket_address',
  'CREATE FUNCTION pg_catalog.inet_client_addr() RETURNS inet LANGUAGE sql STABLE PARALLEL RESTRICTED AS ' +
    `$$SELECT coalesce(nullif(pg_catalog.current_setting('${CLIENT_ADDRESS_SETTING}', true), '')::inet, ` +
    'pg_catalog.emulator_socket_address())$$',
];

/**
 * The SQL that turns a new cluster into one of Azure's, as statements for each database. template0 gets the schema owner
 * and the extension too, so that every later database has them.
 */
export function roleModelStatements(): [database: string, statements: string[]][] {
  const forEveryDatabase = [
    `ALTER SCHEMA public OWNER TO ${ADMINISTRATOR_ROLE}`,
    'CREATE EXTENSION azure',
    SHOW_TRUSTED_EXTENSIONS,
    ...SHOW_PUBLIC_ADDRESS,
  ];
  const forCluster = [
    `CREATE ROLE ${ADMINISTRATOR_ROLE} NOLOGIN`,
    // Keeps the statements of the service, some with a password, out of the statement log.
    `ALTER ROLE ${SUPERUSER} SET log_statement = 'none'`,
    ...['postgres', 'template0', 'template1'].map(
      (name) => `ALTER DATABASE ${name} OWNER TO ${ADMINISTRATOR_ROLE}`,
    ),
    ...forEveryDatabase,
    `CREATE DATABASE azure_maintenance OWNER ${SUPERUSER}`,
    `CREATE DATABASE azure_sys OWNER ${SUPERUSER}`,
    'REVOKE CONNECT ON DATABASE azure_maintenance FROM PUBLIC',
  ];
  return [
    ['template1', forCluster],
    ['template0', forEveryDatabase],
    ['postgres', forEveryDatabase],
  ];
}
