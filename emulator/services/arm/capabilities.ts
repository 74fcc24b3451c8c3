import type { HttpResponse } from '../../core/http-types.ts';
import type { JsonObject } from '../../core/json.ts';
import { isVersionAtLeast } from './api-versions.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import { gatewayErrors } from './arm-errors.ts';
import type { ArmRequest } from './arm-request.ts';
import { AVAILABILITY_ZONES } from './high-availability.ts';
import { findLocation, REGION_NAMES } from './locations.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { COMPUTE_SKUS, COMPUTE_TIERS, type ComputeTier, STORAGE_SIZES } from './skus.ts';

function storageEdition(): JsonObject {
  return {
    name: 'ManagedDisk',
    defaultStorageSizeMb: 32 * 1024,
    supportedStorageMb: STORAGE_SIZES.map(({ sizeGb, tier, iops }) => ({
      supportedIops: iops,
      storageSizeMb: sizeGb * 1024,
      defaultIopsTier: tier,
      supportedIopsTiers: STORAGE_SIZES.filter((other) => other.sizeGb >= sizeGb).map((other) => ({
        name: other.tier,
        iops: other.iops,
      })),
    })),
  };
}

function serverEdition(tier: ComputeTier): JsonObject {
  const skus = COMPUTE_SKUS[tier];
  return {
    name: tier,
    defaultSkuName: skus[0]?.name,
    supportedStorageEditions: [storageEdition()],
    supportedServerSkus: skus.map(({ name, vCores, iops, memoryPerVcoreMb }) => ({
      name,
      vCores,
      supportedIops: iops,
      supportedMemoryPerVcoreMb: memoryPerVcoreMb,
      supportedZones: AVAILABILITY_ZONES,
      supportedHaMode: tier === 'Burstable' ? [] : ['SameZone', 'ZoneRedundant'],
      supportedFeatures: [],
    })),
  };
}

function newerMajors(major: string, majors: readonly string[]): string[] {
  return majors.filter((other) => Number(other) > Number(major));
}

function serverVersion(name: string, majors: readonly string[]): JsonObject {
  return { name, supportedVersionsToUpgrade: newerMajors(name, majors), supportedFeatures: [] };
}

/** The features of a region in azure-cli's recordings of 2026, without those that the emulator does not have. */
const REGION_FEATURES = {
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

function storageEdition2022(): JsonObject {
  return {
    name: 'ManagedDisk',
    supportedStorageMB: STORAGE_SIZES.map(({ sizeGb, tier, iops }) => ({
      name: tier,
      supportedIops: iops,
      storageSizeMB: sizeGb * 1024,
      supportedUpgradableTierList: [],
      status: 'Available',
    })),
    status: 'Available',
  };
}

function serverVersion2022(name: string, majors: readonly string[], tier: ComputeTier): JsonObject {
  return {
    name,
    supportedVersionsToUpgrade: newerMajors(name, majors),
    supportedVcores: COMPUTE_SKUS[tier].map((sku) => ({
      name: sku.name,
      vCores: sku.vCores,
      supportedIops: sku.iops,
      supportedMemoryPerVcoreMB: sku.memoryPerVcoreMb,
      status: 'Available',
    })),
    status: 'Available',
  };
}

/** The form of api-versions before 2023-06: one entry for each zone, flags as booleans. Older az CLIs use it. */
function capabilities2022(majors: readonly string[]): JsonObject[] {
  return ['none', ...AVAILABILITY_ZONES].map((zone) => ({
    zone,
    supportedHAMode: ['ZoneRedundant', 'SameZone'],
    geoBackupSupported: true,
    zoneRedundantHaSupported: true,
    zoneRedundantHaAndGeoBackupSupported: true,
    supportedFlexibleServerEditions: COMPUTE_TIERS.map((tier) => ({
      name: tier,
      supportedStorageEditions: [storageEdition2022()],
      supportedServerVersions: majors.map((major) => serverVersion2022(major, majors, tier)),
      status: 'Available',
    })),
    supportedHyperscaleNodeEditions: [],
    fastProvisioningSupported: false,
    supportedFastProvisioningEditions: [],
    status: 'Available',
  }));
}

async function buildCapabilities(call: ArmRequest, context: ArmContext): Promise<HttpResponse> {
  const { supportedMajors } = await context.getPostgresFactory();
  if (!isVersionAtLeast(call.apiVersion, '2023-06-01')) {
    return { status: 200, headers: PROVIDER_HEADERS, body: { value: capabilities2022(supportedMajors) } };
  }
  const capability = {
    name: 'FlexibleServerCapabilities',
    supportedServerEditions: COMPUTE_TIERS.map(serverEdition),
    supportedServerVersions: supportedMajors.map((major) => serverVersion(major, supportedMajors)),
    supportedFeatures: Object.entries(REGION_FEATURES).map(([name, status]) => ({ name, status })),
    fastProvisioningSupported: 'Disabled',
    supportedFastProvisioningEditions: [],
    geoBackupSupported: 'Enabled',
    zoneRedundantHaSupported: 'Enabled',
    zoneRedundantHaAndGeoBackupSupported: 'Enabled',
    storageAutoGrowthSupported: 'Enabled',
    onlineResizeSupported: 'Enabled',
    restricted: 'Disabled',
  };
  return { status: 200, headers: PROVIDER_HEADERS, body: { value: [capability] } };
}

/**
 * `GET …/locations/{location}/capabilities`: what the emulator can create. The shape is documented, and the flags are
 * those of an unrestricted region (inferred).
 */
export const listCapabilities: ArmHandler = (call, context) => {
  if (findLocation(call.params.location)) return buildCapabilities(call, context);
  const type = 'Microsoft.DBforPostgreSQL/locations/capabilities';
  throw gatewayErrors.locationNotAvailable(call.params.location, type, REGION_NAMES);
};

/** `GET …/flexibleServers/{name}/capabilities`, which the az CLI reads before an update. */
export const serverCapabilities: ArmHandler = (call, context) => {
  context.store.getServer(call.params);
  return buildCapabilities(call, context);
};
