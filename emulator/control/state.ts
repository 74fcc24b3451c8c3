import { type FlexibleServer, type Store, visibleState } from '../arm/store.ts';
import { patchGitHub, readGitHub } from '../github/state.ts';
import type { GitHub } from '../github/store.ts';
import { type JsonObject, stringOr } from '../json.ts';
import { patchServer } from './server.ts';

/** Roles, databases and parameters come from PostgreSQL itself and are empty while it does not run. */
async function dataPlane(server: FlexibleServer): Promise<JsonObject> {
  const { postgres } = server;
  if (!postgres?.running) return { databases: {}, roles: {}, parameters: {} };
  // One after the other: each takes a session of the service, and one is kept for the next.
  const databases = await postgres.databases();
  const roles = await postgres.roles();
  const parameters = await postgres.parameters();
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

/**
 * `GET control/state`: every server with what is in it, and every repository.
 * @param only the server to describe, where the others are not asked for.
 */
export async function readState({ store, gitHub }: EmulatedState, only?: string): Promise<JsonObject> {
  const wanted = store.servers.filter(({ name }) => only === undefined || name === only);
  const servers = await Promise.all(
    wanted.map(async (server) => [server.name, await describe(server)] as const),
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

/**
 * `PATCH control/state`: change a server behind the API's back (see {@link patchServer}), a repository (see
 * {@link patchGitHub}), or both.
 * @returns false where there is no such server.
 * @throws {GitHubStateError} for what cannot be in a repository.
 * @throws {ControlError | ArmError} for what a server cannot be.
 */
export async function patchState({ store, gitHub }: EmulatedState, body: JsonObject): Promise<boolean> {
  if (body['repository'] !== undefined) patchGitHub(gitHub, body);
  if (body['repository'] !== undefined && body['server'] === undefined) return true;
  const server = store.serverNamed(stringOr(body['server']) ?? '');
  if (server) await patchServer(server, body);
  return server !== undefined;
}
