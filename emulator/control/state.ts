import { imposeRules, pushRules } from '../arm/firewall-rules.ts';
import { merge } from '../arm/server-properties.ts';
import { type FlexibleServer, type ServerState, type Store, visibleState } from '../arm/store.ts';
import { patchGitHub, readGitHub } from '../github/state.ts';
import type { GitHub } from '../github/store.ts';
import { isObject, type JsonObject, objectOr, stringOr } from '../json.ts';

/** Roles, databases and parameters come from PostgreSQL itself and are empty while it does not run. */
async function dataPlane(server: FlexibleServer): Promise<JsonObject> {
  const { postgres } = server;
  if (!postgres?.running) return { databases: {}, roles: {}, parameters: {} };
  const [databases, roles, parameters] = await Promise.all([
    postgres.databases(),
    postgres.roles(),
    postgres.parameters(),
  ]);
  return {
    databases: Object.fromEntries(databases.map(({ name, ...rest }) => [name, rest])),
    roles,
    parameters: Object.fromEntries(parameters.map(({ name, value }) => [name, value])),
  };
}

async function describe(server: FlexibleServer): Promise<JsonObject> {
  const { subscriptionId, resourceGroup, location, sku } = server;
  return {
    subscriptionId,
    resourceGroup,
    location: location.displayName,
    sku,
    properties: { ...server.properties, state: visibleState(server) },
    tags: server.tags ?? {},
    rules: Object.fromEntries(server.firewallRules),
    ...(await dataPlane(server)),
  };
}

/** What `control/state` is about. */
export interface EmulatedState {
  readonly store: Store;
  readonly gitHub: GitHub;
}

/** `GET control/state`: every server with what is in it, and every repository. */
export async function readState({ store, gitHub }: EmulatedState): Promise<JsonObject> {
  const servers = await Promise.all(
    store.servers.map(async (server) => [server.name, await describe(server)] as const),
  );
  const groups = store.subscriptionIds.flatMap((id) => store.groups(id));
  return {
    servers: Object.fromEntries(servers),
    resourceGroups: Object.fromEntries(
      groups.map(({ name, location, tags = {} }) => [name, { location: location.name, tags }]),
    ),
    repositories: readGitHub(gitHub),
  };
}

const withoutPostgres: readonly ServerState[] = ['Stopped', 'Disabled', 'Inaccessible'];

/** Bring PostgreSQL to what the state says: running, or shut behind a closed gate. */
async function imposeState(server: FlexibleServer, state: ServerState): Promise<void> {
  server.state = state;
  if (withoutPostgres.includes(state)) await server.postgres?.stop();
  else if (state === 'Ready') await server.postgres?.start();
}

async function imposeProperties(server: FlexibleServer, changes: JsonObject): Promise<void> {
  const { state, ...rest } = changes;
  server.properties = merge(server.properties, rest);
  const wanted = stringOr(state);
  if (wanted !== undefined) await imposeState(server, wanted as ServerState);
  pushRules(server);
}

async function patchServer(store: Store, body: JsonObject): Promise<boolean> {
  const server = store.serverNamed(stringOr(body['server']) ?? '');
  if (!server) return false;
  const { properties, tags, rules, sku } = body;
  if (isObject(properties)) await imposeProperties(server, properties);
  if (isObject(tags)) {
    server.tags = Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)]));
  }
  if (isObject(rules)) imposeRules(server, rules);
  if (isObject(sku)) server.sku = { ...server.sku, ...objectOr(sku) };
  return true;
}

/**
 * `PATCH control/state`: change a server behind the API's back, a repository, or both. A server's properties and `sku`
 * are merged, tags replaced, rules set one by one or removed by null; for a repository see {@link patchGitHub}.
 * @returns false where there is no such server.
 * @throws {GitHubStateError} for what cannot be in a repository.
 */
export async function patchState({ store, gitHub }: EmulatedState, body: JsonObject): Promise<boolean> {
  if (body['repository'] !== undefined) patchGitHub(gitHub, body);
  if (body['repository'] !== undefined && body['server'] === undefined) return true;
  return patchServer(store, body);
}
