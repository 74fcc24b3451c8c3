import type { Server, ServerForPatch } from '@azure/arm-postgresql-flexible';
import { normalizeRegion } from '../../azure/reader.ts';
import { hasPrivateAccess } from '../../azure/server-states.ts';
import { unfinishedCreationOwner, withoutCreationTag } from '../../inputs/creation-tag.ts';
import type { MaintenanceWindow, ServerConfig } from '../../inputs/types.ts';
import * as validators from '../../inputs/validators.ts';

/** A property of the server that an input can declare. */
export interface ServerProperty {
  /** As findings call it. */
  readonly name: string;
  /** Undefined where no input declares it. */
  readonly declared: (config: ServerConfig, server: Server) => string | undefined;
  /** Undefined where ARM does not show it. */
  readonly actual: (server: Server, config: ServerConfig) => string | undefined;
  /** Absent where Azure cannot change the property in place (facts.md §1, mutability): then it is only reported. */
  readonly patch?: (config: ServerConfig, server: Server, context: PatchContext) => ServerForPatch;
  /** Whether Azure can go from one value to the other; a shrink is never asked for. */
  readonly canPatch?: (from: string, to: string, server: Server, declared: ServerConfig) => boolean;
  /** What would end a difference that is not changed in place. */
  readonly remedy?: string;
  /** Whether the change restarts the server. */
  readonly requiresRestart?: boolean;
  /** Azure's own spellings of one value. */
  readonly normalize?: (value: string) => string;
  /** Whether a difference has come about by Azure's own doing, so that it is none. */
  readonly isAzureManagedChange?: (declared: string, actual: string, server: Server) => boolean;
}

/** What a patch needs besides the property's own value. */
export interface PatchContext {
  readonly administratorPassword: string | undefined;
  readonly tenantId?: string | undefined;
  readonly repositoryId?: string | undefined;
}

const toEnabledDisabled = (value: boolean | undefined): 'Enabled' | 'Disabled' | undefined =>
  value === undefined ? undefined : value ? 'Enabled' : 'Disabled';

const lowerCase = (value: string): string => value.toLowerCase();

const DISABLED = 'disabled';

/** Of high availability, in lower case. */
const highAvailabilityMode = ({ highAvailability: ha }: Server): string => lowerCase(ha?.mode ?? DISABLED);

const isGreater = (from: string, to: string): boolean => Number(to) > Number(from);

/** What the server is made of. */
const computeProperties: readonly ServerProperty[] = [
  {
    name: 'region',
    declared: (c) => c.region,
    actual: (s) => s.location,
    normalize: normalizeRegion,
    remedy: 'a server does not move: declare where it is, or restore it into the other region by hand',
  },
  {
    name: 'version',
    declared: (c) => c.version,
    // Of a minor version only the major part is compared: Azure changes the rest by itself.
    actual: (s) => s.version,
    normalize: (value) => value.split('.', 1)[0] ?? value,
    remedy:
      'a major version is never changed by the action, for the way back is closed: az postgres flexible-server upgrade, or declare what is there',
  },
  {
    name: 'sku',
    declared: (c) => c.skuName,
    actual: (s) => s.sku?.name,
    normalize: lowerCase,
    requiresRestart: true,
    canPatch: (_from, to, s, c) =>
      validators.parseSkuTier(to) !== 'Burstable' ||
      highAvailabilityMode(s) === DISABLED ||
      c.highAvailability === 'Disabled',
    remedy: 'Azure offers no high availability on burstable sizes: declare high-availability: Disabled too',
    patch: ({ skuName = '' }) => ({
      sku: { name: skuName, tier: validators.parseSkuTier(skuName) ?? 'Burstable' },
    }),
  },
  {
    name: 'cluster size',
    declared: (c) => c.clusterSize?.toString(),
    actual: (s) => s.cluster?.clusterSize?.toString() ?? 'no cluster',
    // A server does not become a cluster, and a cluster gets no smaller.
    canPatch: (from, to, s) => (s.cluster?.clusterSize ?? 0) > 0 && isGreater(from, to),
    remedy: 'a server does not become a cluster, and a cluster only grows: declare what is there',
    patch: ({ clusterSize = 0 }) => ({ cluster: { clusterSize } }),
  },
];

