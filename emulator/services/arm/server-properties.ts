import {
  asNumber,
  asObject,
  asString,
  isJsonObject,
  type JsonObject,
  omitUndefined,
} from '../../core/json.ts';
import { buildHighAvailability, choosePrimaryZone } from './high-availability.ts';
import { findStorageSize } from './skus.ts';

/** `Enabled` or `Disabled` from any spelling. */
function toEnabledDisabled(value: unknown, fallback: 'Enabled' | 'Disabled'): 'Enabled' | 'Disabled' {
  const text = asString(value)?.toLowerCase();
  return text === 'enabled' ? 'Enabled' : text === 'disabled' ? 'Disabled' : fallback;
}

function storage(sent: JsonObject): JsonObject {
  const storageSizeGB = asNumber(sent['storageSizeGB']) ?? 32;
  const size = findStorageSize(storageSizeGB);
  return {
    // Recorded: the default type comes back as an empty string.
    type: sent['type'] === undefined || sent['type'] === 'Premium_LRS' ? '' : sent['type'],
    iops: size?.iops,
    tier: asString(sent['tier']) ?? size?.tier,
    storageSizeGB,
    autoGrow: toEnabledDisabled(sent['autoGrow'], 'Disabled'),
  };
}

function network(sent: JsonObject): JsonObject {
  const subnet = asString(sent['delegatedSubnetResourceId']);
  return omitUndefined({
    publicNetworkAccess: subnet ? 'Disabled' : toEnabledDisabled(sent['publicNetworkAccess'], 'Enabled'),
    delegatedSubnetResourceId: subnet,
    privateDnsZoneArmResourceId: asString(sent['privateDnsZoneArmResourceId']),
  });
}

const SYSTEM_MANAGED_WINDOW = {
  customWindow: 'Disabled',
  dayOfWeek: 0,
  startHour: 0,
  startMinute: 0,
} as const;

/** A window that Azure chooses shows zeros, as recorded. */
function maintenanceWindow(sent: JsonObject): JsonObject {
  if (toEnabledDisabled(sent['customWindow'], 'Disabled') === 'Disabled') return { ...SYSTEM_MANAGED_WINDOW };
  return {
    customWindow: 'Enabled',
    dayOfWeek: asNumber(sent['dayOfWeek']) ?? 0,
    startHour: asNumber(sent['startHour']) ?? 0,
    startMinute: asNumber(sent['startMinute']) ?? 0,
  };
}

function backup(sent: JsonObject): JsonObject {
  return omitUndefined({
    backupRetentionDays: asNumber(sent['backupRetentionDays']) ?? 7,
    geoRedundantBackup: toEnabledDisabled(sent['geoRedundantBackup'], 'Disabled'),
    earliestRestoreDate: sent['earliestRestoreDate'],
  });
}

/** With Entra authentication the tenant appears, even if it was not sent (recorded). Otherwise it is missing (inferred). */
function authConfig(sent: JsonObject, tenantId: string | undefined): JsonObject {
  const activeDirectoryAuth = toEnabledDisabled(sent['activeDirectoryAuth'], 'Disabled');
  return omitUndefined({
    activeDirectoryAuth,
    passwordAuth: toEnabledDisabled(sent['passwordAuth'], 'Enabled'),
    tenantId: activeDirectoryAuth === 'Enabled' ? asString(sent['tenantId']) || tenantId : undefined,
  });
}

/**
 * The properties of a new server: those of the request in Azure's spelling, and Azure's defaults. The maintenance window
 * of the request is ignored (inferred), see docs/azure-behavior.md#property-mutability.
 * @param tenantId the tenant for Entra authentication, unless the request names one
 */
export function buildServerProperties(sent: JsonObject, version: string, tenantId: string): JsonObject {
  const availabilityZone = choosePrimaryZone(sent);
  return {
    replica: { role: 'Primary', capacity: 5 },
    storage: storage(asObject(sent['storage'])),
    network: network(asObject(sent['network'])),
    privateEndpointConnections: [],
    dataEncryption: { type: 'SystemManaged' },
    authConfig: authConfig(asObject(sent['authConfig']), tenantId),
    version,
    administratorLogin: sent['administratorLogin'],
    availabilityZone,
    backup: backup(asObject(sent['backup'])),
    highAvailability: buildHighAvailability(asObject(sent['highAvailability']), {}, availabilityZone),
    maintenanceWindow: { ...SYSTEM_MANAGED_WINDOW },
    replicationRole: 'Primary',
    replicaCapacity: 5,
  };
}

/** Merge `changes` into a copy of `current`, objects member by member. */
export function deepMerge(current: JsonObject, changes: JsonObject): JsonObject {
  const entries = Object.entries(changes).map(([name, value]) => {
    const existing = current[name];
    return [name, isJsonObject(existing) && isJsonObject(value) ? deepMerge(existing, value) : value];
  });
  return { ...current, ...Object.fromEntries(entries) };
}

const NORMALIZERS: Readonly<
  Record<string, (merged: JsonObject, tenantId: string | undefined) => JsonObject>
> = {
  // A size that an update sets has its own performance tier.
  storage: (merged) => storage({ ...merged, tier: undefined }),
  network,
  maintenanceWindow,
  authConfig,
  backup,
};

/**
 * The properties after an update. Properties that the body omits stay unchanged, as recorded.
 * @param tenantId as for {@link buildServerProperties}; if undefined, only a tenant in the body or the properties appears
 */
export function mergeServerProperties(current: JsonObject, sent: JsonObject, tenantId?: string): JsonObject {
  const changes = Object.entries(NORMALIZERS)
    .filter(([name]) => isJsonObject(sent[name]))
    .map(([name, normalize]) => [
      name,
      normalize(deepMerge(asObject(current[name]), asObject(sent[name])), tenantId),
    ]);
  return {
    ...current,
    ...Object.fromEntries(changes),
    ...(isJsonObject(sent['highAvailability'])
      ? {
          highAvailability: buildHighAvailability(
            sent['highAvailability'],
            asObject(current['highAvailability']),
            String(current['availabilityZone']),
          ),
        }
      : {}),
  };
}
