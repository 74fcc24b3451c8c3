import type { JsonObject } from '../json.ts';
import { computeSkus, storageSizes, type Tier, tiers } from './skus.ts';

/*
 * What a location offered in the form of api-versions before 2023-06, one entry for each zone, flags as booleans. The
 * az CLI of that time reads it before it creates or updates a server.
 */

const status = 'Available';

function storageEdition(): JsonObject {
  return {
    name: 'ManagedDisk',
    supportedStorageMB: storageSizes.map(({ sizeGb, tier, iops }) => ({
      name: tier,
      supportedIops: iops,
      storageSizeMB: sizeGb * 1024,
      supportedUpgradableTierList: [],
      status,
    })),
    status,
  };
}

function version(name: string, majors: readonly string[], tier: Tier): JsonObject {
  return {
    name,
    supportedVersionsToUpgrade: majors.filter((other) => Number(other) > Number(name)),
    supportedVcores: computeSkus[tier].map((sku) => ({
      name: sku.name,
      vCores: sku.vCores,
      supportedIops: sku.iops,
      supportedMemoryPerVcoreMB: sku.memoryPerVcoreMb,
      status,
    })),
    status,
  };
}

/** The list's entries at an api-version before 2023-06. */
export function capabilities2022(majors: readonly string[]): JsonObject[] {
  return ['none', '1', '2', '3'].map((zone) => ({
    zone,
    supportedHAMode: ['ZoneRedundant', 'SameZone'],
    geoBackupSupported: true,
    zoneRedundantHaSupported: true,
    zoneRedundantHaAndGeoBackupSupported: true,
    supportedFlexibleServerEditions: tiers.map((tier) => ({
      name: tier,
      supportedStorageEditions: [storageEdition()],
      supportedServerVersions: majors.map((major) => version(major, majors, tier)),
      status,
    })),
    supportedHyperscaleNodeEditions: [],
    fastProvisioningSupported: false,
    supportedFastProvisioningEditions: [],
    status,
  }));
}
