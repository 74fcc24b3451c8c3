import { compact, isObject, type JsonObject, numberOr, objectOr, stringOr } from '../json.ts';
import { findStorage } from './skus.ts';

/** `Enabled` or `Disabled` in Azure's spelling, however it was sent. */
function toggle(value: unknown, fallback: 'Enabled' | 'Disabled'): string {
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

function highAvailability(sent: JsonObject): JsonObject {
  const mode = stringOr(sent['mode']) ?? 'Disabled';
  return compact({
    mode,
    state: mode === 'Disabled' ? 'NotEnabled' : 'Healthy',
    standbyAvailabilityZone: stringOr(sent['standbyAvailabilityZone']),
  });
}

function maintenanceWindow(sent: JsonObject): JsonObject {
  return {
    customWindow: toggle(sent['customWindow'], 'Disabled'),
    dayOfWeek: numberOr(sent['dayOfWeek']) ?? 0,
    startHour: numberOr(sent['startHour']) ?? 0,
    startMinute: numberOr(sent['startMinute']) ?? 0,
  };
}

function authConfig(sent: JsonObject): JsonObject {
  return compact({
    activeDirectoryAuth: toggle(sent['activeDirectoryAuth'], 'Disabled'),
    passwordAuth: toggle(sent['passwordAuth'], 'Enabled'),
    tenantId: stringOr(sent['tenantId']),
  });
}

/** The properties of a new server: what was sent, in Azure's spelling, and Azure's defaults (facts.md §2, "Bodies"). */
export function newProperties(sent: JsonObject, version: string): JsonObject {
  const backup = objectOr(sent['backup']);
  return {
    replica: { role: 'Primary', capacity: 5 },
    storage: storage(objectOr(sent['storage'])),
    network: network(objectOr(sent['network'])),
    privateEndpointConnections: [],
    dataEncryption: { type: 'SystemManaged' },
    authConfig: authConfig(objectOr(sent['authConfig'])),
    version,
    administratorLogin: sent['administratorLogin'],
    availabilityZone: stringOr(sent['availabilityZone']) || '1',
    backup: {
      backupRetentionDays: numberOr(backup['backupRetentionDays']) ?? 7,
      geoRedundantBackup: toggle(backup['geoRedundantBackup'], 'Disabled'),
    },
    highAvailability: highAvailability(objectOr(sent['highAvailability'])),
    maintenanceWindow: maintenanceWindow(objectOr(sent['maintenanceWindow'])),
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

const normalisers: Readonly<Record<string, (sent: JsonObject) => JsonObject>> = {
  storage: (sent) => storage({ ...sent, tier: undefined }),
  network,
  highAvailability,
  maintenanceWindow,
  authConfig,
  backup: (sent) => ({ ...sent, geoRedundantBackup: toggle(sent['geoRedundantBackup'], 'Disabled') }),
};

/** The properties after an update: what the body leaves out stays as it was (facts.md §2). */
export function updatedProperties(current: JsonObject, sent: JsonObject): JsonObject {
  const changes = Object.entries(normalisers)
    .filter(([name]) => isObject(sent[name]))
    .map(([name, normalise]) => [name, normalise(merge(objectOr(current[name]), objectOr(sent[name])))]);
  return { ...current, ...Object.fromEntries(changes) };
}
