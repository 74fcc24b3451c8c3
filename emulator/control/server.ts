import { imposeRules, pushRules } from '../arm/firewall-rules.ts';
import { findLocation } from '../arm/locations.ts';
import { merge, updatedProperties } from '../arm/server-properties.ts';
import type { FlexibleServer, ServerState } from '../arm/store.ts';
import { isObject, type JsonObject, stringOr } from '../json.ts';
import { ControlError } from './error.ts';

/** Those in which no login succeeds, for there is nothing yet, or no longer, to log in to. */
const withoutPostgres: readonly ServerState[] = [
  'Stopped',
  'Disabled',
  'Inaccessible',
  'Provisioning',
  'Starting',
];

const states: readonly string[] = [
  ...withoutPostgres,
  ...['Ready', 'Dropping', 'Stopping', 'Updating', 'Restarting'],
];

/** Bring PostgreSQL to what the state says: running, or shut behind a closed gate. */
async function imposeState(server: FlexibleServer, state: ServerState): Promise<void> {
  // Ready is the last word: whoever sees it may log in.
  if (state === 'Ready') await server.postgres?.start();
  server.state = state;
  if (withoutPostgres.includes(state)) await server.postgres?.stop();
}

/** A copy without the members that are null, at any depth. */
function withoutNulls(value: JsonObject): JsonObject {
  const entries = Object.entries(value)
    .filter(([, member]) => member !== null)
    .map(([name, member]) => [name, isObject(member) ? withoutNulls(member) : member]);
  return Object.fromEntries(entries);
}

/**
 * Lay the changes over the properties. What follows from one in Azure (the tier of a storage size, the standby's zone
 * of a mode) follows here, unless the call says otherwise.
 */
async function imposeProperties(server: FlexibleServer, changes: JsonObject): Promise<void> {
  const { state, ...rest } = changes;
  const wanted = stringOr(state);
  if (wanted !== undefined && !states.includes(wanted)) {
    throw new ControlError(`A server has no state '${wanted}'.`);
  }
  const zone = stringOr(rest['availabilityZone']);
  const before = zone === undefined ? server.properties : { ...server.properties, availabilityZone: zone };
  server.properties = withoutNulls(merge(updatedProperties(before, rest), rest));
  if (wanted !== undefined) await imposeState(server, wanted as ServerState);
  pushRules(server);
}

/** Set server parameters in PostgreSQL itself; null brings the default back. */
async function imposeParameters(server: FlexibleServer, changes: JsonObject): Promise<void> {
  const { postgres } = server;
  if (!postgres?.running) throw new ControlError(`PostgreSQL of server '${server.name}' does not run.`);
  const rows = new Map((await postgres.parameters()).map((row) => [row.name, row]));
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

function imposeLocation(server: FlexibleServer, text: string): void {
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
  if (isObject(properties)) await imposeProperties(server, properties);
  if (typeof location === 'string') imposeLocation(server, location);
  if (isObject(tags)) {
    server.tags = Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)]));
  }
  if (isObject(rules)) imposeRules(server, rules);
  if (isObject(sku)) server.sku = { ...server.sku, ...sku };
  if (isObject(parameters)) await imposeParameters(server, parameters);
}
