import type { CloudName, DatabaseConfig, ServerConfig } from './types.ts';

/** What follows the server's name in its host name; see docs/azure-behavior.md#api-versions-and-endpoints. */
export const HOST_SUFFIXES: Readonly<Record<CloudName, string>> = {
  AzureCloud: '.postgres.database.azure.com',
  AzureUSGovernment: '.postgres.database.usgovcloudapi.net',
  AzureChinaCloud: '.postgres.database.chinacloudapi.cn',
};

/** The resource group of a new server: by default it has the server's name. */
export const defaultResourceGroup = ({
  resourceGroup,
  name,
}: Pick<ServerConfig, 'name' | 'resourceGroup'>): string => resourceGroup ?? name;

/** The character set of a new database. */
export const defaultCharset = ({ charset }: Pick<DatabaseConfig, 'charset'>): string => charset ?? 'UTF8';

/** The collation of a new database. */
export const defaultCollation = ({ collation }: Pick<DatabaseConfig, 'collation'>): string =>
  collation ?? 'en_US.utf8';
