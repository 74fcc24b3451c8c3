import { CaseInsensitiveMap } from '../../core/case-insensitive-map.ts';
import { asObject, asString, type JsonObject } from '../../core/json.ts';
import type { PostgresFactory, PostgresServer } from '../../postgres/types.ts';
import {
  type ArmContext,
  type ArmHandler,
  type ArmRequest,
  parseResourceBody,
  parseTags,
} from './arm-request.ts';
import type { FlexibleServer } from './arm-store.ts';
import { clusterForCreate, DEFAULT_DATABASE, upsertOperationName } from './elastic-cluster.ts';
import { gatewayErrors, type OperationError, operationErrors, providerErrors } from './errors.ts';
import { applyFirewallRules } from './firewall-rules.ts';
import { checkHighAvailability, choosePrimaryZone } from './high-availability.ts';
import { findLocation, type Location, REGION_NAMES } from './locations.ts';
import { COMPRESSIBLE_HEADERS } from './operations.ts';
import { pagedResponse } from './paging.ts';
import { serverBody } from './server-body.ts';
import { buildServerProperties } from './server-properties.ts';
import { randomPassword, updateServer } from './server-update.ts';
import {
  checkProperties,
  isValidAdministratorLogin,
  isValidAdministratorPassword,
  isValidServerName,
  parseSku,
  parseVersion,
} from './server-validation.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS } from './timing.ts';

/**
 * Whether a server shows in GET and lists while it is being created. Inferred: the API has a state `Provisioning`,
 * and a child's GET then fails in the provider and not at the gateway (facts.md §3), which so knows the server [INF].
 */
const VISIBLE_WHILE_PROVISIONING = true;

function isVisible(server: FlexibleServer): boolean {
  return VISIBLE_WHILE_PROVISIONING || server.state !== 'Provisioning';
}

/** A new server as its request describes it, every member checked. */
interface ServerCreation {
  readonly server: FlexibleServer;
  readonly login: string;
  readonly password: string;
  /** How it ends although it was accepted. */
  readonly failure: OperationError | undefined;
}

function parseLocation(body: JsonObject): Location {
  const text = asString(body['location']);
  if (text === undefined || text === '') throw gatewayErrors.locationRequired();
  const location = findLocation(text);
  if (location) return location;
  throw gatewayErrors.locationNotAvailable(text, 'Microsoft.DBforPostgreSQL/flexibleServers', REGION_NAMES);
}

function checkLocation(server: FlexibleServer, wanted: Location): void {
  if (server.location.name === wanted.name) return;
  const { name, location, resourceGroup } = server;
  throw gatewayErrors.invalidResourceLocation(name, location.name, resourceGroup, wanted.name);
}

function parseCredentials(properties: JsonObject): { login: string; password: string } {
  const login = asString(properties['administratorLogin']);
  const password = asString(properties['administratorLoginPassword']);
  if (login === undefined || password === undefined) throw providerErrors.credentialsNotProvided();
  if (!isValidAdministratorLogin(login)) throw providerErrors.invalidValue('administratorLogin');
  return { login, password };
}

function parseCreation(
  call: ArmRequest,
  context: ArmContext,
  location: Location,
  majors: readonly string[],
): ServerCreation {
  const body = parseResourceBody(call);
  const properties = asObject(body['properties']);
  if (!isValidServerName(call.params.server)) throw providerErrors.invalidServerName();
  const sku = parseSku(asObject(body['sku']));
  const version = parseVersion(properties['version'] ?? majors.at(-1), majors);
  checkProperties(properties, {});
  checkHighAvailability(properties, {}, choosePrimaryZone(properties), sku.tier);
  const { cluster, failure } = clusterForCreate(properties, version, call.apiVersion);
  // Azure could also restore or replicate; an empty server in the place of a copy would be a lie.
  const { createMode } = properties;
  if (createMode !== undefined && createMode !== 'Default' && createMode !== 'Create') {
    throw providerErrors.invalidValue('createMode');
  }
  const group = context.store.getGroup(call.params.subscription, call.params.group);
  if (group.provisioningState === 'Deleting') throw gatewayErrors.resourceGroupBeingDeleted(group.name);
  const server: FlexibleServer = {
    subscriptionId: group.subscriptionId,
    resourceGroup: group.name,
    name: call.params.server,
    location,
    createdAt: new Date().toISOString(),
    tags: parseTags(body),
    sku,
    properties: {
      ...buildServerProperties(properties, version, context.tenantId),
      ...(cluster ? { cluster } : {}),
    },
    state: 'Provisioning',
    activeChildOperations: 0,
    isWritingConfiguration: false,
    postgres: undefined,
    firewallRules: new CaseInsensitiveMap(),
    effectiveRules: new CaseInsensitiveMap(),
  };
  return { server, ...parseCredentials(properties), failure };
}

