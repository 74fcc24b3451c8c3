import { asObject, type JsonObject, omitUndefined } from '../../core/json.ts';
import { isVersionAtLeast } from './api-versions.ts';
import { type FlexibleServer, visibleState } from './arm-store.ts';
import { toClusterProperties } from './elastic-cluster.ts';

const type = 'Microsoft.DBforPostgreSQL/flexibleServers';

// The order of the keys in the recorded answers of each time. The position of `cluster` in 2025 is inferred.
const CURRENT_KEY_ORDER =
  'cluster,replica,storage,network,privateEndpointConnections,dataEncryption,authConfig,fullyQualifiedDomainName,version,minorVersion,administratorLogin,state,availabilityZone,backup,highAvailability,maintenanceWindow,replicationRole,replicaCapacity'.split(
    ',',
  );
const KEY_ORDER_2026 = ['dataEncryption', ...CURRENT_KEY_ORDER.filter((name) => name !== 'dataEncryption')];
const KEY_ORDER_2021 =
  'fullyQualifiedDomainName,version,minorVersion,administratorLogin,state,availabilityZone,storage,backup,network,highAvailability,maintenanceWindow'.split(
    ',',
  );

/** The api-version that added a property, from the specifications. All versions have the other properties. */
const INTRODUCED_IN: Readonly<Record<string, string>> = {
  replica: '2023-06-01',
  privateEndpointConnections: '2023-06-01',
  cluster: '2025-01-01',
  dataEncryption: '2022-03-08',
  authConfig: '2022-03-08',
  replicationRole: '2022-12-01',
  replicaCapacity: '2022-12-01',
};

function storageBody(storage: JsonObject, apiVersion: string): JsonObject {
  const { type: storageType, iops, tier, storageSizeGB, autoGrow } = storage;
  if (isVersionAtLeast(apiVersion, '2023-03-01'))
    return omitUndefined({ type: storageType, iops, tier, storageSizeGB, autoGrow });
  return { storageSizeGB };
}

function propertiesBody(server: FlexibleServer, apiVersion: string): JsonObject {
  const own: JsonObject = { ...server.properties, state: visibleState(server) };
  const all = own['cluster'] === undefined ? own : toClusterProperties(own, apiVersion);
  const order = isVersionAtLeast(apiVersion, '2026-01-01')
    ? KEY_ORDER_2026
    : isVersionAtLeast(apiVersion, '2022-03-08')
      ? CURRENT_KEY_ORDER
      : KEY_ORDER_2021;
  const entries = order
    .filter(
      (name) =>
        name in all && all[name] !== undefined && isVersionAtLeast(apiVersion, INTRODUCED_IN[name] ?? '2021'),
    )
    .map((name) => [name, name === 'storage' ? storageBody(asObject(all[name]), apiVersion) : all[name]]);
  return Object.fromEntries(entries);
}

/** The resource id of a server, with the names in the spelling of their creation. */
export function serverId(server: FlexibleServer): string {
  return `/subscriptions/${server.subscriptionId}/resourceGroups/${server.resourceGroup}/providers/${type}/${server.name}`;
}

/** A server as GET shows it at this api-version. */
export function serverBody(server: FlexibleServer, apiVersion: string): JsonObject {
  return omitUndefined({
    sku: server.sku,
    systemData: isVersionAtLeast(apiVersion, '2022-12-01') ? { createdAt: server.createdAt } : undefined,
    properties: propertiesBody(server, apiVersion),
    location: server.location.displayName,
    tags: server.tags,
    id: serverId(server),
    name: server.name,
    type,
  });
}

/** A firewall rule, database or configuration as GET shows it. */
export function childBody(
  server: FlexibleServer,
  childType: string,
  name: string,
  properties: JsonObject,
): JsonObject {
  return { properties, id: `${serverId(server)}/${childType}/${name}`, name, type: `${type}/${childType}` };
}
