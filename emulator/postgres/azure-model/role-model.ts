/* The roles and databases of the service, see docs/azure-behavior.md#roles-and-azure_pg_admin. */

/** The superuser that only Microsoft uses. */
export const SUPERUSER = 'azuresu';

/** The group role of the administrators. */
export const ADMINISTRATOR_ROLE = 'azure_pg_admin';

/** The databases of the service, in the order in which Azure lists them. */
export const SYSTEM_DATABASES: readonly string[] = ['azure_maintenance', 'postgres', 'azure_sys'];

/**
 * The SQL that turns a new cluster into one of Azure's, as statements for each database. template0 gets the schema owner
 * and the extension too, so that every later database has them.
 */
export function roleModelStatements(): [database: string, statements: string[]][] {
  const forEveryDatabase = [`ALTER SCHEMA public OWNER TO ${ADMINISTRATOR_ROLE}`, 'CREATE EXTENSION azure'];
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
