import { asObject, asString, type JsonObject } from '../../core/json.ts';
import { providerErrors } from './arm-errors.ts';

/** The zones of every emulated region. */
export const AVAILABILITY_ZONES: readonly string[] = ['1', '2', '3'];

const HIGH_AVAILABILITY_MODES = ['Disabled', 'SameZone', 'ZoneRedundant'] as const;

type HighAvailabilityMode = (typeof HIGH_AVAILABILITY_MODES)[number];

function parseMode(availability: JsonObject): HighAvailabilityMode {
  const text = asString(availability['mode'])?.toLowerCase();
  return HIGH_AVAILABILITY_MODES.find((mode) => mode.toLowerCase() === text) ?? 'Disabled';
}

/** An empty string is the default of the specification and means no zone. */
function parseZone(value: unknown): string | undefined {
  return asString(value) || undefined;
}

function differentZone(zone: string | undefined): string {
  return AVAILABILITY_ZONES.find((other) => other !== zone) ?? '';
}

/** The zone of a new server: the requested one, or one that fits the standby's (inferred). */
export function choosePrimaryZone(sent: JsonObject): string {
  const availability = asObject(sent['highAvailability']);
  const standby = parseZone(availability['standbyAvailabilityZone']);
  const suitableZone = parseMode(availability) === 'SameZone' ? standby : differentZone(standby);
  return parseZone(sent['availabilityZone']) ?? suitableZone ?? differentZone(undefined);
}

/**
 * High availability as GET shows it, see docs/azure-behavior.md#high-availability.
 * @param sent `highAvailability` of the request
 * @param current the current value; empty for a new server
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

/** @throws {ArmError} 400 with the recorded code for a zone that does not fit (azure-cli#32559). */
function checkStandbyZone(
  sent: JsonObject,
  current: JsonObject,
  zone: string,
  mode: HighAvailabilityMode,
): void {
  const requestedZone = parseZone(sent['standbyAvailabilityZone']);
  if (requestedZone === undefined) return;
  // Only a failover moves an existing standby, and it exchanges both zones.
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
 * Check the high availability of a request.
 * @param current the server's properties; empty for a new one
 * @param tier the tier after the request
 * @throws {ArmError} 400 ParameterOutOfRange or InvalidParameterValue.
 */
export function checkHighAvailability(
  sent: JsonObject,
  current: JsonObject,
  zone: string,
  tier: string,
): void {
  const requested = asObject(sent['highAvailability']);
  const before = asObject(current['highAvailability']);
  const mode = parseMode({ ...before, ...requested });
  if (tier === 'Burstable' && mode !== 'Disabled') {
    throw providerErrors.outOfRange('sku.tier', ['GeneralPurpose', 'MemoryOptimized']);
  }
  // Azure/ARO-HCP#7058: `Disabled` must come between the two other modes. The code is inferred.
  const [from, to] = [parseMode(before), mode];
  if (from !== to && from !== 'Disabled' && to !== 'Disabled')
    throw providerErrors.invalidValue('highAvailability.mode');
  checkStandbyZone(requested, before, zone, mode);
}
