import { compact, isObject, type JsonObject, numberOr, objectOr, stringOr } from '../json.ts';
import { highAvailability, primaryZone } from './server-availability.ts';
import { findStorage } from './skus.ts';

/** `Enabled` or `Disabled` in Azure's spelling, however it was sent. */
function toggle(value: unknown, fallback: 'Enabled' | 'Disabled'): 'Enabled' | 'Disabled' {
  const text = stringOr(value)?.toLowerCase();
  return text === 'enabled' ? 'Enabled' : text === 'disabled' ? 'Disabled' : fallback;
}

function storage(sent: JsonObject): JsonObject {
  const storageSizeGB = numberOr(sent['storageSizeGB']) ?? 32;
  const size = findStorage(storageSizeGB);
  return {
    // The default type comes back as an empty string (facts.md §1).
    type: sent['type'] === undefined || sent['type'] === 'Premium_LRS' ? '' : sent['type'],
    iops: size?.iops,
    tier: stringOr(sent['tier']) ?? size?.tier,
    storageSizeGB,
    autoGrow: toggle(sent['autoGrow'], 'Disabled'),
  };
}

function network(sent: JsonObject): JsonObject {
  const subnet = stringOr(sent['delegatedSubnetResourceId']);
  return compact({
    publicNetworkAccess: subnet ? 'Disabled' : toggle(sent['publicNetworkAccess'], 'Enabled'),
    delegatedSubnetResourceId: subnet,
    privateDnsZoneArmResourceId: stringOr(sent['privateDnsZoneArmResourceId']),
  });
}

const systemManaged = { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 } as const;

/** A window that Azure chooses has no time of its own: it shows zeros (facts.md §2). */
function maintenanceWindow(sent: JsonObject): JsonObject {
  if (toggle(sent['customWindow'], 'Disabled') === 'Disabled') return { ...systemManaged };
  return {
    customWindow: 'Enabled',
    dayOfWeek: numberOr(sent['dayOfWeek']) ?? 0,
    startHour: numberOr(sent['startHour']) ?? 0,
    startMinute: numberOr(sent['startMinute']) ?? 0,
  };
}

function backup(sent: JsonObject): JsonObject {
  return compact({
    backupRetentionDays: numberOr(sent['backupRetentionDays']) ?? 7,
    geoRedundantBackup: toggle(sent['geoRedundantBackup'], 'Disabled'),
    earliestRestoreDate: sent['earliestRestoreDate'],
  });
}

/**
 * Who gets in by what. Where Entra's identities do, the tenant shows whether or not it was sent (recorded: azure-cli,
 * test_postgresql_flexible_server_identity_microsoft_entra_admin_only_mgmt); that it else does not is [INF].
 */
function authConfig(sent: JsonObject, tenantId: string | undefined): JsonObject {
  const activeDirectoryAuth = toggle(sent['activeDirectoryAuth'], 'Disabled');
  return compact({
    activeDirectoryAuth,
    passwordAuth: toggle(sent['passwordAuth'], 'Enabled'),
    tenantId: activeDirectoryAuth === 'Enabled' ? stringOr(sent['tenantId']) || tenantId : undefined,
  });
}

/**
 * The properties of a new server: what was sent, in Azure's spelling, and Azure's defaults (facts.md §2, "Bodies"). A
 * maintenance window is of updates only (facts.md §1; terraform-provider-azurerm sends it in one): a creation ignores
 * it [INF].
 * @param tenantId whose identities Entra authentication takes unless the request says so
 */
export function newProperties(sent: JsonObject, version: string, tenantId: string): JsonObject {
  const availabilityZone = primaryZone(sent);
  return {
    replica: { role: 'Primary', capacity: 5 },
    storage: storage(objectOr(sent['storage'])),
    network: network(objectOr(sent['network'])),
    privateEndpointConnections: [],
    dataEncryption: { type: 'SystemManaged' },
    authConfig: authConfig(objectOr(sent['authConfig']), tenantId),
    version,
    administratorLogin: sent['administratorLogin'],
    availabilityZone,
    backup: backup(objectOr(sent['backup'])),
    highAvailability: highAvailability(objectOr(sent['highAvailability']), {}, availabilityZone),
    maintenanceWindow: { ...systemManaged },
    replicationRole: 'Primary',
    replicaCapacity: 5,
  };
}

/** A copy of `current` with the members of `changes` laid over it, objects member by member. */
export function merge(current: JsonObject, changes: JsonObject): JsonObject {
  const entries = Object.entries(changes).map(([name, value]) => {
    const before = current[name];
    return [name, isObject(before) && isObject(value) ? merge(before, value) : value];
  });
  return { ...current, ...Object.fromEntries(entries) };
}

const normalisers: Readonly<
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
 * @param tenantId as for {@link newProperties}; undefined leaves out the tenant that nobody told
 */
export function updatedProperties(current: JsonObject, sent: JsonObject, tenantId?: string): JsonObject {
  const changes = Object.entries(normalisers)
    .filter(([name]) => isObject(sent[name]))
    .map(([name, normalise]) => [
      name,
      normalise(merge(objectOr(current[name]), objectOr(sent[name])), tenantId),
    ]);
  return {
    ...current,
    ...Object.fromEntries(changes),
    ...(isObject(sent['highAvailability'])
      ? {
          highAvailability: highAvailability(
            sent['highAvailability'],
            objectOr(current['highAvailability']),
            String(current['availabilityZone']),
          ),
        }
      : {}),
  };
}
