import { asNumber, asObject, asString, type JsonObject } from '../../core/json.ts';
import { isVersionAtLeast } from './api-versions.ts';
import { type OperationError, operationErrors, providerErrors } from './errors.ts';

/*
 * Elastic clusters, from azure-cli's recording test_elastic_clusters_mgmt (api-version 2026-01-01-preview), Microsoft's
 * FAQ on their limitations and what the service team said in terraform-provider-azurerm#31315. Beneath a cluster stays
 * one PostgreSQL here: how many nodes there are is a number, nothing is sharded, and there is no Citus.
 */

/** Nodes that a cluster has at most. */
const MAX_CLUSTER_SIZE = 20;

/** The database that a cluster comes with unless the request names another. */
export const DEFAULT_DATABASE = 'postgres';

const DATABASE_NAME_PATTERN = /^[a-zA-Z_][\w-]{0,62}$/;

/** What the request says of a cluster; an api-version that does not know them ignores it, as any unknown member [INF]. */
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

/** How a write of a cluster ends that was accepted. On a PATCH both are recorded, on a creation [INF]. */
function clusterError(size: number | undefined, sent: JsonObject): OperationError | undefined {
  if (size !== undefined && (size > MAX_CLUSTER_SIZE || size < 0))
    return operationErrors.unsupportedNodes(size);
  const autoGrow = asString(asObject(sent['storage'])['autoGrow'])?.toLowerCase();
  return autoGrow === 'enabled' ? operationErrors.clusterAutoGrow() : undefined;
}

/** What a request makes of a server's cluster. */
export interface ClusterChange {
  /** Undefined where there is none. */
  readonly cluster: JsonObject | undefined;
  /** How the operation ends although it was accepted. */
  readonly failure: OperationError | undefined;
}

const NO_CLUSTER: ClusterChange = { cluster: undefined, failure: undefined };

/**
 * The cluster that a creation asks for; a size of 0, the specification's default, asks for none. Any tier has them:
 * Burstable, too (azure-cli#33208). The codes of the refusals are [INF].
 * @throws {ArmError} 400 on a major before 17, inside a virtual network, or for a name that no database has.
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
 * The cluster after an update. Fewer nodes than there are is accepted and changes nothing, as Azure has it.
 * @param current undefined where the server is none
 * @throws {ArmError} 400 for a server that would become a cluster and for another default database [INF].
 */
export function clusterForUpdate(
  current: JsonObject | undefined,
  sent: JsonObject,
  apiVersion: string,
): ClusterChange {
  const wanted = parseCluster(sent, apiVersion);
  const size = parseClusterSize(wanted);
  if (!current) {
    if (size) throw providerErrors.invalidValue('cluster');
    return NO_CLUSTER;
  }
  const name = wanted['defaultDatabaseName'];
  if (name !== undefined && name !== null && name !== current['defaultDatabaseName']) {
    throw providerErrors.invalidValue('cluster.defaultDatabaseName');
  }
  const before = asNumber(current['clusterSize']) ?? 0;
  const grown = size !== undefined && size > before;
  return {
    cluster: grown ? { ...current, clusterSize: size } : current,
    failure: clusterError(grown ? size : undefined, sent),
  };
}

/** The provider's name for the operation that writes a server. */
export function upsertOperationName(cluster: unknown): string {
  return cluster ? 'UpsertFlexClusterManagementOperation' : 'UpsertServerManagementOperationV2';
}

/** The properties of a cluster as GET shows them: what is of single servers alone is missing. */
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
