import type { JsonObject } from '../../core/json.ts';
import { COMPUTE_SKUS, COMPUTE_TIERS, type ComputeTier, STORAGE_SIZES } from './skus.ts';

/*
 * What a location offered in the form of api-versions before 2023-06, one entry for each zone, flags as booleans. The
 * az CLI of that time reads it before it creates or updates a server.
 */

const status = 'Available';

function storageEditionBody(): JsonObject {
  return {
    name: 'ManagedDisk',
    supportedStorageMB: STORAGE_SIZES.map(({ sizeGb, tier, iops }) => ({
      name: tier,
      supportedIops: iops,
      storageSizeMB: sizeGb * 1024,
      supportedUpgradableTierList: [],
      status,
    })),
    status,
  };
}

function serverVersionBody(name: string, majors: readonly string[], tier: ComputeTier): JsonObject {
  return {
    name,
    supportedVersionsToUpgrade: majors.filter((other) => Number(other) > Number(name)),
    supportedVcores: COMPUTE_SKUS[tier].map((sku) => ({
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
    supportedFlexibleServerEditions: COMPUTE_TIERS.map((tier) => ({
      name: tier,
      supportedStorageEditions: [storageEditionBody()],
      supportedServerVersions: majors.map((major) => serverVersionBody(major, majors, tier)),
      status,
    })),
    supportedHyperscaleNodeEditions: [],
    fastProvisioningSupported: false,
    supportedFastProvisioningEditions: [],
    status,
  }));
}
