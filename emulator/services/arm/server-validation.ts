import { asNumber, asObject, asString, type JsonObject } from '../../core/json.ts';
import { providerErrors } from './arm-errors.ts';
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

/** See docs/azure-behavior.md#names-and-limits, as for the other limits in this file. */
export function isValidServerName(name: string): boolean {
  return name.length >= 3 && name.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name);
}

export function isValidAdministratorLogin(login: string): boolean {
  const name = login.toLowerCase();
  return name.length >= 1 && name.length <= 63 && !RESERVED_LOGINS.includes(name) && !name.startsWith('pg_');
}

/**
 * 8 to 128 characters of three of the four classes, without the login. The portal also forbids any three consecutive
 * characters of the login. The service accepts them (inferred).
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

/** @throws {ArmError} 400 for an unknown tier, and for a size that the tier does not have. */
export function parseSku(sku: JsonObject): { name: string; tier: string } {
  const requestedTier = asString(sku['tier']);
  const requestedName = asString(sku['name']);
  const tier = COMPUTE_TIERS.find((known) => known.toLowerCase() === requestedTier?.toLowerCase());
  if (!tier) throw providerErrors.outOfRange('sku.tier', COMPUTE_TIERS);
  const found = COMPUTE_SKUS[tier].find(({ name }) => name.toLowerCase() === requestedName?.toLowerCase());
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

/** The code of the error is inferred. */
function checkMaintenanceWindow(window: JsonObject): void {
  checkOneOf('maintenanceWindow.customWindow', window['customWindow'], ['Enabled', 'Disabled']);
  checkInteger('maintenanceWindow.dayOfWeek', window['dayOfWeek'], 6);
  checkInteger('maintenanceWindow.startHour', window['startHour'], 23);
  checkInteger('maintenanceWindow.startMinute', window['startMinute'], 59);
}

/**
 * A server in a virtual network must not have public access, and at least one authentication method must be enabled. The
 * code of the second refusal is inferred.
 * @param merged the properties of the server, with those of the request
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
  const authMethods = [activeDirectoryAuth, passwordAuth].map((setting) => asString(setting)?.toLowerCase());
  if (authMethods.every((setting) => setting === 'disabled')) throw providerErrors.invalidValue('authConfig');
}

/**
 * The checks that creation and update have in common. Missing properties are not checked.
 * @param current the server's properties; empty for a new one
 * @throws {ArmError} 400 ParameterOutOfRange, InvalidParameterValue or, for public access in a virtual network,
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

/** @throws {ArmError} 400 ParameterOutOfRange for a major that the emulator does not have. */
export function parseVersion(version: unknown, supported: readonly string[]): string {
  const text = asString(version);
  if (text !== undefined && supported.includes(text)) return text;
  throw providerErrors.outOfRange('Version', supported);
}
