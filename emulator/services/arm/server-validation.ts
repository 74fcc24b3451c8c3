import { asNumber, asObject, asString, type JsonObject } from '../../core/json.ts';
import { providerErrors } from './errors.ts';
import { AVAILABILITY_ZONES } from './high-availability.ts';
import { deepMerge } from './server-properties.ts';
import { COMPUTE_SKUS, COMPUTE_TIERS, findStorageSize, STORAGE_SIZES } from './skus.ts';

const RESERVED_LOGINS = [
  'azure_superuser',
  'azure_pg_admin',
  'admin',
  'administrator',
  'root',
  'guest',
  'public',
];

/** True for a name that the service takes: 3 to 63 of lower-case letters, digits and inner hyphens (facts.md §4). */
export function isValidServerName(name: string): boolean {
  return name.length >= 3 && name.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name);
}

/** True for an administrator's login that the service takes: any but a reserved one, of 1 to 63 characters. */
export function isValidAdministratorLogin(login: string): boolean {
  const name = login.toLowerCase();
  return name.length >= 1 && name.length <= 63 && !RESERVED_LOGINS.includes(name) && !name.startsWith('pg_');
}

/**
 * True for a password that the service takes: 8 to 128 characters, three of the four classes, and nothing of the
 * login in it. The portal's text also forbids any three consecutive characters of the login (facts.md §4), which
 * is the portal's rule and not the service's: only the whole login is refused here [INF].
 */
export function isValidAdministratorPassword(password: string, login: string): boolean {
  const classes = [/[A-Z]/, /[a-z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((pattern) => pattern.test(password));
  return (
    password.length >= 8 &&
    password.length <= 128 &&
    classes.length >= 3 &&
    !password.toLowerCase().includes(login.toLowerCase())
  );
}

/** @throws {ArmError} 400 where name and tier are not a size of Azure's, or do not belong together. */
export function parseSku(sku: JsonObject): { name: string; tier: string } {
  const wantedTier = asString(sku['tier']);
  const wantedName = asString(sku['name']);
  const tier = COMPUTE_TIERS.find((known) => known.toLowerCase() === wantedTier?.toLowerCase());
  if (!tier) throw providerErrors.outOfRange('sku.tier', COMPUTE_TIERS);
  const found = COMPUTE_SKUS[tier].find(({ name }) => name.toLowerCase() === wantedName?.toLowerCase());
  if (!found) throw providerErrors.invalidValue('sku.name');
  return { name: found.name, tier };
}

function checkStorage(storage: JsonObject): void {
  const size = storage['storageSizeGB'];
  if (size !== undefined && !findStorageSize(asNumber(size) ?? 0)) {
    throw providerErrors.outOfRange(
      'storageSizeGB',
      STORAGE_SIZES.map(({ sizeGb }) => sizeGb),
    );
  }
  checkOneOf('storage.autoGrow', storage['autoGrow'], ['Enabled', 'Disabled']);
  checkOneOf('storage.type', storage['type'], ['Premium_LRS', 'PremiumV2_LRS', 'UltraSSD_LRS', '']);
}

function checkBackup(backup: JsonObject): void {
  const days = backup['backupRetentionDays'];
  const number = asNumber(days);
  if (
    days !== undefined &&
    (number === undefined || !Number.isInteger(number) || number < 7 || number > 35)
  ) {
    throw providerErrors.outOfRange('backupRetentionDays', ['7-35']);
  }
  checkOneOf('backup.geoRedundantBackup', backup['geoRedundantBackup'], ['Enabled', 'Disabled']);
}

function checkOneOf(parameter: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || value === null) return;
  const text = asString(value)?.toLowerCase();
  if (!allowed.some((entry) => entry.toLowerCase() === text)) {
    throw providerErrors.outOfRange(parameter, allowed);
  }
}

function checkInteger(parameter: string, value: unknown, maximum: number): void {
  if (value === undefined || value === null) return;
  const number = asNumber(value);
  if (number === undefined || !Number.isInteger(number) || number < 0 || number > maximum) {
    throw providerErrors.outOfRange(parameter, [`0-${maximum}`]);
  }
}

/** The code is [INF]. */
function checkMaintenanceWindow(window: JsonObject): void {
  checkOneOf('maintenanceWindow.customWindow', window['customWindow'], ['Enabled', 'Disabled']);
  checkInteger('maintenanceWindow.dayOfWeek', window['dayOfWeek'], 6);
  checkInteger('maintenanceWindow.startHour', window['startHour'], 23);
  checkInteger('maintenanceWindow.startMinute', window['startMinute'], 59);
}

/**
 * A server inside a virtual network has no public access, and somebody must get in: the code of the latter is [INF].
 * @param merged the request's and, where it leaves something out, the server's own
 */
function checkNetworkAndAuth(merged: JsonObject): void {
  const { delegatedSubnetResourceId: subnet, publicNetworkAccess } = asObject(merged['network']);
  checkOneOf('network.publicNetworkAccess', publicNetworkAccess, ['Enabled', 'Disabled']);
  if (asString(subnet) && asString(publicNetworkAccess)?.toLowerCase() === 'enabled') {
    throw providerErrors.conflictingNetwork();
  }
  const { activeDirectoryAuth = 'Disabled', passwordAuth = 'Enabled' } = asObject(merged['authConfig']);
  checkOneOf('authConfig.activeDirectoryAuth', activeDirectoryAuth, ['Enabled', 'Disabled']);
  checkOneOf('authConfig.passwordAuth', passwordAuth, ['Enabled', 'Disabled']);
  const authMethods = [activeDirectoryAuth, passwordAuth].map((way) => asString(way)?.toLowerCase());
  if (authMethods.every((way) => way === 'disabled')) throw providerErrors.invalidValue('authConfig');
}

/**
 * Check what a server's creation and its update have in common; what is absent is not checked.
 * @param current the server's properties; empty for a new one
 * @throws {ArmError} 400 ParameterOutOfRange, InvalidParameterValue or, for public access inside a virtual network,
 * ConflictingPublicNetworkAccessAndVirtualNetworkConfiguration.
 */
export function checkProperties(sent: JsonObject, current: JsonObject): void {
  checkStorage(asObject(sent['storage']));
  checkBackup(asObject(sent['backup']));
  checkMaintenanceWindow(asObject(sent['maintenanceWindow']));
  const { mode, standbyAvailabilityZone } = asObject(sent['highAvailability']);
  checkOneOf('highAvailability.mode', mode, ['Disabled', 'SameZone', 'ZoneRedundant']);
  checkOneOf('highAvailability.standbyAvailabilityZone', standbyAvailabilityZone, [
    '',
    ...AVAILABILITY_ZONES,
  ]);
  checkOneOf('availabilityZone', sent['availabilityZone'], ['', ...AVAILABILITY_ZONES]);
  const { network, authConfig } = current;
  checkNetworkAndAuth(deepMerge({ network: asObject(network), authConfig: asObject(authConfig) }, sent));
}

/** @throws {ArmError} 400 ParameterOutOfRange, as a region says it that does not offer the major (facts.md §3). */
export function parseVersion(version: unknown, supported: readonly string[]): string {
  const text = asString(version);
  if (text !== undefined && supported.includes(text)) return text;
  throw providerErrors.outOfRange('Version', supported);
}
