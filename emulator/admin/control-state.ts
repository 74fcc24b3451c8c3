import { asString, type JsonObject } from '../core/json.ts';
import { type ArmStore, type FlexibleServer, visibleState } from '../services/arm/arm-store.ts';
import type { FederatedCredentials } from '../services/entra/federated-credentials.ts';
import type { GitHubStore } from '../services/github/github-store.ts';
import { ControlError } from './errors.ts';
import { describeRepositories, patchRepository } from './patch-repository.ts';
import { patchServer } from './patch-server.ts';

/** What PostgreSQL itself reports. Empty while it does not run. */
async function describePostgres(server: FlexibleServer): Promise<JsonObject> {
  const { postgres } = server;
  if (!postgres?.isRunning) return { databases: {}, roles: {}, parameters: {} };
  // In sequence, because the calls then reuse one idle service session.
  const databases = await postgres.databases.list();
  const roles = await postgres.roles.list();
  const parameters = await postgres.parameters.list();
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
    ...(await describePostgres(server)),
  };
}

/** The data that `control/state` reads and changes. */
export interface StateSource {
  readonly store: ArmStore;
  readonly gitHub: GitHubStore;
  readonly federatedCredentials: FederatedCredentials;
}

/**
 * `GET control/state`: the servers, the resource groups and the repositories.
 * @param serverName limits the servers to this one.
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
 * `PATCH control/state`: change a server (see {@link patchServer}), a repository (see {@link patchRepository}), the
 * federated credentials, or several of them, without the API.
 * @throws {ControlError | ArmError} for an unknown server and for an invalid value.
 */
export async function patchState(
  { store, gitHub, federatedCredentials }: StateSource,
  body: JsonObject,
): Promise<void> {
  const { federatedCredentials: credentials } = body;
  if (
    credentials !== undefined &&
    !(Array.isArray(credentials) && federatedCredentials.register(credentials))
  )
    throw new ControlError("'federatedCredentials' must be a list of {issuer, subject, audience}.");
  if (body['repository'] !== undefined) patchRepository(gitHub, body);
  const isOther = credentials !== undefined || body['repository'] !== undefined;
  if (isOther && body['server'] === undefined) return;
  const name = asString(body['server']) ?? '';
  const server = store.findServerByName(name);
  if (!server) throw new ControlError(`Server '${name}' does not exist.`);
  await patchServer(server, body);
}
