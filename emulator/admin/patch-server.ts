import { asString, isJsonObject, type JsonObject } from '../core/json.ts';
import type { FlexibleServer, ServerState } from '../services/arm/arm-store.ts';
import { applyFirewallRules, setFirewallRules } from '../services/arm/firewall-rules.ts';
import { findLocation } from '../services/arm/locations.ts';
import { deepMerge, mergeServerProperties } from '../services/arm/server-properties.ts';
import { ControlError, parseEnum } from './errors.ts';

/** The states in which PostgreSQL does not run. */
const STATES_WITHOUT_POSTGRES: readonly ServerState[] = [
  'Stopped',
  'Disabled',
  'Inaccessible',
  'Provisioning',
  'Starting',
];

const SERVER_STATES: readonly ServerState[] = [
  ...STATES_WITHOUT_POSTGRES,
  'Ready',
  'Dropping',
  'Stopping',
  'Updating',
  'Restarting',
];

async function setServerState(server: FlexibleServer, state: ServerState): Promise<void> {
  // PostgreSQL starts first, because a server that shows Ready must accept logins.
  if (state === 'Ready') await server.postgres?.start();
  server.state = state;
  if (STATES_WITHOUT_POSTGRES.includes(state)) await server.postgres?.stop();
}

/** A copy without the members that are null, at any depth. */
function omitNulls(value: JsonObject): JsonObject {
  const entries = Object.entries(value)
    .filter(([, member]) => member !== null)
    .map(([name, member]) => [name, isJsonObject(member) ? omitNulls(member) : member]);
  return Object.fromEntries(entries);
}

/**
 * Merge the changes into the properties. Properties that Azure derives from others (the tier of a storage size, the
 * standby's zone of a mode) are derived here too, unless the call sets them.
 */
async function setServerProperties(server: FlexibleServer, changes: JsonObject): Promise<void> {
  const { state, ...rest } = changes;
  const requestedState = parseEnum(asString(state), SERVER_STATES, "A server's state");
  const zone = asString(rest['availabilityZone']);
  const currentProperties =
    zone === undefined ? server.properties : { ...server.properties, availabilityZone: zone };
  server.properties = omitNulls(deepMerge(mergeServerProperties(currentProperties, rest), rest));
  if (requestedState !== undefined) await setServerState(server, requestedState);
  applyFirewallRules(server);
}

async function setServerParameters(server: FlexibleServer, changes: JsonObject): Promise<void> {
  const { postgres } = server;
  if (!postgres?.isRunning) throw new ControlError(`PostgreSQL of server '${server.name}' is not running.`);
  const rows = new Map((await postgres.parameters.list()).map((row) => [row.name, row]));
  for (const [name, value] of Object.entries(changes)) {
    const row = rows.get(name);
    if (!row) throw new ControlError(`Server parameter '${name}' does not exist.`);
    try {
      await postgres.parameters.set(name, value === null ? row.defaultValue : String(value));
    } catch (error) {
      throw new ControlError(error instanceof Error ? error.message : String(error));
    }
  }
}

function setServerLocation(server: FlexibleServer, text: string): void {
  const location = findLocation(text);
  if (!location) throw new ControlError(`Location '${text}' does not exist.`);
  server.location = location;
}

/**
 * Change a server without the API:
 * - `properties` and `sku` are merged; a property that is null is removed
 * - `location` and `tags` are replaced
 * - `rules` are set one by one; null removes a rule
 * - `parameters` are set in PostgreSQL; null restores the default
 * @throws {ControlError} for an unknown state, location or parameter, and for a value that PostgreSQL rejects.
 * @throws {ArmError} for a rule without a range.
 */
export async function patchServer(server: FlexibleServer, body: JsonObject): Promise<void> {
  const { properties, location, tags, rules, sku, parameters } = body;
  if (isJsonObject(properties)) await setServerProperties(server, properties);
  if (typeof location === 'string') setServerLocation(server, location);
  if (isJsonObject(tags)) {
    server.tags = Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)]));
  }
  if (isJsonObject(rules)) setFirewallRules(server, rules);
  if (isJsonObject(sku)) server.sku = { ...server.sku, ...sku };
  if (isJsonObject(parameters)) await setServerParameters(server, parameters);
}
