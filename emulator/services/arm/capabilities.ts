import type { HttpResponse } from '../../core/http-types.ts';
import type { JsonObject } from '../../core/json.ts';
import { isVersionAtLeast } from './api-versions.ts';
import type { ArmContext, ArmHandler, ArmRequest } from './arm-request.ts';
import { capabilities2022 } from './capabilities-2022.ts';
import { gatewayErrors } from './errors.ts';
import { AVAILABILITY_ZONES } from './high-availability.ts';
import { findLocation, REGION_NAMES } from './locations.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { COMPUTE_SKUS, COMPUTE_TIERS, type ComputeTier, STORAGE_SIZES } from './skus.ts';

function storageEditionBody(): JsonObject {
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

function serverEditionBody(tier: ComputeTier): JsonObject {
  const skus = COMPUTE_SKUS[tier];
  return {
    name: tier,
    defaultSkuName: skus[0]?.name,
    supportedStorageEditions: [storageEditionBody()],
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

function serverVersionBody(name: string, all: readonly string[]): JsonObject {
  const supportedVersionsToUpgrade = all.filter((other) => Number(other) > Number(name));
  return { name, supportedVersionsToUpgrade, supportedFeatures: [] };
}

/** Those of a region in azure-cli's recordings of 2026, less what the emulator does not do. */
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

async function buildCapabilities(call: ArmRequest, context: ArmContext): Promise<HttpResponse> {
  const { supportedMajors } = await context.getPostgresFactory();
  if (!isVersionAtLeast(call.apiVersion, '2023-06-01')) {
    return { status: 200, headers: PROVIDER_HEADERS, body: { value: capabilities2022(supportedMajors) } };
  }
  const capability = {
    name: 'FlexibleServerCapabilities',
    supportedServerEditions: COMPUTE_TIERS.map(serverEditionBody),
    supportedServerVersions: supportedMajors.map((major) => serverVersionBody(major, supportedMajors)),
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
 * `GET …/locations/{location}/capabilities`: what can be created there, which is what the emulator can create. The
 * shape is the specification's, the flags are of an unrestricted region [INF].
 */
export const listCapabilities: ArmHandler = (call, context) => {
  if (findLocation(call.params.location)) return buildCapabilities(call, context);
  const type = 'Microsoft.DBforPostgreSQL/locations/capabilities';
  throw gatewayErrors.locationNotAvailable(call.params.location, type, REGION_NAMES);
};

/** `GET …/flexibleServers/{name}/capabilities`: what the az CLI reads before an update, of the same shape. */
export const serverCapabilities: ArmHandler = (call, context) => {
  context.store.getServer(call.params.subscription, call.params.group, call.params.server);
  return buildCapabilities(call, context);
};
