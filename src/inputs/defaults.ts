import type { DatabaseConfig, ServerConfig } from './types.ts';

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