const storageProperties: readonly ServerProperty[] = [
  {
    name: 'storage size',
    declared: (c) => c.storageSizeGB?.toString(),
    actual: (s) => s.storage?.storageSizeGB?.toString(),
    canPatch: isGreater,
    requiresRestart: true,
    remedy: 'storage only grows: declare the size that is there',
    // A declared size is a minimum where the storage grows by itself (design.md).
    isAzureManagedChange: (declared, actual, s) =>
      lowerCase(s.storage?.autoGrow ?? '') === 'enabled' && isGreater(declared, actual),
    patch: ({ storageSizeGB = 0 }) => ({ storage: { storageSizeGB } }),
  },
  {
    name: 'storage auto-grow',
    declared: (c) => toEnabledDisabled(c.storageAutoGrow),
    actual: (s) => s.storage?.autoGrow ?? 'Disabled',
    normalize: lowerCase,
    patch: (c) => ({ storage: { autoGrow: toEnabledDisabled(c.storageAutoGrow) ?? 'Disabled' } }),
  },
  {
    name: 'backup retention',
    declared: (c) => c.backupRetentionDays?.toString(),
    actual: (s) => s.backup?.backupRetentionDays?.toString(),
    patch: ({ backupRetentionDays = 7 }) => ({ backup: { backupRetentionDays } }),
  },
  {
    name: 'geo-redundant backup',
    declared: (c) => toEnabledDisabled(c.geoRedundantBackup),
    actual: (s) => s.backup?.geoRedundantBackup ?? 'Disabled',
    normalize: lowerCase,
    remedy: 'is chosen when a server is made: declare what is there, or restore it to a new one by hand',
  },
];

const availabilityProperties: readonly ServerProperty[] = [
  {
    name: 'high availability',
    declared: (c) => c.highAvailability,
    actual: (s) => s.highAvailability?.mode ?? 'Disabled',
    normalize: lowerCase,
    // Azure takes no way from one kind of standby to the other but by having none (Azure/ARO-HCP#7058).
    canPatch: (from, to) => [lowerCase(from), lowerCase(to)].includes(DISABLED),
    remedy: 'goes by way of Disabled: ensure that with on-drift: fix first, then what is declared',
    patch: (c) => ({ highAvailability: { mode: c.highAvailability ?? 'Disabled' } }),
  },
  {
    name: 'availability zone',
    declared: (c) => c.availabilityZone,
    actual: (s) => s.availabilityZone || undefined,
    remedy: 'a server does not move between zones, unless a failover moves it: declare where it is',
    isAzureManagedChange: isFailoverZone,
  },
  {
    name: 'maintenance window',
    declared: ({ maintenanceWindow: window }) => window && formatMaintenanceWindow(window),
    actual: ({ maintenanceWindow: window }) => formatActualWindow(window),
    // It is the last part of a creation, so the same request says that this is finished.
    patch: ({ maintenanceWindow: window = 'system-managed' }, { tags }, { repositoryId }) => ({
      ...(repositoryId !== undefined && unfinishedCreationOwner(tags) === repositoryId
        ? { tags: withoutCreationTag(tags) }
        : {}),
      maintenanceWindow:
        window === 'system-managed'
          ? { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 }
          : { customWindow: 'Enabled', ...window },
    }),
  },
];

