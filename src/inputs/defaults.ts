import { CREATION_TAG, hasPostCreationSteps, MAX_TAGS, newServerTags } from './creation-tag.ts';
import type { Config, DatabaseConfig, ServerConfig } from './types.ts';
import * as validators from './validators.ts';

/** A new server's properties: the inputs, and where they are silent the defaults that action.yml states. */
export interface NewServer {
  readonly region: string;
  readonly version: string;
  readonly skuName: string;
  readonly skuTier: 'Burstable' | 'GeneralPurpose' | 'MemoryOptimized';
  readonly storageSizeGB: number;
  readonly storageAutoGrow: boolean;
  readonly backupRetentionDays: number;
  readonly geoRedundantBackup: boolean;
  readonly highAvailability: 'Disabled' | 'SameZone' | 'ZoneRedundant';
  readonly availabilityZone: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  /** These are sent only where they are declared. */
  readonly passwordAuth: boolean | undefined;
  readonly entraAuth: boolean | undefined;
  readonly publicAccess: boolean | undefined;
  /** An elastic cluster's nodes, and the one database that it gets. */
  readonly cluster: { readonly clusterSize: number; readonly defaultDatabaseName: string } | undefined;
  /** Whose identities Entra authentication takes. */
  readonly tenantId: string | undefined;
}

/** What of a new server other inputs than those of the server say. */
export interface NewServerContext {
  readonly tenantId?: string | undefined;
  readonly database?: string | undefined;
  /** GitHub's numeric id of the repository that creates it; undefined: nobody does. */
  readonly repositoryId?: string | undefined;
}

/** The group of a new server: the input, else the server's own name (contract.md). */
export const defaultResourceGroup = ({
  resourceGroup,
  name,
}: Pick<ServerConfig, 'name' | 'resourceGroup'>): string => resourceGroup ?? name;

export function resolveNewServer(
  server: ServerConfig,
  { tenantId, database, repositoryId }: NewServerContext = {},
): NewServer {
  const skuName = server.skuName ?? 'Standard_B1ms';
  return {
    region: server.region ?? '',
    version: server.version ?? '17',
    skuName,
    skuTier: validators.parseSkuTier(skuName) ?? 'Burstable',
    storageSizeGB: server.storageSizeGB ?? 32,
    // The storage of a cluster does not grow by itself.
    storageAutoGrow: server.storageAutoGrow ?? server.clusterSize === undefined,
    backupRetentionDays: server.backupRetentionDays ?? 7,
    geoRedundantBackup: server.geoRedundantBackup ?? false,
    highAvailability: server.highAvailability ?? 'Disabled',
    availabilityZone: server.availabilityZone,
    tags: newServerTags(server, repositoryId),
    passwordAuth: server.passwordAuth,
    entraAuth: server.entraAuth,
    publicAccess: server.publicAccess,
    cluster:
      server.clusterSize === undefined
        ? undefined
        : { clusterSize: server.clusterSize, defaultDatabaseName: database ?? 'postgres' },
    tenantId,
  };
}

/** Of a new database (contract.md). */
export const defaultCharset = ({ charset }: Pick<DatabaseConfig, 'charset'>): string => charset ?? 'UTF8';

/** Of a new database (contract.md). */
export const defaultCollation = ({ collation }: Pick<DatabaseConfig, 'collation'>): string =>
  collation ?? 'en_US.utf8';

/** Faults that matter only where the server has to be created, a sentence each; told together before the first write. */
export function validateCreation(config: Config): string[] {
  const { server, administrator } = config;
  const errors: string[] = [];
  if (server.isNameIpAddress)
    errors.push('server-name is an address, but no server has it as its host: give the short name');
  if (server.region === undefined)
    errors.push('region is missing: in which region the server shall be, such as westeurope');
  if (administrator === undefined) errors.push('admin-username and admin-password are missing');
  else {
    const passwordError = validators.validateNewAdministratorPassword(
      administrator.password,
      administrator.username,
    );
    if (passwordError) errors.push(`admin-password ${passwordError}`);
  }
  const newServer = resolveNewServer(server);
  if (newServer.skuTier === 'Burstable' && newServer.highAvailability !== 'Disabled') {
    errors.push(
      `high-availability is ${newServer.highAvailability}, but sku-name ${newServer.skuName} is burstable, where Azure offers none`,
    );
  }
  if (server.clusterSize !== undefined && Number(newServer.version) < 17)
    errors.push(
      `cluster-size is given with postgres-version ${newServer.version}, but elastic clusters need 17 or newer`,
    );
  if (server.clusterSize !== undefined && newServer.storageAutoGrow)
    errors.push('storage-auto-grow is true, but the storage of an elastic cluster does not grow by itself');
  if (hasPostCreationSteps(server) && server.tags.size >= MAX_TAGS)
    errors.push(
      `tags has ${server.tags.size} tags, but a new server needs one more (${CREATION_TAG}) until server-parameters and maintenance-window are set: declare ${MAX_TAGS - 1} at most`,
    );
  return errors;
}
