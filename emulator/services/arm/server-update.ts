import { randomBytes } from 'node:crypto';
import type { HttpResponse } from '../../core/http-types.ts';
import { asNumber, asObject, asString, isJsonObject, type JsonObject } from '../../core/json.ts';
import type { ArmContext } from './arm-context.ts';
import { type OperationError, operationErrors, providerErrors } from './arm-errors.ts';
import { type ArmRequest, parseResourceBody, parseTags } from './arm-request.ts';
import { type FlexibleServer, visibleState, withServerState } from './arm-store.ts';
import { clusterForUpdate, upsertOperationName } from './elastic-cluster.ts';
import { applyFirewallRules } from './firewall-rules.ts';
import { checkHighAvailability } from './high-availability.ts';
import { mergeServerProperties } from './server-properties.ts';
import { checkProperties, isValidAdministratorPassword, parseSku } from './server-validation.ts';
import { STORAGE_SIZES } from './skus.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS } from './timing.ts';

/**
 * Properties that only a creation can set, see docs/azure-behavior.md#property-mutability. The same value is accepted, and
 * another one is refused (inferred).
 */
function checkImmutable(server: FlexibleServer, sent: JsonObject): void {
  for (const name of ['administratorLogin', 'availabilityZone']) {
    const value = sent[name];
    if (value !== undefined && value !== '' && value !== server.properties[name]) {
      throw providerErrors.invalidValue(name);
    }
  }
  const subnet = asObject(sent['network'])['delegatedSubnetResourceId'];
  const current = asObject(server.properties['network'])['delegatedSubnetResourceId'];
  if (subnet !== undefined && subnet !== current) {
    throw providerErrors.invalidValue('network.delegatedSubnetResourceId');
  }
  const geo = asString(asObject(sent['backup'])['geoRedundantBackup'])?.toLowerCase();
  const currentGeo = asString(asObject(server.properties['backup'])['geoRedundantBackup'])?.toLowerCase();
  if (geo !== undefined && geo !== currentGeo) throw providerErrors.invalidValue('geoRedundantBackup');
}

function checkStorageGrowth(server: FlexibleServer, sent: JsonObject): void {
  const requested = asNumber(asObject(sent['storage'])['storageSizeGB']);
  const current = asNumber(asObject(server.properties['storage'])['storageSizeGB']) ?? 0;
  if (requested !== undefined && requested < current) {
    const sizes = STORAGE_SIZES.map(({ sizeGb }) => sizeGb).filter((size) => size >= current);
    throw providerErrors.outOfRange('storageSizeGB', sizes);
  }
}

/** Unlike Azure, the emulator cannot upgrade a server, so it refuses every other version. */
function checkVersionUnchanged(server: FlexibleServer, sent: JsonObject): void {
  const { version } = server.properties;
  if (sent['version'] !== undefined && sent['version'] !== version) {
    throw providerErrors.outOfRange('Version', [String(version)]);
  }
}

function checkAuthentication(server: FlexibleServer, sent: JsonObject): void {
  const requested = asString(asObject(sent['authConfig'])['passwordAuth'])?.toLowerCase();
  const current = asObject(server.properties['authConfig'])['passwordAuth'];
  if (requested === 'enabled' && current === 'Disabled' && sent['administratorLoginPassword'] === undefined) {
    throw providerErrors.credentialsNotProvided();
  }
}

function hasPasswordAuth(properties: JsonObject): boolean {
  return asObject(properties['authConfig'])['passwordAuth'] !== 'Disabled';
}

/** The password to set. It is silently ignored while password authentication is disabled. */
function passwordToSet(sent: JsonObject, after: JsonObject): string | undefined {
  return hasPasswordAuth(after) ? asString(sent['administratorLoginPassword']) : undefined;
}

/**
 * The administrator's password while password authentication is disabled, so that PostgreSQL refuses the login. Roles that
 * were created with SQL keep their passwords here, although Azure refuses their logins too.
 */
export function randomPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** The values of a server after an update. */
interface ServerUpdate {
  readonly properties: JsonObject;
  readonly sku: { name: string; tier: string };
  readonly tags: Record<string, string> | undefined;
  readonly password: string | undefined;
  /** The error that the operation ends with after it was accepted. */
  readonly failure: OperationError | undefined;
}

function parseUpdate(call: ArmRequest, server: FlexibleServer, tenantId: string): ServerUpdate {
  const body = parseResourceBody(call);
  const sent = asObject(body['properties']);
  const sku = isJsonObject(body['sku']) ? parseSku({ ...server.sku, ...body['sku'] }) : server.sku;
  checkImmutable(server, sent);
  checkVersionUnchanged(server, sent);
  checkProperties(sent, server.properties);
  checkHighAvailability(sent, server.properties, String(server.properties['availabilityZone']), sku.tier);
  checkStorageGrowth(server, sent);
  checkAuthentication(server, sent);
  const current = server.properties['cluster'];
  const { cluster, failure } = clusterForUpdate(
    isJsonObject(current) ? current : undefined,
    sent,
    call.apiVersion,
  );
  const updated = mergeServerProperties(server.properties, sent, tenantId);
  const properties = cluster ? { ...updated, cluster } : updated;
  // PUT replaces the tags, also by none (inferred). PATCH replaces them only if it has tags.
  const tags = call.request.method === 'PUT' ? parseTags(body) : (parseTags(body) ?? server.tags);
  return { properties, sku, tags, password: passwordToSet(sent, properties), failure };
}

/** Immediate refusals: every write to a stopped server, and a password change of a server that is not Ready. */
function checkState(call: ArmRequest, server: FlexibleServer, update: ServerUpdate): void {
  if (visibleState(server) === 'Ready') return;
  if (call.request.method === 'PATCH' && update.password !== undefined) {
    throw providerErrors.passwordWhileBusy(server.name);
  }
  if (server.state === 'Stopped') throw providerErrors.serverStopped(server.name);
}

async function applyUpdate(server: FlexibleServer, update: ServerUpdate): Promise<void> {
  if (update.password !== undefined) {
    const login = String(server.properties['administratorLogin']);
    if (!isValidAdministratorPassword(update.password, login)) throw operationErrors.internal();
    await server.postgres?.setAdministratorPassword(update.password);
  } else if (hasPasswordAuth(server.properties) && !hasPasswordAuth(update.properties)) {
    await server.postgres?.setAdministratorPassword(randomPassword());
  }
  server.properties = update.properties;
  server.sku = update.sku;
  server.tags = update.tags;
  applyFirewallRules(server);
}

/**
 * Update an existing server, by PUT or PATCH. While another operation runs, the update is accepted and then fails with
 * ServerIsBusy, see docs/azure-behavior.md#busy-servers.
 */
export function updateServer(call: ArmRequest, context: ArmContext, server: FlexibleServer): HttpResponse {
  const update = parseUpdate(call, server, context.tenantId);
  checkState(call, server, update);
  return context.operations.begin(call, {
    operationName: upsertOperationName(server.properties['cluster']),
    retryAfterSeconds: RETRY_AFTER_SECONDS.server,
    locationSegment: server.location.name,
    durationMs: operationDurationMs('updateServer', context.options.provisionMs),
    failure: visibleState(server) === 'Ready' ? undefined : operationErrors.serverIsBusy(server.name),
    work: (untilDone) =>
      withServerState(server, { during: 'Updating', after: 'Ready' }, async () => {
        await untilDone();
        if (update.failure) throw update.failure;
        await applyUpdate(server, update);
      }),
  });
}
