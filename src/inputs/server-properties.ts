import type { Server, ServerForPatch } from '@azure/arm-postgresql-flexible';
import { CREATION_TAG, unfinishedCreationOwner, withoutCreationTag } from '../common/creation-tag.ts';
import { normalizeRegion } from '../common/regions.ts';
import {
  boolean,
  choice,
  enabledOrDisabled,
  type FormattedType,
  type InputType,
  type InputValue,
  integer,
  numberFrom,
  type OptionalInputValue,
  validText,
} from './input-types.ts';
import { validateRegion, validateTags } from './validators.ts';

/**
 * A property of the server that an input can declare. The schema, the configuration, the creation, the comparison and
 * the update all follow from {@link serverProperties}. CONTRIBUTING.md, "Add a server property", has the steps.
 */
export interface ServerProperty<
  N extends string = string,
  T extends InputType = InputType,
  V = InputValue<T>,
> {
  /** Name of the input. */
  readonly input: N;
  readonly type: T;
  /** Name in findings and in the log. */
  readonly name: string;
  /** Unit of the number that the value is, as texts for people show it. */
  readonly unit?: string;
  /** Value of a new server if the input is not set. Without it, the request omits the property and Azure chooses. */
  readonly default?: V | ((declared: DeclaredValues) => V);
  /**
   * The declared value as findings show it. By default the value itself, and `Enabled` or `Disabled` for a boolean.
   * @returns undefined if there is nothing to compare
   */
  expected?(value: V, server: Server): string | undefined;
  /** The value of the server as findings show it; undefined if ARM does not report it. */
  actual(server: Server, value: V): string | null | undefined;
  /** Maps different spellings of one value to the same text. By default the case is ignored. */
  normalize?(shown: string): string;
  /** The part of a request body that sets the value, for both a creation and an update. */
  body(value: V, context: BodyContext): ServerBody;
  /** Whether Azure ignores the property in a creation, so that an update sets it afterwards. */
  readonly isSetAfterCreation?: true;
  /**
   * Whether Azure can change the property from one value to another; `false` if it never can. By default it always can.
   * See docs/azure-behavior.md#property-mutability.
   */
  readonly canUpdate?: false | ((change: PropertyChange) => boolean);
  /** How a user resolves a difference that cannot be updated. */
  readonly remedy?: string | ((change: PropertyChange) => string);
  readonly requiresRestart?: true;
  /**
   * Properties with the same value can be updated by one request. One without it is updated alone. See
   * docs/azure-behavior.md#combined-updates.
   */
  readonly updatedWith?: 'storage' | 'other properties';
  /**
   * What an update does besides setting the property: phrases that follow "which". Every field that `body` sends for
   * another property must be named here, because the plan, the log and the output `changes` show only this.
   */
  updateEffects?(value: V, context: BodyContext): readonly string[];
  /** Whether Azure caused the difference, so that it is not drift. */
  isAzureManagedChange?(change: PropertyChange): boolean;
}

export type ServerBody = Partial<Server> & ServerForPatch;

/** A difference between the declared and the actual value, both as findings show them. */
export interface PropertyChange {
  readonly actual: string;
  readonly expected: string;
  readonly server: Server;
  readonly declared: DeclaredValues;
}

/** {@link ServerPropertyValues}, untyped because the table determines that type. */
type DeclaredValues = Readonly<Record<string, unknown>>;

/** What a request body can depend on besides the value. */
export interface BodyContext {
  /** The server to update; undefined for a new one. */
  readonly server?: Server | undefined;
  readonly administratorPassword?: string | undefined;
  /** Tenant of the identities that Entra authentication accepts. */
  readonly tenantId?: string | undefined;
  /** The only database of a new elastic cluster. */
  readonly database?: string | undefined;
  /** Numeric id of the repository whose run creates the server. */
  readonly repositoryId?: string | undefined;
}

/** An entry of the table. The type of the input determines the type of the values. */
const property = <const N extends string, T extends InputType>(
  input: N,
  type: T,
  definition: Omit<ServerProperty<N, T>, 'input' | 'type'>,
): ServerProperty<N, T> => ({ input, type, ...definition });

const toEnabledDisabled = (value: boolean): 'Enabled' | 'Disabled' => (value ? 'Enabled' : 'Disabled');

