import { type JsonObject, objectOr, stringOr } from '../json.ts';
import type { PostgresFactory, PostgresServer } from '../postgres/types.ts';
import { type ArmCall, type ArmContext, type ArmHandler, resourceBodyOf, tagsOf } from './call.ts';
import { gatewayErrors, type OperationFailure, operationFailures, providerErrors } from './errors.ts';
import { pushRules } from './firewall-rules.ts';
import { findLocation, type Location, regionNames } from './locations.ts';
import { NameMap } from './name-map.ts';
import { compressibleHeaders } from './operations.ts';
import { page } from './paging.ts';
import { checkAvailability, primaryZone } from './server-availability.ts';
import { serverBody } from './server-body.ts';
import { defaultDatabase, newCluster, upsertOperation } from './server-cluster.ts';
import { newProperties } from './server-properties.ts';
import { unknownPassword, updateServer } from './server-update.ts';
import {
  checkProperties,
  checkSku,
  checkVersion,
  isAdministratorLogin,
  isAdministratorPassword,
  isServerName,
} from './server-validation.ts';
import type { FlexibleServer } from './store.ts';
import { durationOf, retryAfterSeconds } from './timing.ts';

/**
 * Whether a server shows in GET and lists while it is being created. Inferred: the API has a state `Provisioning`,
 * and a child's GET then fails in the provider and not at the gateway (facts.md §3), which so knows the server [INF].
 */
const visibleWhileProvisioning = true;

function isVisible(server: FlexibleServer): boolean {
  return visibleWhileProvisioning || server.state !== 'Provisioning';
}

/** A new server as its request describes it, every member checked. */
interface Creation {
  readonly server: FlexibleServer;
  readonly login: string;
  readonly password: string;
  /** How it ends although it was accepted. */
  readonly failure: OperationFailure | undefined;
}

function locationOf(body: JsonObject): Location {
  const text = stringOr(body['location']);
  if (text === undefined || text === '') throw gatewayErrors.locationRequired();
  const location = findLocation(text);
  if (location) return location;
  throw gatewayErrors.locationNotAvailable(text, 'Microsoft.DBforPostgreSQL/flexibleServers', regionNames);
}

function checkLocation(server: FlexibleServer, wanted: Location): void {
  if (server.location.name === wanted.name) return;
  const { name, location, resourceGroup } = server;
  throw gatewayErrors.invalidResourceLocation(name, location.name, resourceGroup, wanted.name);
}

function credentialsOf(properties: JsonObject): { login: string; password: string } {
  const login = stringOr(properties['administratorLogin']);
  const password = stringOr(properties['administratorLoginPassword']);
  if (login === undefined || password === undefined) throw providerErrors.credentialsNotProvided();
  if (!isAdministratorLogin(login)) throw providerErrors.invalidValue('administratorLogin');
  return { login, password };
}

function creationOf(
  call: ArmCall,
  context: ArmContext,
  location: Location,
  majors: readonly string[],
): Creation {
  const body = resourceBodyOf(call);
  const properties = objectOr(body['properties']);
  if (!isServerName(call.names.server)) throw providerErrors.invalidServerName();
  const sku = checkSku(objectOr(body['sku']));
  const version = checkVersion(properties['version'] ?? majors.at(-1), majors);
  checkProperties(properties, {});
  checkAvailability(properties, {}, primaryZone(properties), sku.tier);
  const { cluster, failure } = newCluster(properties, version, call.apiVersion);
  // Azure could also restore or replicate; an empty server in the place of a copy would be a lie.
  const { createMode } = properties;
  if (createMode !== undefined && createMode !== 'Default' && createMode !== 'Create') {
    throw providerErrors.invalidValue('createMode');
  }
  const group = context.store.group(call.names.subscription, call.names.group);
  if (group.provisioningState === 'Deleting') throw gatewayErrors.resourceGroupBeingDeleted(group.name);
  const server: FlexibleServer = {
    subscriptionId: group.subscriptionId,
    resourceGroup: group.name,
    name: call.names.server,
    location,
    createdAt: new Date().toISOString(),
    tags: tagsOf(body),
    sku,
    properties: {
      ...newProperties(properties, version, context.tenantId),
      ...(cluster ? { cluster } : {}),
    },
    state: 'Provisioning',
    minorOperations: 0,
    writingConfiguration: false,
    postgres: undefined,
    firewallRules: new NameMap(),
    acceptedRules: new NameMap(),
  };
  return { server, ...credentialsOf(properties), failure };
}

