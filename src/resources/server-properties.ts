import type { Server, ServerForPatch } from '@azure/arm-postgresql-flexible';
import { regionName } from '../azure/regions.ts';
import type { ServerConfig } from '../config/config.ts';
import * as rules from '../config/rules.ts';
import type { Difference } from '../plan/types.ts';

/** A property of the server that an input can declare. */
interface ServerProperty {
  readonly name: string;
  /** Undefined where nothing is declared or nothing differs. */
  diff(declared: ServerConfig, server: Server): Difference | undefined;
  /** The patch that mends it, on the server as it is. */
  patch(declared: ServerConfig, server: Server): ServerForPatch;
}

interface Comparison {
  readonly declared: (config: ServerConfig) => string | undefined;
  readonly actual: (server: Server) => string | undefined;
  /** Absent where Azure cannot change the property in place (facts.md §1, mutability): then it is only reported. */
  readonly patch?: (config: ServerConfig, server: Server) => ServerForPatch;
  /** Whether Azure could go from one value to the other; a shrink is never asked for. */
  readonly possible?: (from: string, to: string) => boolean;
  /** Azure's own spellings of one value. */
  readonly normalize?: (value: string) => string;
}

const onOff = (value: boolean | undefined): 'Enabled' | 'Disabled' | undefined =>
  value === undefined ? undefined : value ? 'Enabled' : 'Disabled';

const comparisons: Readonly<Record<string, Comparison>> = {
  region: { declared: (c) => c.region, actual: (s) => s.location, normalize: regionName },
  version: { declared: (c) => c.version, actual: (s) => s.version },
  sku: {
    declared: (c) => c.skuName,
    actual: (s) => s.sku?.name,
    normalize: (value) => value.toLowerCase(),
    patch: ({ skuName = '' }) => ({ sku: { name: skuName, tier: rules.skuTier(skuName) ?? 'Burstable' } }),
  },
  'storage size': {
    // A declared size is a minimum where the storage grows by itself (design.md).
    declared: (c) => c.storageSizeGB?.toString(),
    actual: (s) => s.storage?.storageSizeGB?.toString(),
    possible: (from, to) => Number(to) > Number(from),
    patch: ({ storageSizeGB = 0 }) => ({ storage: { storageSizeGB } }),
  },
  'storage auto-grow': {
    declared: (c) => onOff(c.storageAutoGrow),
    actual: (s) => s.storage?.autoGrow ?? 'Disabled',
    patch: (c) => ({ storage: { autoGrow: onOff(c.storageAutoGrow) ?? 'Disabled' } }),
  },
  'backup retention': {
    declared: (c) => c.backupRetentionDays?.toString(),
    actual: (s) => s.backup?.backupRetentionDays?.toString(),
    patch: ({ backupRetentionDays = 7 }) => ({ backup: { backupRetentionDays } }),
  },
  'geo-redundant backup': {
    declared: (c) => onOff(c.geoRedundantBackup),
    actual: (s) => s.backup?.geoRedundantBackup,
  },
  'high availability': {
    declared: (c) => c.highAvailability,
    actual: (s) => s.highAvailability?.mode ?? 'Disabled',
    patch: (c) => ({ highAvailability: { mode: c.highAvailability ?? 'Disabled' } }),
  },
  'availability zone': { declared: (c) => c.availabilityZone, actual: (s) => s.availabilityZone },
  tags: {
    declared: (c) => (c.tags.size === 0 ? undefined : pairs(c.tags)),
    actual: () => undefined,
    // A patch replaces the whole map, and others' tags belong to others.
    patch: ({ tags }, server) => {
      const declared = new Set([...tags.keys()].map((key) => key.toLowerCase()));
      const others = Object.entries(server.tags ?? {}).filter(([key]) => !declared.has(key.toLowerCase()));
      return { tags: Object.fromEntries([...others, ...tags]) };
    },
  },
};

const pairs = (tags: ReadonlyMap<string, string>): string =>
  [...tags].map(([k, v]) => `${k}=${v}`).join(', ');

function diffOf(
  name: string,
  comparison: Comparison,
  config: ServerConfig,
  server: Server,
): Difference | undefined {
  const expected = comparison.declared(config);
  const actual = name === 'tags' ? declaredTags(config, server) : comparison.actual(server);
  const same = comparison.normalize ?? ((value: string) => value);
  if (expected === undefined || actual === undefined || same(expected) === same(actual)) return undefined;
  if (name === 'storage size' && grown(expected, actual, server)) return undefined;
  const finding = {
    resource: 'server',
    name: config.name,
    property: name,
    expected,
    actual,
    kind: 'changed',
  } as const;
  const inPlace = comparison.patch !== undefined && (comparison.possible?.(actual, expected) ?? true);
  const details = `${name}: ${actual} → ${expected}`;
  return inPlace
    ? { finding, mend: { resource: 'server', name: config.name, action: 'update', details } }
    : { finding };
}

/** The server's values of the declared tags alone, for others belong to others; Azure's tag names know no case. */
function declaredTags({ tags }: ServerConfig, server: Server): string {
  const values = new Map(Object.entries(server.tags ?? {}).map(([key, value]) => [key.toLowerCase(), value]));
  return [...tags.keys()].map((key) => `${key}=${values.get(key.toLowerCase()) ?? ''}`).join(', ');
}

const grown = (expected: string, actual: string, server: Server): boolean =>
  server.storage?.autoGrow === 'Enabled' && Number(actual) > Number(expected);

/** Every property that an input can declare, in the order of reports. */
export const serverProperties: readonly ServerProperty[] = Object.entries(comparisons).map(
  ([name, comparison]) => ({
    name,
    diff: (declared, server) => diffOf(name, comparison, declared, server),
    patch: (declared, server) => comparison.patch?.(declared, server) ?? {},
  }),
);