/** A day and a time in UTC, or `system-managed` if Azure chooses them. */
type MaintenanceWindow =
  | {
      /** 0 is Sunday. */
      readonly dayOfWeek: number;
      readonly startHour: number;
      readonly startMinute: number;
    }
  | 'system-managed';

const maintenanceWindow: FormattedType<MaintenanceWindow> = {
  type: 'formatted',
  pattern:
    '^(system-managed|Disabled|(Sun(day)?|Mon(day)?|Tue(sday)?|Wed(nesday)?|Thu(rsday)?|Fri(day)?|Sat(urday)?)[ :]([01]?[0-9]|2[0-3]):[0-5]?[0-9])$',
  parse: parseMaintenanceWindow,
  expected: 'a day and a time in UTC, such as Sun 03:30, or system-managed',
};

const RESTARTS = ['restarts the server'];

const STORAGE_SIZES_GIB = [32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767];

/** By name in the configuration, in the order of reports and of updates. */
export const serverProperties = {
  region: property('region', validText(validateRegion), {
    name: 'region',
    actual: ({ location }) => location,
    normalize: normalizeRegion,
    body: (region) => ({ location: normalizeRegion(region) }),
    canUpdate: false,
    remedy:
      'a server cannot move to another region: declare the actual region, or restore a backup into the other region manually',
  }),

  version: property('postgres-version', choice('18', '17', '16', '15', '14', '13', '12', '11'), {
    name: 'version',
    default: '17',
    actual: ({ version }) => version,
    // Azure installs minor versions itself.
    normalize: (version) => version.split('.', 1)[0] ?? version,
    body: (version) => ({ version }),
    canUpdate: false,
    remedy: ({ actual, expected }) =>
      isGreater(actual, expected)
        ? 'the action never changes the major version, because an upgrade cannot be undone: run az postgres flexible-server upgrade, or declare the actual version'
        : 'Azure cannot change a server to an earlier major version: declare the actual version',
  }),

  skuName: property('sku-name', validText(validateSkuName, '^[Ss]tandard_[BDEbde][0-9].*$'), {
    name: 'sku',
    default: 'Standard_B1ms',
    actual: ({ sku }) => sku?.name,
    body: (name) => ({ sku: { name, tier: skuTier(name) ?? 'Burstable' } }),
    updatedWith: 'other properties',
    updateEffects: () => RESTARTS,
    canUpdate: canSkuChange,
    remedy:
      'Azure offers no high availability on burstable sizes: declare high-availability: Disabled as well',
  }),

  clusterSize: property('cluster-size', integer(1, 32), {
    // The service accepts 1 to 20 and may accept 32 later (terraform-provider-azurerm #31315).
    name: 'cluster size',
    unit: 'nodes',
    actual: ({ cluster }) => cluster?.clusterSize?.toString() ?? 'no cluster',
    body: (clusterSize, { server, database = 'postgres' }) => ({
      cluster: { clusterSize, ...(server === undefined ? { defaultDatabaseName: database } : {}) },
    }),
    canUpdate: ({ actual, expected, server }) =>
      (server.cluster?.clusterSize ?? 0) > 0 && isGreater(actual, expected),
    remedy: 'a server cannot become a cluster, and a cluster only grows: declare the actual size',
  }),

  storageSizeGB: property('storage-size-gb', numberFrom(STORAGE_SIZES_GIB), {
    name: 'storage size',
    unit: 'GiB',
    default: 32,
    actual: ({ storage }) => storage?.storageSizeGB?.toString(),
    body: (storageSizeGB) => ({ storage: { storageSizeGB } }),
    updatedWith: 'storage',
    canUpdate: ({ actual, expected }) => isGreater(actual, expected),
    updateEffects: () => RESTARTS,
    remedy: 'storage only grows: declare the actual size',
    // With auto-grow, the declared size is a minimum.
    isAzureManagedChange: ({ actual, expected, server }) =>
      server.storage?.autoGrow?.toLowerCase() === 'enabled' && isGreater(expected, actual),
  }),

  storageAutoGrow: property('storage-auto-grow', boolean, {
    name: 'storage auto-grow',
    // The storage of a cluster cannot grow automatically.
    default: (declared) => declared['clusterSize'] === undefined,
    actual: ({ storage }) => storage?.autoGrow ?? 'Disabled',
    body: (isOn) => ({ storage: { autoGrow: toEnabledDisabled(isOn) } }),
    updatedWith: 'storage',
    canUpdate: ({ expected, server }) => expected === 'Disabled' || (server.cluster?.clusterSize ?? 0) === 0,
    remedy: 'the storage of an elastic cluster cannot grow automatically: declare storage-auto-grow: false',
  }),

  backupRetentionDays: property('backup-retention-days', integer(7, 35), {
    name: 'backup retention',
    unit: 'days',
    default: 7,
    actual: ({ backup }) => backup?.backupRetentionDays?.toString(),
    body: (backupRetentionDays) => ({ backup: { backupRetentionDays } }),
    updatedWith: 'other properties',
  }),

  geoRedundantBackup: property('geo-redundant-backup', boolean, {
    name: 'geo-redundant backup',
    default: false,
    actual: ({ backup }) => backup?.geoRedundantBackup ?? 'Disabled',
    body: (isOn) => ({ backup: { geoRedundantBackup: toEnabledDisabled(isOn) } }),
    canUpdate: false,
    remedy:
      'it can only be chosen when a server is created: declare the actual value, or restore a backup to a new server manually',
  }),

  highAvailability: property('high-availability', choice('Disabled', 'SameZone', 'ZoneRedundant'), {
    name: 'high availability',
    default: 'Disabled',
    actual: ({ highAvailability }) => highAvailability?.mode ?? 'Disabled',
    body: (mode) => ({ highAvailability: { mode } }),
    // See docs/azure-behavior.md#high-availability.
    canUpdate: (change) => !isHighAvailabilityOfBurstable(change) && !isChangeOfStandbyKind(change),
    remedy: (change) =>
      isHighAvailabilityOfBurstable(change)
        ? 'Azure offers no high availability on burstable sizes: declare a sku-name of another tier as well, or high-availability: Disabled'
        : 'Azure cannot change one mode into the other directly: declare Disabled and run with on-drift: fix first, then declare the mode',
  }),

  availabilityZone: property('availability-zone', choice('1', '2', '3'), {
    name: 'availability zone',
    // ARM shows an empty text for a server without a zone.
    actual: ({ availabilityZone }) => availabilityZone || undefined,
    body: (availabilityZone) => ({ availabilityZone }),
    canUpdate: false,
    remedy: 'only a failover moves a server to another zone: declare the actual zone',
    isAzureManagedChange: isFailoverZone,
  }),

  maintenanceWindow: property('maintenance-window', maintenanceWindow, {
    name: 'maintenance window',
    expected: formatMaintenanceWindow,
    actual: ({ maintenanceWindow }) => formatActualWindow(maintenanceWindow),
    body: (window, { server, repositoryId }) => ({
      // This is the last request of a creation, so it removes the tag of an unfinished creation too.
      ...(isUnfinishedCreationOf(repositoryId, server) ? { tags: withoutCreationTag(server?.tags) } : {}),
      maintenanceWindow:
        window === 'system-managed'
          ? { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 }
          : { customWindow: 'Enabled', ...window },
    }),
    updateEffects: (_, { server, repositoryId }) =>
      isUnfinishedCreationOf(repositoryId, server) ? [`removes the tag ${CREATION_TAG}`] : [],
    updatedWith: 'other properties',
    isSetAfterCreation: true,
  }),

  passwordAuth: property('password-auth', enabledOrDisabled, {
    name: 'password authentication',
    actual: ({ authConfig }) => authConfig?.passwordAuth ?? 'Enabled',
    body: (isOn, { administratorPassword }) => ({
      authConfig: { passwordAuth: toEnabledDisabled(isOn) },
      // Azure refuses the change without a password: EngineCredentialsNotProvided in docs/azure-behavior.md#error-codes.
      ...(isOn && administratorPassword !== undefined
        ? { administratorLoginPassword: administratorPassword }
        : {}),
    }),
    updatedWith: 'other properties',
    // Only mode check can declare Disabled, so no mode applies it.
    canUpdate: ({ expected }) => expected === 'Enabled',
    remedy:
      'the action logs in with a password and never disables that: disable it in the Azure portal, or declare password-auth: Enabled',
    updateEffects: (isOn) => (isOn ? ['sets the password of admin-username to admin-password'] : []),
  }),

  entraAuth: property('microsoft-entra-auth', enabledOrDisabled, {
    name: 'Entra authentication',
    actual: ({ authConfig }) => authConfig?.activeDirectoryAuth ?? 'Disabled',
    body: (isOn, { tenantId }) => ({
      authConfig: {
        activeDirectoryAuth: toEnabledDisabled(isOn),
        ...(isOn && tenantId !== undefined ? { tenantId } : {}),
      },
    }),
    updatedWith: 'other properties',
    // The table sets password-auth first, or both in one request.
    canUpdate: ({ expected, server, declared }) =>
      expected === 'Enabled' ||
      declared['passwordAuth'] === true ||
      server.authConfig?.passwordAuth?.toLowerCase() !== 'disabled',
    remedy:
      'it is the only authentication of the server: declare password-auth: Enabled as well, or microsoft-entra-auth: Enabled',
    updateEffects: (isOn, { tenantId }) =>
      isOn && tenantId !== undefined ? [`sets the tenant of its identities to ${tenantId}`] : [],
  }),

  publicAccess: property('public-access', enabledOrDisabled, {
    name: 'public access',
    actual: ({ network }) => network?.publicNetworkAccess ?? 'Enabled',
    body: (isOn) => ({ network: { publicNetworkAccess: toEnabledDisabled(isOn) } }),
    canUpdate: ({ server }) => !server.network?.delegatedSubnetResourceId,
    remedy: 'a server cannot leave its virtual network: declare public-access: Disabled',
  }),

  tags: property(
    'tags',
    { type: 'pairs', validate: validateTags },
    {
      name: 'tags',
      expected: (tags, server) =>
        diffTags(tags, server)
          .map(({ name, expected }) => `${name}=${expected}`)
          .join(', ') || undefined,
      actual: (server, tags) =>
        diffTags(tags, server)
          .map(({ name, actual }) => (actual === undefined ? `no ${name}` : `${name}=${actual}`))
          .join(', '),
      normalize: (shown) => shown,
      body(tags, { server }) {
        const merged = mergeTags(tags, server?.tags);
        return Object.keys(merged).length === 0 ? {} : { tags: merged };
      },
      updatedWith: 'other properties',
    },
  ),
};

