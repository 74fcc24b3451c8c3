import type { Config, DatabaseConfig, ServerConfig } from './config.ts';
import { creationTag, hasMore, MAX_TAGS, tagsOfNew } from './creation-tag.ts';
import * as rules from './rules.ts';

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
export interface AroundServer {
  readonly tenantId?: string | undefined;
  readonly database?: string | undefined;
  /** GitHub's numeric id of the repository that creates it; undefined: nobody does. */
  readonly repositoryId?: string | undefined;
}

/** The group of a new server: the input, else the server's own name (contract.md). */
export const groupOfNew = ({ resourceGroup, name }: Pick<ServerConfig, 'name' | 'resourceGroup'>): string =>
  resourceGroup ?? name;

export function newServer(
  server: ServerConfig,
  { tenantId, database, repositoryId }: AroundServer = {},
): NewServer {
  const skuName = server.skuName ?? 'Standard_B1ms';
  return {
    region: server.region ?? '',
    version: server.version ?? '17',
    skuName,
    skuTier: rules.skuTier(skuName) ?? 'Burstable',
    storageSizeGB: server.storageSizeGB ?? 32,
    // The storage of a cluster does not grow by itself.
    storageAutoGrow: server.storageAutoGrow ?? server.clusterSize === undefined,
    backupRetentionDays: server.backupRetentionDays ?? 7,
    geoRedundantBackup: server.geoRedundantBackup ?? false,
    highAvailability: server.highAvailability ?? 'Disabled',
    availabilityZone: server.availabilityZone,
    tags: tagsOfNew(server, repositoryId),
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
export const charsetOfNew = ({ charset }: Pick<DatabaseConfig, 'charset'>): string => charset ?? 'UTF8';

/** Of a new database (contract.md). */
export const collationOfNew = ({ collation }: Pick<DatabaseConfig, 'collation'>): string =>
  collation ?? 'en_US.utf8';

/** Faults that matter only where the server has to be created, a sentence each; told together before the first write. */
export function creationFaults(config: Config): string[] {
  const { server, administrator } = config;
  const faults: string[] = [];
  if (server.byHost)
    faults.push('server-name is an address, but no server has it as its host: give the short name');
  if (server.region === undefined)
    faults.push('region is missing: in which region the server shall be, such as westeurope');
  if (administrator === undefined) faults.push('admin-username and admin-password are missing');
  else {
    const password = rules.newAdministratorPassword(administrator.password, administrator.username);
    if (password) faults.push(`admin-password ${password}`);
  }
  const planned = newServer(server);
  if (planned.skuTier === 'Burstable' && planned.highAvailability !== 'Disabled') {
    faults.push(
      `high-availability is ${planned.highAvailability}, but sku-name ${planned.skuName} is burstable, where Azure offers none`,
    );
  }
  if (server.clusterSize !== undefined && Number(planned.version) < 17)
    faults.push(
      `cluster-size is given with postgres-version ${planned.version}, but elastic clusters need 17 or newer`,
    );
  if (server.clusterSize !== undefined && planned.storageAutoGrow)
    faults.push('storage-auto-grow is true, but the storage of an elastic cluster does not grow by itself');
  if (hasMore(server) && server.tags.size >= MAX_TAGS)
    faults.push(
      `tags has ${server.tags.size} tags, but a new server needs one more (${creationTag}) until server-parameters and maintenance-window are set: declare ${MAX_TAGS - 1} at most`,
    );
  return faults;
}