/** After a failover primary and standby have changed their zones; where no standby's is told, nothing can be said. */
function isFailoverZone(declared: string, actual: string, server: Server): boolean {
  if (highAvailabilityMode(server) !== 'zoneredundant') return false;
  const standby = server.highAvailability?.standbyAvailabilityZone || undefined;
  return standby === undefined || standby === declared || standby === actual;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** As the input takes it, `Sun 03:30`, in UTC. */
export function formatMaintenanceWindow(window: MaintenanceWindow | 'system-managed'): string {
  if (window === 'system-managed') return window;
  const { dayOfWeek, startHour, startMinute } = window;
  const padTwoDigits = (number: number): string => String(number).padStart(2, '0');
  return `${WEEKDAYS[dayOfWeek] ?? dayOfWeek} ${padTwoDigits(startHour)}:${padTwoDigits(startMinute)}`;
}

function formatActualWindow(window: Server['maintenanceWindow']): string {
  if (window?.customWindow?.toLowerCase() !== 'enabled') return 'system-managed';
  const { dayOfWeek = 0, startHour = 0, startMinute = 0 } = window;
  return formatMaintenanceWindow({ dayOfWeek, startHour, startMinute });
}

/** Who gets in, and by what. */
const accessProperties: readonly ServerProperty[] = [
  {
    name: 'password authentication',
    declared: (c) => toEnabledDisabled(c.passwordAuth),
    actual: (s) => s.authConfig?.passwordAuth ?? 'Enabled',
    normalize: lowerCase,
    // Azure wants the password with it (facts.md §3, EngineCredentialsNotProvided).
    patch: (c, _server, { administratorPassword: password }) => ({
      authConfig: { passwordAuth: toEnabledDisabled(c.passwordAuth) ?? 'Enabled' },
      ...(c.passwordAuth && password !== undefined ? { administratorLoginPassword: password } : {}),
    }),
  },
  {
    name: 'Entra authentication',
    declared: (c) => toEnabledDisabled(c.entraAuth),
    actual: (s) => s.authConfig?.activeDirectoryAuth ?? 'Disabled',
    normalize: lowerCase,
    patch: (c, _server, { tenantId }) => ({
      authConfig: {
        activeDirectoryAuth: toEnabledDisabled(c.entraAuth) ?? 'Disabled',
        ...(c.entraAuth && tenantId !== undefined ? { tenantId } : {}),
      },
    }),
  },
  {
    name: 'public access',
    declared: (c) => toEnabledDisabled(c.publicAccess),
    actual: (s) => s.network?.publicNetworkAccess ?? 'Enabled',
    normalize: lowerCase,
    canPatch: (_from, _to, s) => !hasPrivateAccess(s),
    remedy: 'a server inside a virtual network stays there: declare public-access: Disabled',
    patch: (c) => ({ network: { publicNetworkAccess: toEnabledDisabled(c.publicAccess) ?? 'Enabled' } }),
  },
];

/** Told of are those that differ: the others would only hide them. */
const tagsProperty: ServerProperty = {
  name: 'tags',
  declared: (c, s) =>
    diffTags(c.tags, s)
      .map(({ name, value }) => `${name}=${value}`)
      .join(', ') || undefined,
  actual: (s, c) =>
    diffTags(c.tags, s)
      .map(({ name, actual }) => (actual === undefined ? `no ${name}` : `${name}=${actual}`))
      .join(', '),
  patch: (c, server) => ({ tags: mergeTags(c.tags, server) }),
};

interface TagDifference {
  readonly name: string;
  readonly value: string;
  readonly actual: string | undefined;
}

/** Of the declared ones alone, for others belong to others; Azure's tag names know no case. */
function diffTags(declared: ReadonlyMap<string, string>, server: Server): readonly TagDifference[] {
  const values = new Map(
    Object.entries(server.tags ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return [...declared]
    .map(([name, value]) => ({ name, value, actual: values.get(name.toLowerCase()) }))
    .filter(({ value, actual }) => value !== actual);
}

/** A patch replaces the whole map, and others' tags belong to others. */
function mergeTags(declared: ReadonlyMap<string, string>, server: Server): Record<string, string> {
  const names = new Set([...declared.keys()].map(lowerCase));
  const others = Object.entries(server.tags ?? {}).filter(([name]) => !names.has(name.toLowerCase()));
  return Object.fromEntries([...others, ...declared]);
}

/** Every property that an input can declare, in the order of reports. */
export const serverProperties: readonly ServerProperty[] = [
  ...computeProperties,
  ...storageProperties,
  ...availabilityProperties,
  ...accessProperties,
  tagsProperty,
];