type ServerProperties = typeof serverProperties;

/** The declared values; undefined, or empty for tags, if the input is not set. Undeclared properties never drift. */
export type ServerPropertyValues = {
  readonly [K in keyof ServerProperties]: OptionalInputValue<ServerProperties[K]['type']>;
};

/** The inputs of the table with their types. */
export const serverPropertyInputs = Object.fromEntries(
  Object.values(serverProperties).map(({ input, type }) => [input, type]),
) as { readonly [K in keyof ServerProperties as ServerProperties[K]['input']]: ServerProperties[K]['type'] };

/** A property whose value type is not known, for code that treats all properties alike. */
export type AnyServerProperty = ServerProperty<keyof typeof serverPropertyInputs, InputType, unknown>;

/** The entries of the table. */
export const serverPropertyEntries = Object.entries(serverProperties) as unknown as readonly (readonly [
  key: keyof ServerPropertyValues,
  property: AnyServerProperty,
])[];

/** The declared value of a property as findings show it; undefined if there is nothing to compare. */
export function expectedValue(
  { expected }: AnyServerProperty,
  value: unknown,
  server: Server,
): string | undefined {
  if (value === undefined) return undefined;
  if (expected !== undefined) return expected(value, server);
  return typeof value === 'boolean' ? toEnabledDisabled(value) : String(value);
}

