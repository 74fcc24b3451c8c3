import type { JsonObject } from '../json.ts';
import { isSince } from './api-versions.ts';
import type { ArmHandler } from './call.ts';
import { capabilities2022 } from './capabilities-2022.ts';
import { gatewayErrors } from './errors.ts';
import { findLocation, regionNames } from './locations.ts';
import { providerHeaders } from './operations.ts';
import { computeSkus, storageSizes, type Tier, tiers } from './skus.ts';

const zones = ['1', '2', '3'];

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

/**
 * `GET …/locations/{location}/capabilities`: what can be created there, which is what the emulator can create. The
 * shape is the specification's, the flags are of an unrestricted region [INF].
 */
export const listCapabilities: ArmHandler = async (call, context) => {
  const location = findLocation(call.names.location);
  if (!location) {
    const type = 'Microsoft.DBforPostgreSQL/locations/capabilities';
    throw gatewayErrors.locationNotAvailable(call.names.location, type, regionNames);
  }
  const { supportedMajors } = await context.postgres();
  if (!isSince(call.apiVersion, '2023-06-01')) {
    return { status: 200, headers: providerHeaders, body: { value: capabilities2022(supportedMajors) } };
  }
  const capability = {
    name: 'FlexibleServerCapabilities',
    supportedServerEditions: tiers.map(edition),
    supportedServerVersions: supportedMajors.map((major) => version(major, supportedMajors)),
    supportedFeatures: [],
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
};
