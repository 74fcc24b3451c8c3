import { asNumber, asObject, asString, type JsonObject } from '../../core/json.ts';
import { isVersionAtLeast } from './api-versions.ts';
import { type OperationError, operationErrors, providerErrors } from './arm-errors.ts';

/*
 * Elastic clusters, see docs/azure-behavior.md#elastic-clusters. The emulator runs one PostgreSQL for a cluster: the number
 * of nodes is only a number, nothing is sharded, and Citus is not installed.
 */

/** Maximum number of nodes. */
const MAX_CLUSTER_SIZE = 20;

/** The database of a cluster, unless the request names another one. */
export const DEFAULT_DATABASE = 'postgres';

export const DATABASE_NAME_PATTERN = /^[a-zA-Z_][\w-]{0,62}$/;

/** The cluster in the request. An older api-version ignores it, as every unknown member (inferred). */
function parseCluster(sent: JsonObject, apiVersion: string): JsonObject {
  return isVersionAtLeast(apiVersion, '2025-01-01') ? asObject(sent['cluster']) : {};
}

function parseClusterSize(cluster: JsonObject): number | undefined {
  const { clusterSize } = cluster;
  if (clusterSize === undefined || clusterSize === null) return undefined;
  const size = asNumber(clusterSize);
  if (size === undefined || !Number.isInteger(size)) throw providerErrors.invalidValue('cluster.clusterSize');
  return size;
}

/** The error that an accepted write ends with. Both errors are recorded for a PATCH, and inferred for a creation. */
function clusterError(size: number | undefined, sent: JsonObject): OperationError | undefined {
  if (size !== undefined && (size > MAX_CLUSTER_SIZE || size < 0))
    return operationErrors.unsupportedNodes(size);
  const autoGrow = asString(asObject(sent['storage'])['autoGrow'])?.toLowerCase();
  return autoGrow === 'enabled' ? operationErrors.clusterAutoGrow() : undefined;
}

/** The cluster after a request. */
export interface ClusterChange {
  /** Undefined for a single server. */
  readonly cluster: JsonObject | undefined;
  /** The error that the operation ends with after it was accepted. */
  readonly failure: OperationError | undefined;
}

const NO_CLUSTER: ClusterChange = { cluster: undefined, failure: undefined };

/**
 * The cluster of a new server. A size of 0, the default of the specification, means a single server. The error codes are
 * inferred.
 * @throws {ArmError} 400 for a major before 17, for a virtual network, and for an invalid database name.
 */
export function clusterForCreate(sent: JsonObject, version: string, apiVersion: string): ClusterChange {
  const cluster = parseCluster(sent, apiVersion);
  const clusterSize = parseClusterSize(cluster) ?? 0;
  if (clusterSize === 0) return NO_CLUSTER;
  const defaultDatabaseName = asString(cluster['defaultDatabaseName']) || DEFAULT_DATABASE;
  if (!DATABASE_NAME_PATTERN.test(defaultDatabaseName))
    throw providerErrors.invalidValue('cluster.defaultDatabaseName');
  if (Number(version) < 17) throw providerErrors.outOfRange('Version', ['17', '18']);
  if (asString(asObject(sent['network'])['delegatedSubnetResourceId'])) {
    throw providerErrors.invalidValue('network.delegatedSubnetResourceId');
  }
  return { cluster: { clusterSize, defaultDatabaseName }, failure: clusterError(clusterSize, sent) };
}

/**
 * The cluster after an update. A smaller number of nodes is accepted and changes nothing.
 * @param current undefined for a single server
 * @throws {ArmError} 400 if a single server would become a cluster, and for another default database (inferred).
 */
export function clusterForUpdate(
  current: JsonObject | undefined,
  sent: JsonObject,
  apiVersion: string,
): ClusterChange {
  const requested = parseCluster(sent, apiVersion);
  const size = parseClusterSize(requested);
  if (!current) {
    if (size) throw providerErrors.invalidValue('cluster');
    return NO_CLUSTER;
  }
  const name = requested['defaultDatabaseName'];
  if (name !== undefined && name !== null && name !== current['defaultDatabaseName']) {
    throw providerErrors.invalidValue('cluster.defaultDatabaseName');
  }
  const grown = size !== undefined && size > (asNumber(current['clusterSize']) ?? 0);
  return {
    cluster: grown ? { ...current, clusterSize: size } : current,
    failure: clusterError(grown ? size : undefined, sent),
  };
}

/** The provider's name for the operation that writes a server. */
export function upsertOperationName(cluster: unknown): string {
  return cluster ? 'UpsertFlexClusterManagementOperation' : 'UpsertServerManagementOperationV2';
}

/** The properties of a cluster as GET shows them, without those that only single servers have. */
export function toClusterProperties(properties: JsonObject, apiVersion: string): JsonObject {
  const { minorVersion: _minor, replicaCapacity: _capacity, ...rest } = properties;
  const { clusterSize, defaultDatabaseName } = asObject(properties['cluster']);
  const availability = asObject(properties['highAvailability']);
  const { role } = asObject(properties['replica']);
  return {
    ...rest,
    cluster: isVersionAtLeast(apiVersion, '2025-06-01')
      ? { clusterSize, defaultDatabaseName }
      : { clusterSize },
    replica: { role, replicationState: 'Active' },
    highAvailability: availability['mode'] === 'Disabled' ? { mode: 'Disabled' } : availability,
  };
}
