import { asString, type JsonObject } from '../core/json.ts';
import { type ArmStore, type FlexibleServer, visibleState } from '../services/arm/arm-store.ts';
import type { GitHubStore } from '../services/github/github-store.ts';
import { describeRepositories, patchRepository } from './patch-repository.ts';
import { patchServer } from './patch-server.ts';

/** Roles, databases and parameters come from PostgreSQL itself and are empty while it does not run. */
async function describeDataPlane(server: FlexibleServer): Promise<JsonObject> {
  const { postgres } = server;
  if (!postgres?.isRunning) return { databases: {}, roles: {}, parameters: {} };
  // One after the other: each takes a session of the service, and one is kept for the next.
  const databases = await postgres.listDatabases();
  const roles = await postgres.listRoles();
  const parameters = await postgres.listParameters();
  return {
    databases: Object.fromEntries(databases.map(({ name, ...rest }) => [name, rest])),
    roles,
    parameters: Object.fromEntries(parameters.map(({ name, value }) => [name, value])),
  };
}

async function describeServer(server: FlexibleServer): Promise<JsonObject> {
  const { subscriptionId, resourceGroup, location, sku } = server;
  return {
    subscriptionId,
    resourceGroup,
    location: location.displayName,
    sku,
    properties: { ...server.properties, state: visibleState(server) },
    tags: server.tags ?? {},
    rules: Object.fromEntries(server.firewallRules),
    ...(await describeDataPlane(server)),
  };
}

/** What `control/state` is about. */
export interface StateSource {
  readonly store: ArmStore;
  readonly gitHub: GitHubStore;
}

/**
 * `GET control/state`: every server with what is in it, and every repository.
 * @param serverName the server to describe, where the others are not asked for.
 */
export async function readState({ store, gitHub }: StateSource, serverName?: string): Promise<JsonObject> {
  const selectedServers = store.allServers.filter(
    ({ name }) => serverName === undefined || name === serverName,
  );
  const servers = await Promise.all(
    selectedServers.map(async (server) => [server.name, await describeServer(server)] as const),
  );
  const groups = store.subscriptionIds.flatMap((id) => store.listGroups(id));
  return {
    servers: Object.fromEntries(servers),
    resourceGroups: Object.fromEntries(
      groups.map(({ name, location, tags = {} }) => [name, { location: location.name, tags }]),
    ),
    repositories: describeRepositories(gitHub),
  };
}

/**
 * `PATCH control/state`: change a server behind the API's back (see {@link patchServer}), a repository (see
 * {@link patchRepository}), or both.
 * @returns false where there is no such server.
 * @throws {GitHubStateError} for what cannot be in a repository.
 * @throws {ControlError | ArmError} for what a server cannot be.
 */
export async function patchState({ store, gitHub }: StateSource, body: JsonObject): Promise<boolean> {
  if (body['repository'] !== undefined) patchRepository(gitHub, body);
  if (body['repository'] !== undefined && body['server'] === undefined) return true;
  const server = store.findServerByName(asString(body['server']) ?? '');
  if (server) await patchServer(server, body);
  return server !== undefined;
}
