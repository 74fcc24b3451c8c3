import { asString, isJsonObject, type JsonObject } from '../core/json.ts';
import type { FlexibleServer, ServerState } from '../services/arm/arm-store.ts';
import { applyFirewallRules, setFirewallRules } from '../services/arm/firewall-rules.ts';
import { findLocation } from '../services/arm/locations.ts';
import { deepMerge, mergeServerProperties } from '../services/arm/server-properties.ts';
import { ControlError } from './control-error.ts';

/** Those in which no login succeeds, for there is nothing yet, or no longer, to log in to. */
const STATES_WITHOUT_POSTGRES: readonly ServerState[] = [
  'Stopped',
  'Disabled',
  'Inaccessible',
  'Provisioning',
  'Starting',
];

const SERVER_STATES: readonly string[] = [
  ...STATES_WITHOUT_POSTGRES,
  ...['Ready', 'Dropping', 'Stopping', 'Updating', 'Restarting'],
];

/** Bring PostgreSQL to what the state says: running, or shut behind a closed gate. */
async function setServerState(server: FlexibleServer, state: ServerState): Promise<void> {
  // Ready is the last word: whoever sees it may log in.
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
 * Lay the changes over the properties. What follows from one in Azure (the tier of a storage size, the standby's zone
 * of a mode) follows here, unless the call says otherwise.
 */
async function setServerProperties(server: FlexibleServer, changes: JsonObject): Promise<void> {
  const { state, ...rest } = changes;
  const requestedState = asString(state);
  if (requestedState !== undefined && !SERVER_STATES.includes(requestedState)) {
    throw new ControlError(`A server has no state '${requestedState}'.`);
  }
  const zone = asString(rest['availabilityZone']);
  const currentProperties =
    zone === undefined ? server.properties : { ...server.properties, availabilityZone: zone };
  server.properties = omitNulls(deepMerge(mergeServerProperties(currentProperties, rest), rest));
  if (requestedState !== undefined) await setServerState(server, requestedState as ServerState);
  applyFirewallRules(server);
}

/** Set server parameters in PostgreSQL itself; null brings the default back. */
async function setServerParameters(server: FlexibleServer, changes: JsonObject): Promise<void> {
  const { postgres } = server;
  if (!postgres?.isRunning) throw new ControlError(`PostgreSQL of server '${server.name}' does not run.`);
  const rows = new Map((await postgres.listParameters()).map((row) => [row.name, row]));
  for (const [name, value] of Object.entries(changes)) {
    const row = rows.get(name);
    if (!row) throw new ControlError(`There is no server parameter '${name}'.`);
    try {
      await postgres.setParameter(name, value === null ? row.defaultValue : String(value));
    } catch (error) {
      throw new ControlError(error instanceof Error ? error.message : String(error));
    }
  }
}

function setServerLocation(server: FlexibleServer, text: string): void {
  const location = findLocation(text);
  if (!location) throw new ControlError(`There is no location '${text}'.`);
  server.location = location;
}

/**
 * Change a server behind the API's back: `properties` and `sku` are merged (null removes), `location` set, `tags`
 * replaced, `rules` set one by one or removed by null, and so `parameters`, in PostgreSQL itself, reset by null.
 * @throws {ControlError} for a state, a location or a parameter that there is not, and for a value PostgreSQL refuses.
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