/** Whether a run of this repository has not finished the creation of the server. */
const isUnfinishedCreationOf = (repositoryId: string | undefined, server: Server | undefined): boolean =>
  repositoryId !== undefined && unfinishedCreationOwner(server?.tags) === repositoryId;

const isGreater = (smaller: string, greater: string): boolean => Number(greater) > Number(smaller);

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/**
 * Parses `Sun 03:30`, `Sunday 3:30`, the az CLI's `Sun:3:30`, `system-managed`, or the az CLI's `Disabled` for it, in
 * any case.
 */
function parseMaintenanceWindow(given: string): MaintenanceWindow | undefined {
  if (/^(system-managed|disabled)$/i.test(given)) return 'system-managed';
  const [, day = '', hour, minute] = /^([a-z]+)(?: +|:)(\d{1,2}):(\d{1,2})$/i.exec(given) ?? [];
  const dayOfWeek = WEEKDAYS.map((weekday) => weekday.toLowerCase()).findIndex(
    (weekday) => weekday === day.toLowerCase() || weekday.slice(0, 3) === day.toLowerCase(),
  );
  const [startHour, startMinute] = [Number(hour), Number(minute)];
  return dayOfWeek >= 0 && startHour < 24 && startMinute < 60
    ? { dayOfWeek, startHour, startMinute }
    : undefined;
}

