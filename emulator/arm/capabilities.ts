import type { Reply } from '../http/exchange.ts';
import type { JsonObject } from '../json.ts';
import { isSince } from './api-versions.ts';
import type { ArmCall, ArmContext, ArmHandler } from './call.ts';
import { capabilities2022 } from './capabilities-2022.ts';
import { gatewayErrors } from './errors.ts';
import { findLocation, regionNames } from './locations.ts';
import { providerHeaders } from './operations.ts';
import { zones } from './server-availability.ts';
import { computeSkus, storageSizes, type Tier, tiers } from './skus.ts';

function storageEdition(): JsonObject {
  return {
    name: 'ManagedDisk',
    defaultStorageSizeMb: 32 * 1024,
    supportedStorageMb: storageSizes.map(({ sizeGb, tier, iops }) => ({
      supportedIops: iops,
      storageSizeMb: sizeGb * 1024,
      defaultIopsTier: tier,
      supportedIopsTiers: storageSizes
        .filter((other) => other.sizeGb >= sizeGb)
        .map((other) => ({ name: other.tier, iops: other.iops })),
    })),
  };
}

function edition(tier: Tier): JsonObject {
  const skus = computeSkus[tier];
  return {
    name: tier,
    defaultSkuName: skus[0]?.name,
    supportedStorageEditions: [storageEdition()],
    supportedServerSkus: skus.map(({ name, vCores, iops, memoryPerVcoreMb }) => ({
      name,
      vCores,
      supportedIops: iops,
      supportedMemoryPerVcoreMb: memoryPerVcoreMb,
      supportedZones: zones,
      supportedHaMode: tier === 'Burstable' ? [] : ['SameZone', 'ZoneRedundant'],
      supportedFeatures: [],
    })),
  };
}

function version(name: string, all: readonly string[]): JsonObject {
  const supportedVersionsToUpgrade = all.filter((other) => Number(other) > Number(name));
  return { name, supportedVersionsToUpgrade, supportedFeatures: [] };
}

/** Those of a region in azure-cli's recordings of 2026, less what the emulator does not do. */
const features = {
  FastProvisioning: 'Disabled',
  ZoneRedundantHa: 'Enabled',
  GeoBackup: 'Enabled',
  ZoneRedundantHaAndGeoBackup: 'Enabled',
  StorageAutoGrowth: 'Enabled',
  OnlineResize: 'Enabled',
  OfferRestricted: 'Disabled',
  IndexTuning: 'Disabled',
  Clusters: 'Enabled',
} as const;

async function capabilities(call: ArmCall, context: ArmContext): Promise<Reply> {
  const { supportedMajors } = await context.postgres();
  if (!isSince(call.apiVersion, '2023-06-01')) {
    return { status: 200, headers: providerHeaders, body: { value: capabilities2022(supportedMajors) } };
  }
  const capability = {
    name: 'FlexibleServerCapabilities',
    supportedServerEditions: tiers.map(edition),
    supportedServerVersions: supportedMajors.map((major) => version(major, supportedMajors)),
    supportedFeatures: Object.entries(features).map(([name, status]) => ({ name, status })),
    fastProvisioningSupported: 'Disabled',
    supportedFastProvisioningEditions: [],
    geoBackupSupported: 'Enabled',
    zoneRedundantHaSupported: 'Enabled',
    zoneRedundantHaAndGeoBackupSupported: 'Enabled',
    storageAutoGrowthSupported: 'Enabled',
    onlineResizeSupported: 'Enabled',
    restricted: 'Disabled',
  };
  return { status: 200, headers: providerHeaders, body: { value: [capability] } };
}

/**
 * `GET …/locations/{location}/capabilities`: what can be created there, which is what the emulator can create. The
 * shape is the specification's, the flags are of an unrestricted region [INF].
 */
export const listCapabilities: ArmHandler = (call, context) => {
  if (findLocation(call.names.location)) return capabilities(call, context);
  const type = 'Microsoft.DBforPostgreSQL/locations/capabilities';
  throw gatewayErrors.locationNotAvailable(call.names.location, type, regionNames);
};

/** `GET …/flexibleServers/{name}/capabilities`: what the az CLI reads before an update, of the same shape. */
export const serverCapabilities: ArmHandler = (call, context) => {
  context.store.server(call.names.subscription, call.names.group, call.names.server);
  return capabilities(call, context);
};
