import { type JsonObject, objectOr, stringOr } from '../json.ts';
import { providerErrors } from './errors.ts';

/** The zones of every region here. */
export const zones: readonly string[] = ['1', '2', '3'];

const modes = ['Disabled', 'SameZone', 'ZoneRedundant'] as const;

type Mode = (typeof modes)[number];

function modeOf(availability: JsonObject): Mode {
  const text = stringOr(availability['mode'])?.toLowerCase();
  return modes.find((mode) => mode.toLowerCase() === text) ?? 'Disabled';
}

/** An empty string is the specification's default and asks for nothing. */
function zoneOf(value: unknown): string | undefined {
  return stringOr(value) || undefined;
}

function otherThan(zone: string | undefined): string {
  return zones.find((other) => other !== zone) ?? '';
}

/** The zone of a new server: the one asked for, else one that suits the standby's. Which Azure takes is [INF]. */
export function primaryZone(sent: JsonObject): string {
  const availability = objectOr(sent['highAvailability']);
  const standby = zoneOf(availability['standbyAvailabilityZone']);
  const fitting = modeOf(availability) === 'SameZone' ? standby : otherThan(standby);
  return zoneOf(sent['availabilityZone']) ?? fitting ?? otherThan(undefined);
}

/**
 * High availability as GET shows it. That Azure chooses another zone for a ZoneRedundant standby, and the states, are
 * recorded (azure-cli, test_postgres_flexible_server_mgmt); that a SameZone standby shows the server's own zone is [INF].
 * @param sent what the request says of it
 * @param current what there was; empty for a new server
 */
export function highAvailability(sent: JsonObject, current: JsonObject, zone: string): JsonObject {
  const mode = modeOf({ ...current, ...sent });
  if (mode === 'Disabled') return { mode, state: 'NotEnabled' };
  const kept = mode === modeOf(current) ? zoneOf(current['standbyAvailabilityZone']) : undefined;
  const chosen = mode === 'SameZone' ? zone : otherThan(zone);
  return {
    mode,
    state: 'Healthy',
    standbyAvailabilityZone: zoneOf(sent['standbyAvailabilityZone']) ?? kept ?? chosen,
  };
}

/** Azure's words for a standby's zone that does not fit, be there a standby or not (azure-cli#32559). */
function checkStandby(sent: JsonObject, current: JsonObject, zone: string, mode: Mode): void {
  const asked = zoneOf(sent['standbyAvailabilityZone']);
  if (asked === undefined) return;
  // A standby that exists moves by a failover alone, which changes both zones (terraform-provider-azurerm).
  const kept = mode === modeOf(current) ? zoneOf(current['standbyAvailabilityZone']) : undefined;
  const fits =
    mode === 'SameZone'
      ? asked === zone
      : mode === 'ZoneRedundant' && asked !== zone && asked === (kept ?? asked);
  if (!fits) throw providerErrors.invalidValue('StandbyAvailabilityZone,availabilityZone');
}

/**
 * Check what a request says of high availability against what the server is and becomes.
 * @param current the server's properties; empty for a new one
 * @param tier the tier that the server will have
 * @throws {ArmError} 400 ParameterOutOfRange or InvalidParameterValue.
 */
export function checkAvailability(sent: JsonObject, current: JsonObject, zone: string, tier: string): void {
  const wanted = objectOr(sent['highAvailability']);
  const before = objectOr(current['highAvailability']);
  const mode = modeOf({ ...before, ...wanted });
  // High availability needs a standby of the same size, which the burstable tier does not have.
  if (tier === 'Burstable' && mode !== 'Disabled') {
    throw providerErrors.outOfRange('sku.tier', ['GeneralPurpose', 'MemoryOptimized']);
  }
  // From one kind of standby to the other the way is by none (Azure/ARO-HCP#7058); the code is inferred.
  const [from, to] = [modeOf(before), mode];
  if (from !== to && from !== 'Disabled' && to !== 'Disabled')
    throw providerErrors.invalidValue('highAvailability.mode');
  checkStandby(wanted, before, zone, mode);
}
