/* Compute and storage sizes, see docs/azure-behavior.md#compute-and-storage-sizes. */

export type ComputeTier = 'Burstable' | 'GeneralPurpose' | 'MemoryOptimized';

export interface ComputeSku {
  readonly name: string;
  readonly vCores: number;
  readonly memoryPerVcoreMb: number;
  readonly iops: number;
}

export interface StorageSize {
  readonly sizeGb: number;
  readonly tier: string;
  readonly iops: number;
}

const BURSTABLE_SKUS: readonly ComputeSku[] = [
  { name: 'Standard_B1ms', vCores: 1, memoryPerVcoreMb: 2048, iops: 640 },
  { name: 'Standard_B2s', vCores: 2, memoryPerVcoreMb: 2048, iops: 1280 },
  { name: 'Standard_B2ms', vCores: 2, memoryPerVcoreMb: 4096, iops: 1920 },
  ...[4, 8, 12, 16, 20].map((vCores) => ({
    name: `Standard_B${vCores}ms`,
    vCores,
    memoryPerVcoreMb: 4096,
    iops: vCores * 600,
  })),
];

function buildSeries(
  letter: string,
  suffixes: readonly string[],
  sizes: readonly number[],
  memory: number,
): ComputeSku[] {
  return suffixes.flatMap((suffix) =>
    sizes.map((vCores) => ({
      name: `Standard_${letter}${vCores}${suffix}`,
      vCores,
      memoryPerVcoreMb: memory,
      iops: Math.min(vCores * 1600, 80_000),
    })),
  );
}

const SERIES_SUFFIXES = ['s_v3', 'ds_v4', 'ds_v5', 'ads_v5'];

/** Compute sizes by tier. */
export const COMPUTE_SKUS: Readonly<Record<ComputeTier, readonly ComputeSku[]>> = {
  Burstable: BURSTABLE_SKUS,
  GeneralPurpose: buildSeries('D', SERIES_SUFFIXES, [2, 4, 8, 16, 32, 48, 64, 96], 4096),
  MemoryOptimized: buildSeries('E', SERIES_SUFFIXES, [2, 4, 8, 16, 20, 32, 48, 64, 96], 8192),
};

export const COMPUTE_TIERS: readonly ComputeTier[] = ['Burstable', 'GeneralPurpose', 'MemoryOptimized'];

/** Storage sizes in GiB with their default performance tier. */
export const STORAGE_SIZES: readonly StorageSize[] = [
  { sizeGb: 32, tier: 'P4', iops: 120 },
  { sizeGb: 64, tier: 'P6', iops: 240 },
  { sizeGb: 128, tier: 'P10', iops: 500 },
  { sizeGb: 256, tier: 'P15', iops: 1100 },
  { sizeGb: 512, tier: 'P20', iops: 2300 },
  { sizeGb: 1024, tier: 'P30', iops: 5000 },
  { sizeGb: 2048, tier: 'P40', iops: 7500 },
  { sizeGb: 4095, tier: 'P50', iops: 7500 },
  { sizeGb: 4096, tier: 'P50', iops: 7500 },
  { sizeGb: 8192, tier: 'P60', iops: 16000 },
  { sizeGb: 16384, tier: 'P70', iops: 18000 },
  { sizeGb: 32767, tier: 'P80', iops: 20000 },
];

/** The storage size of exactly `sizeGb` GiB. */
export function findStorageSize(sizeGb: number): StorageSize | undefined {
  return STORAGE_SIZES.find((size) => size.sizeGb === sizeGb);
}
