import { asObject, asString, type JsonObject } from '../../core/json.ts';
import { providerErrors } from './errors.ts';

/** The zones of every region here. */
export const AVAILABILITY_ZONES: readonly string[] = ['1', '2', '3'];

const HIGH_AVAILABILITY_MODES = ['Disabled', 'SameZone', 'ZoneRedundant'] as const;

type HighAvailabilityMode = (typeof HIGH_AVAILABILITY_MODES)[number];

function parseMode(availability: JsonObject): HighAvailabilityMode {
  const text = asString(availability['mode'])?.toLowerCase();
  return HIGH_AVAILABILITY_MODES.find((mode) => mode.toLowerCase() === text) ?? 'Disabled';
}

/** An empty string is the specification's default and asks for nothing. */
function parseZone(value: unknown): string | undefined {
  return asString(value) || undefined;
}

function differentZone(zone: string | undefined): string {
  return AVAILABILITY_ZONES.find((other) => other !== zone) ?? '';
}

/** The zone of a new server: the one asked for, else one that suits the standby's. Which Azure takes is [INF]. */
export function choosePrimaryZone(sent: JsonObject): string {
  const availability = asObject(sent['highAvailability']);
  const standby = parseZone(availability['standbyAvailabilityZone']);
  const suitableZone = parseMode(availability) === 'SameZone' ? standby : differentZone(standby);
  return parseZone(sent['availabilityZone']) ?? suitableZone ?? differentZone(undefined);
}

/**
 * High availability as GET shows it. That Azure chooses another zone for a ZoneRedundant standby, and the states, are
 * recorded (azure-cli, test_postgres_flexible_server_mgmt); that a SameZone standby shows the server's own zone is [INF].
 * @param sent what the request says of it
 * @param current what there was; empty for a new server
 */
export function buildHighAvailability(sent: JsonObject, current: JsonObject, zone: string): JsonObject {
  const mode = parseMode({ ...current, ...sent });
  if (mode === 'Disabled') return { mode, state: 'NotEnabled' };
  const currentStandbyZone =
    mode === parseMode(current) ? parseZone(current['standbyAvailabilityZone']) : undefined;
  const defaultStandbyZone = mode === 'SameZone' ? zone : differentZone(zone);
  return {
    mode,
    state: 'Healthy',
    standbyAvailabilityZone:
      parseZone(sent['standbyAvailabilityZone']) ?? currentStandbyZone ?? defaultStandbyZone,
  };
}

/** Azure's words for a standby's zone that does not fit, be there a standby or not (azure-cli#32559). */
function checkStandbyZone(
  sent: JsonObject,
  current: JsonObject,
  zone: string,
  mode: HighAvailabilityMode,
): void {
  const requestedZone = parseZone(sent['standbyAvailabilityZone']);
  if (requestedZone === undefined) return;
  // A standby that exists moves by a failover alone, which changes both zones (terraform-provider-azurerm).
  const currentStandbyZone =
    mode === parseMode(current) ? parseZone(current['standbyAvailabilityZone']) : undefined;
  const isValid =
    mode === 'SameZone'
      ? requestedZone === zone
      : mode === 'ZoneRedundant' &&
        requestedZone !== zone &&
        requestedZone === (currentStandbyZone ?? requestedZone);
  if (!isValid) throw providerErrors.invalidValue('StandbyAvailabilityZone,availabilityZone');
}

/**
 * Check what a request says of high availability against what the server is and becomes.
 * @param current the server's properties; empty for a new one
 * @param tier the tier that the server will have
 * @throws {ArmError} 400 ParameterOutOfRange or InvalidParameterValue.
 */
export function checkHighAvailability(
  sent: JsonObject,
  current: JsonObject,
  zone: string,
  tier: string,
): void {
  const wanted = asObject(sent['highAvailability']);
  const before = asObject(current['highAvailability']);
  const mode = parseMode({ ...before, ...wanted });
  // High availability needs a standby of the same size, which the burstable tier does not have.
  if (tier === 'Burstable' && mode !== 'Disabled') {
    throw providerErrors.outOfRange('sku.tier', ['GeneralPurpose', 'MemoryOptimized']);
  }
  // From one kind of standby to the other the way is by none (Azure/ARO-HCP#7058); the code is inferred.
  const [from, to] = [parseMode(before), mode];
  if (from !== to && from !== 'Disabled' && to !== 'Disabled')
    throw providerErrors.invalidValue('highAvailability.mode');
  checkStandbyZone(wanted, before, zone, mode);
}