async function makePostgres(
  { server, login, password }: Creation,
  factory: PostgresFactory,
  { options }: ArmContext,
): Promise<PostgresServer> {
  const { authConfig, cluster } = server.properties;
  const closed = objectOr(authConfig)['passwordAuth'] === 'Disabled';
  const postgres = await factory.create({
    name: server.name,
    major: String(server.properties['version']),
    administratorLogin: login,
    administratorLoginPassword: closed ? unknownPassword() : password,
    passwordStorage: options.passwordStorage,
    blocked: options.blocked,
    firewallDelay: options.firewallDelay,
  });
  try {
    await postgres.start();
    const database = stringOr(objectOr(cluster)['defaultDatabaseName']) ?? defaultDatabase;
    if (database !== defaultDatabase) await postgres.createDatabase(database, 'UTF8', 'en_US.utf8');
    return postgres;
  } catch (error) {
    await postgres.destroy();
    throw error;
  }
}

/** Put the finished data plane into its server, or away where the server was deleted meanwhile. */
async function complete(
  server: FlexibleServer,
  postgres: PostgresServer,
  { store }: ArmContext,
): Promise<void> {
  if (store.serverNamed(server.name) !== server) return postgres.destroy();
  server.postgres = postgres;
  server.properties = {
    ...server.properties,
    fullyQualifiedDomainName: postgres.address,
    minorVersion: postgres.minor,
  };
  pushRules(server);
  server.state = 'Ready';
}

async function create(
  creation: Creation,
  factory: PostgresFactory,
  context: ArmContext,
  elapse: () => Promise<void>,
): Promise<void> {
  const making = makePostgres(creation, factory, context);
  try {
    const [postgres] = await Promise.all([making, elapse()]);
    await complete(creation.server, postgres, context);
  } catch (error) {
    context.store.removeServer(creation.server);
    await making.then(
      (postgres) => postgres.destroy(),
      () => {},
    );
    throw error;
  }
}

/** Accept a creation, or what looks like one until it is polled: a name that is taken, a password too weak. */
function beginCreation(call: ArmCall, context: ArmContext, creation: Creation, factory: PostgresFactory) {
  const { server, login, password, failure } = creation;
  const taken = context.store.serverNamed(server.name) !== undefined;
  const weak = !isAdministratorPassword(password, login);
  const doomed = taken
    ? operationFailures.nameAlreadyExists()
    : weak
      ? operationFailures.internal()
      : failure;
  if (!doomed) context.store.addServer(server);
  return context.operations.begin(call, {
    operation: upsertOperation(server.properties['cluster']),
    retryAfter: retryAfterSeconds.server,
    location: server.location.name,
    duration: durationOf(doomed ? 'updateServer' : 'createServer', context.options.provision),
    work: async (elapse) => {
      if (!doomed) return create(creation, factory, context, elapse);
      await elapse();
      throw doomed;
    },
  });
}

/** `PUT …/flexibleServers/{name}`: creates a server, or updates the one that is there. */
export const putServer: ArmHandler = async (call, context) => {
  // Loaded first: between looking for the server and adding it, nothing may wait.
  const factory = await context.postgres();
  const { store } = context;
  const { subscription, group, server: name } = call.names;
  const location = locationOf(resourceBodyOf(call));
  const existing = store.findServer(subscription, group, name);
  if (existing) {
    checkLocation(existing, location);
    return updateServer(call, context, existing);
  }
  return beginCreation(call, context, creationOf(call, context, location, factory.supportedMajors), factory);
};

/** `PATCH …/flexibleServers/{name}`. */
export const patchServer: ArmHandler = (call, context) => {
  const { subscription, group, server } = call.names;
  return updateServer(call, context, context.store.server(subscription, group, server));
};

export const getServer: ArmHandler = (call, { store }) => {
  const { subscription, group, server: name } = call.names;
  const server = store.server(subscription, group, name);
  if (!isVisible(server)) throw gatewayErrors.serverNotFound(name, group);
  return { status: 200, headers: compressibleHeaders, body: serverBody(server, call.apiVersion) };
};

/** The servers of the subscription, or of the group where the path names one. */
export const listServers: ArmHandler = (call, { store, options }) => {
  const { subscription, group } = call.names;
  if (group !== '') store.group(subscription, group);
  const servers = store.serversOf(subscription, group === '' ? undefined : group).filter(isVisible);
  return page(call, servers, options.pageSize, (server) => serverBody(server, call.apiVersion));
};
