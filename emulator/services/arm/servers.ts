import { CaseInsensitiveMap } from '../../core/case-insensitive-map.ts';
import { HOST_SUFFIX } from '../../core/hosts-file.ts';
import { asObject, asString, type JsonObject } from '../../core/json.ts';
import type { PostgresFactory, PostgresServer } from '../../postgres/types.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import {
  gatewayErrors,
  INVALID_SERVER_NAME_MESSAGE,
  type OperationError,
  operationErrors,
  providerErrors,
} from './arm-errors.ts';
import { type ArmRequest, parseBody, parseResourceBody, parseTags } from './arm-request.ts';
import type { FlexibleServer } from './arm-store.ts';
import { clusterForCreate, DEFAULT_DATABASE, upsertOperationName } from './elastic-cluster.ts';
import { applyFirewallRules } from './firewall-rules.ts';
import { checkHighAvailability, choosePrimaryZone } from './high-availability.ts';
import { findLocation, type Location, REGION_NAMES } from './locations.ts';
import { COMPRESSIBLE_HEADERS, PROVIDER_HEADERS } from './operations.ts';
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
 * Whether GET and lists show a server during its creation. Inferred from the state `Provisioning`, and from the error of a
 * child's GET, which comes from the provider and not from the gateway.
 */
const VISIBLE_WHILE_PROVISIONING = true;

function isVisible(server: FlexibleServer): boolean {
  return VISIBLE_WHILE_PROVISIONING || server.state !== 'Provisioning';
}

/** A new server from a validated request. */
interface ServerCreation {
  readonly server: FlexibleServer;
  readonly login: string;
  readonly password: string;
  /** The error that the operation ends with after it was accepted. */
  readonly failure: OperationError | undefined;
}

function parseLocation(body: JsonObject): Location {
  const text = asString(body['location']);
  if (text === undefined || text === '') throw gatewayErrors.locationRequired();
  const location = findLocation(text);
  if (location) return location;
  throw gatewayErrors.locationNotAvailable(text, 'Microsoft.DBforPostgreSQL/flexibleServers', REGION_NAMES);
}

function checkLocation(server: FlexibleServer, requested: Location): void {
  if (server.location.name === requested.name) return;
  const { name, location, resourceGroup } = server;
  throw gatewayErrors.invalidResourceLocation(name, location.name, resourceGroup, requested.name);
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
  // The emulator cannot restore or replicate a server.
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
  { options, hosts }: ArmContext,
): Promise<PostgresServer> {
  const { authConfig, cluster } = server.properties;
  const isPasswordAuthDisabled = asObject(authConfig)['passwordAuth'] === 'Disabled';
  const postgres = await factory.create({
    name: server.name,
    host: hosts && `${server.name}${HOST_SUFFIX}`,
    major: String(server.properties['version']),
    administratorLogin: login,
    administratorLoginPassword: isPasswordAuthDisabled ? randomPassword() : password,
    passwordStorage: options.passwordStorage,
    allowsDatabaseCreation: cluster === undefined,
    blockedBehavior: options.blockedBehavior,
    firewallDelayMs: options.firewallDelayMs,
  });
  try {
    await postgres.start();
    const database = asString(asObject(cluster)['defaultDatabaseName']) ?? DEFAULT_DATABASE;
    if (database !== DEFAULT_DATABASE) await postgres.databases.create(database, 'UTF8', 'en_US.utf8');
    return postgres;
  } catch (error) {
    await postgres.destroy();
    throw error;
  }
}

/** Attach PostgreSQL to its server, or destroy it if the server was deleted in the meantime. */
async function attachPostgres(
  server: FlexibleServer,
  postgres: PostgresServer,
  { store, hosts }: ArmContext,
): Promise<void> {
  if (store.findServerByName(server.name) !== server) return postgres.destroy();
  server.postgres = postgres;
  hosts?.add(postgres.host, postgres.address);
  server.properties = {
    ...server.properties,
    fullyQualifiedDomainName: postgres.host,
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

/** A used name and a weak password are accepted too, and fail when the operation is polled. */
function beginCreation(
  call: ArmRequest,
  context: ArmContext,
  creation: ServerCreation,
  factory: PostgresFactory,
) {
  const { server, login, password, failure } = creation;
  const isNameTaken = context.store.findServerByName(server.name) !== undefined;
  const isPasswordWeak = !isValidAdministratorPassword(password, login);
  const operationFailure = isNameTaken
    ? operationErrors.nameAlreadyExists()
    : isPasswordWeak
      ? operationErrors.internal()
      : failure;
  if (!operationFailure) context.store.addServer(server);
  return context.operations.begin(call, {
    operationName: upsertOperationName(server.properties['cluster']),
    retryAfterSeconds: RETRY_AFTER_SECONDS.server,
    locationSegment: server.location.name,
    durationMs: operationDurationMs(
      operationFailure ? 'updateServer' : 'createServer',
      context.options.provisionMs,
    ),
    failure: operationFailure,
    work: (untilDone) => finishCreation(creation, factory, context, untilDone),
  });
}

/** `PUT …/flexibleServers/{name}`: creates a server, or updates an existing one. */
export const putServer: ArmHandler = async (call, context) => {
  // Loaded first, because no await may come between findServer and addServer.
  const factory = await context.getPostgresFactory();
  const location = parseLocation(parseResourceBody(call));
  const existing = context.store.findServer(call.params);
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
export const patchServer: ArmHandler = (call, context) =>
  updateServer(call, context, context.store.getServer(call.params));

export const getServer: ArmHandler = (call, { store }) => {
  const server = store.getServer(call.params);
  if (!isVisible(server)) throw gatewayErrors.serverNotFound(call.params.server, call.params.group);
  return { status: 200, headers: COMPRESSIBLE_HEADERS, body: serverBody(server, call.apiVersion) };
};

/** The servers of the subscription that the caller may read, or of the group in the path. */
export const listServers: ArmHandler = (call, { store, options, accessControl }) => {
  const { subscription, group } = call.params;
  if (group !== '') store.getGroup(subscription, group);
  const servers = store.listServers(subscription, group === '' ? undefined : group).filter(
    (server) =>
      isVisible(server) &&
      accessControl.isAllowed(call.caller.principalId, {
        action: 'Microsoft.DBforPostgreSQL/flexibleServers/read',
        scope: `/subscriptions/${server.subscriptionId}/resourceGroups/${server.resourceGroup}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${server.name}`,
      }),
  );
  return pagedResponse(call, servers, options.pageSize, (server) => serverBody(server, call.apiVersion));
};

/** `POST …/checkNameAvailability`, with or without a location in the path. */
export const checkNameAvailability: ArmHandler = (call, { store }) => {
  const body = parseBody(call);
  const name = asString(body['name']);
  if (name === undefined) throw providerErrors.invalidValue('name');
  const type = asString(body['type']) ?? 'Microsoft.DBforPostgreSQL/flexibleServers';
  const availability = !isValidServerName(name)
    ? { nameAvailable: false, reason: 'Invalid', message: INVALID_SERVER_NAME_MESSAGE }
    : store.findServerByName(name)
      ? {
          nameAvailable: false,
          reason: 'AlreadyExists',
          message: 'Specified server name is already used.',
        }
      : { nameAvailable: true, message: '' };
  return { status: 200, headers: PROVIDER_HEADERS, body: { name, type, ...availability } };
};