async function createPostgres(
  { server, login, password }: ServerCreation,
  factory: PostgresFactory,
  { options }: ArmContext,
): Promise<PostgresServer> {
  const { authConfig, cluster } = server.properties;
  const isPasswordAuthDisabled = asObject(authConfig)['passwordAuth'] === 'Disabled';
  const postgres = await factory.create({
    name: server.name,
    major: String(server.properties['version']),
    administratorLogin: login,
    administratorLoginPassword: isPasswordAuthDisabled ? randomPassword() : password,
    passwordStorage: options.passwordStorage,
    blockedBehavior: options.blockedBehavior,
    firewallDelayMs: options.firewallDelayMs,
  });
  try {
    await postgres.start();
    const database = asString(asObject(cluster)['defaultDatabaseName']) ?? DEFAULT_DATABASE;
    if (database !== DEFAULT_DATABASE) await postgres.createDatabase(database, 'UTF8', 'en_US.utf8');
    return postgres;
  } catch (error) {
    await postgres.destroy();
    throw error;
  }
}

/** Put the finished data plane into its server, or away where the server was deleted meanwhile. */
async function attachPostgres(
  server: FlexibleServer,
  postgres: PostgresServer,
  { store }: ArmContext,
): Promise<void> {
  if (store.findServerByName(server.name) !== server) return postgres.destroy();
  server.postgres = postgres;
  server.properties = {
    ...server.properties,
    fullyQualifiedDomainName: postgres.address,
    minorVersion: postgres.minor,
  };
  applyFirewallRules(server);
  server.state = 'Ready';
}

async function finishCreation(
  creation: ServerCreation,
  factory: PostgresFactory,
  context: ArmContext,
  untilDone: () => Promise<void>,
): Promise<void> {
  const postgresPromise = createPostgres(creation, factory, context);
  try {
    const [postgres] = await Promise.all([postgresPromise, untilDone()]);
    await attachPostgres(creation.server, postgres, context);
  } catch (error) {
    context.store.removeServer(creation.server);
    await postgresPromise.then(
      (postgres) => postgres.destroy(),
      () => {},
    );
    throw error;
  }
}

/** Accept a creation, or what looks like one until it is polled: a name that is taken, a password too weak. */
function beginCreation(
  call: ArmRequest,
  context: ArmContext,
  creation: ServerCreation,
  factory: PostgresFactory,
) {
  const { server, login, password, failure } = creation;
  const isNameTaken = context.store.findServerByName(server.name) !== undefined;
  const isPasswordWeak = !isValidAdministratorPassword(password, login);
  const expectedError = isNameTaken
    ? operationErrors.nameAlreadyExists()
    : isPasswordWeak
      ? operationErrors.internal()
      : failure;
  if (!expectedError) context.store.addServer(server);
  return context.operations.begin(call, {
    operationName: upsertOperationName(server.properties['cluster']),
    retryAfterSeconds: RETRY_AFTER_SECONDS.server,
    locationSegment: server.location.name,
    durationMs: operationDurationMs(
      expectedError ? 'updateServer' : 'createServer',
      context.options.provisionMs,
    ),
    work: async (untilDone) => {
      if (!expectedError) return finishCreation(creation, factory, context, untilDone);
      await untilDone();
      throw expectedError;
    },
  });
}

/** `PUT …/flexibleServers/{name}`: creates a server, or updates the one that is there. */
export const putServer: ArmHandler = async (call, context) => {
  // Loaded first: between looking for the server and adding it, nothing may wait.
  const factory = await context.getPostgresFactory();
  const { store } = context;
  const { subscription, group, server: name } = call.params;
  const location = parseLocation(parseResourceBody(call));
  const existing = store.findServer(subscription, group, name);
  if (existing) {
    checkLocation(existing, location);
    return updateServer(call, context, existing);
  }
  return beginCreation(
    call,
    context,
    parseCreation(call, context, location, factory.supportedMajors),
    factory,
  );
};

/** `PATCH …/flexibleServers/{name}`. */
export const patchServer: ArmHandler = (call, context) => {
  const { subscription, group, server } = call.params;
  return updateServer(call, context, context.store.getServer(subscription, group, server));
};

export const getServer: ArmHandler = (call, { store }) => {
  const { subscription, group, server: name } = call.params;
  const server = store.getServer(subscription, group, name);
  if (!isVisible(server)) throw gatewayErrors.serverNotFound(name, group);
  return { status: 200, headers: COMPRESSIBLE_HEADERS, body: serverBody(server, call.apiVersion) };
};

/** The servers of the subscription, or of the group where the path names one. */
export const listServers: ArmHandler = (call, { store, options }) => {
  const { subscription, group } = call.params;
  if (group !== '') store.getGroup(subscription, group);
  const servers = store.listServers(subscription, group === '' ? undefined : group).filter(isVisible);
  return pagedResponse(call, servers, options.pageSize, (server) => serverBody(server, call.apiVersion));
};
