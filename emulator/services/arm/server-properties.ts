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

/** `Enabled` or `Disabled` in Azure's spelling, however it was sent. */
function toEnabledDisabled(value: unknown, fallback: 'Enabled' | 'Disabled'): 'Enabled' | 'Disabled' {
  const text = asString(value)?.toLowerCase();
  return text === 'enabled' ? 'Enabled' : text === 'disabled' ? 'Disabled' : fallback;
}

function storage(sent: JsonObject): JsonObject {
  const storageSizeGB = asNumber(sent['storageSizeGB']) ?? 32;
  const size = findStorageSize(storageSizeGB);
  return {
    // The default type comes back as an empty string (facts.md §1).
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

/** A window that Azure chooses has no time of its own: it shows zeros (facts.md §2). */
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

/**
 * Who gets in by what. Where Entra's identities do, the tenant shows whether or not it was sent (recorded: azure-cli,
 * test_postgresql_flexible_server_identity_microsoft_entra_admin_only_mgmt); that it else does not is [INF].
 */
function authConfig(sent: JsonObject, tenantId: string | undefined): JsonObject {
  const activeDirectoryAuth = toEnabledDisabled(sent['activeDirectoryAuth'], 'Disabled');
  return omitUndefined({
    activeDirectoryAuth,
    passwordAuth: toEnabledDisabled(sent['passwordAuth'], 'Enabled'),
    tenantId: activeDirectoryAuth === 'Enabled' ? asString(sent['tenantId']) || tenantId : undefined,
  });
}

/**
 * The properties of a new server: what was sent, in Azure's spelling, and Azure's defaults (facts.md §2, "Bodies"). A
 * maintenance window is of updates only (facts.md §1; terraform-provider-azurerm sends it in one): a creation ignores
 * it [INF].
 * @param tenantId whose identities Entra authentication takes unless the request says so
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

/** A copy of `current` with the members of `changes` laid over it, objects member by member. */
export function deepMerge(current: JsonObject, changes: JsonObject): JsonObject {
  const entries = Object.entries(changes).map(([name, value]) => {
    const before = current[name];
    return [name, isJsonObject(before) && isJsonObject(value) ? deepMerge(before, value) : value];
  });
  return { ...current, ...Object.fromEntries(entries) };
}

const NORMALIZERS: Readonly<
  Record<string, (merged: JsonObject, tenantId: string | undefined) => JsonObject>
> = {
  storage: (merged) => storage({ ...merged, tier: undefined }),
  network,
  maintenanceWindow,
  authConfig,
  backup,
};

/**
 * The properties after an update: what the body leaves out stays as it was (facts.md §2).
 * @param tenantId as for {@link buildServerProperties}; undefined leaves out the tenant that nobody told
 */
export function mergeServerProperties(current: JsonObject, sent: JsonObject, tenantId?: string): JsonObject {
  const changes = Object.entries(NORMALIZERS)
    .filter(([name]) => isJsonObject(sent[name]))
    .map(([name, normalise]) => [
      name,
      normalise(deepMerge(asObject(current[name]), asObject(sent[name])), tenantId),
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