/** The inverse of {@link parseMaintenanceWindow}, such as `Sun 03:30`. */
function formatMaintenanceWindow(window: MaintenanceWindow): string {
  if (window === 'system-managed') return window;
  const { dayOfWeek, startHour, startMinute } = window;
  const twoDigits = (number: number): string => String(number).padStart(2, '0');
  return `${WEEKDAYS[dayOfWeek]?.slice(0, 3) ?? dayOfWeek} ${twoDigits(startHour)}:${twoDigits(startMinute)}`;
}

function formatActualWindow(window: Server['maintenanceWindow']): string {
  if (window?.customWindow?.toLowerCase() !== 'enabled') return 'system-managed';
  const { dayOfWeek = 0, startHour = 0, startMinute = 0 } = window;
  return formatMaintenanceWindow({ dayOfWeek, startHour, startMinute });
}

/** Compute tier by the letter of a size; see docs/azure-behavior.md#compute-and-storage-sizes. */
export function skuTier(skuName: string): 'Burstable' | 'GeneralPurpose' | 'MemoryOptimized' | undefined {
  const [, letter = ''] = /^Standard_([BDE])[0-9]/i.exec(skuName) ?? [];
  return ({ B: 'Burstable', D: 'GeneralPurpose', E: 'MemoryOptimized' } as const)[letter.toUpperCase()];
}

function validateSkuName(skuName: string): string | undefined {
  return skuTier(skuName)
    ? undefined
    : `is '${skuName}', but sizes have names such as Standard_B1ms, Standard_D2ds_v5 or Standard_E4ds_v5`;
}

/** A burstable size needs high availability to be off, or to be turned off by the same run. */
function canSkuChange({ expected, server, declared }: PropertyChange): boolean {
  return (
    skuTier(expected) !== 'Burstable' ||
    (server.highAvailability?.mode ?? 'Disabled').toLowerCase() === 'disabled' ||
    declared['highAvailability'] === 'Disabled'
  );
}

const isDisabledMode = (mode: string): boolean => mode.toLowerCase() === 'disabled';

/** See docs/azure-behavior.md#high-availability. */
const isChangeOfStandbyKind = ({ actual, expected }: PropertyChange): boolean =>
  !isDisabledMode(actual) && !isDisabledMode(expected);

/** Whether high availability is declared for a size that has none: the declared size, or else the actual one. */
function isHighAvailabilityOfBurstable({ expected, server, declared }: PropertyChange): boolean {
  const size = declared['skuName'] ?? server.sku?.name;
  return !isDisabledMode(expected) && typeof size === 'string' && skuTier(size) === 'Burstable';
}

/** A failover exchanges the zones of primary and standby. If ARM reports no standby zone, any zone is possible. */
function isFailoverZone({ actual, expected, server: { highAvailability } }: PropertyChange): boolean {
  if (highAvailability?.mode?.toLowerCase() !== 'zoneredundant') return false;
  const standby = highAvailability.standbyAvailabilityZone || undefined;
  return standby === undefined || standby === expected || standby === actual;
}

type Tags = Readonly<Record<string, string>> | undefined;

interface TagDifference {
  readonly name: string;
  readonly expected: string;
  readonly actual: string | undefined;
}

/** The declared tags with another value or without one. Azure ignores the case of tag names. */
function diffTags(declared: ReadonlyMap<string, string>, { tags }: Server): readonly TagDifference[] {
  const actualValues = new Map(
    Object.entries(tags ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return [...declared]
    .map(([name, expected]) => ({ name, expected, actual: actualValues.get(name.toLowerCase()) }))
    .filter(({ expected, actual }) => expected !== actual);
}

/** A request replaces all tags, so it has to repeat the undeclared ones. */
function mergeTags(declared: ReadonlyMap<string, string>, tags: Tags): Record<string, string> {
  const declaredNames = new Set([...declared.keys()].map((name) => name.toLowerCase()));
  const undeclared = Object.entries(tags ?? {}).filter(([name]) => !declaredNames.has(name.toLowerCase()));
  return Object.fromEntries([...undeclared, ...declared]);
}
