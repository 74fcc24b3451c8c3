import { randomBytes } from 'node:crypto';
import type { Reply } from '../http/exchange.ts';
import { isObject, type JsonObject, numberOr, objectOr, stringOr } from '../json.ts';
import { type ArmCall, type ArmContext, resourceBodyOf, tagsOf } from './call.ts';
import { type OperationFailure, operationFailures, providerErrors } from './errors.ts';
import { pushRules } from './firewall-rules.ts';
import { checkAvailability } from './server-availability.ts';
import { updatedCluster, upsertOperation } from './server-cluster.ts';
import { updatedProperties } from './server-properties.ts';
import { checkProperties, checkSku, isAdministratorPassword } from './server-validation.ts';
import { storageSizes } from './skus.ts';
import { type FlexibleServer, visibleState } from './store.ts';
import { durationOf, retryAfterSeconds } from './timing.ts';

/**
 * Properties that only a creation may set; sending the same value again is no change (facts.md §1; of the geo-redundant
 * backup the specification of 2025-01-01-preview says so). That they are refused and not ignored is [INF].
 */
function checkImmutable(server: FlexibleServer, sent: JsonObject): void {
  for (const name of ['administratorLogin', 'availabilityZone']) {
    const value = sent[name];
    if (value !== undefined && value !== '' && value !== server.properties[name]) {
      throw providerErrors.invalidValue(name);
    }
  }
  const subnet = objectOr(sent['network'])['delegatedSubnetResourceId'];
  const current = objectOr(server.properties['network'])['delegatedSubnetResourceId'];
  if (subnet !== undefined && subnet !== current) {
    throw providerErrors.invalidValue('network.delegatedSubnetResourceId');
  }
  const geo = stringOr(objectOr(sent['backup'])['geoRedundantBackup'])?.toLowerCase();
  const currentGeo = stringOr(objectOr(server.properties['backup'])['geoRedundantBackup'])?.toLowerCase();
  if (geo !== undefined && geo !== currentGeo) throw providerErrors.invalidValue('geoRedundantBackup');
}

/** Storage grows and never shrinks (facts.md §4). */
function checkGrowth(server: FlexibleServer, sent: JsonObject): void {
  const wanted = numberOr(objectOr(sent['storage'])['storageSizeGB']);
  const current = numberOr(objectOr(server.properties['storage'])['storageSizeGB']) ?? 0;
  if (wanted !== undefined && wanted < current) {
    const sizes = storageSizes.map(({ sizeGb }) => sizeGb).filter((size) => size >= current);
    throw providerErrors.outOfRange('storageSizeGB', sizes);
  }
}

/** A version cannot go back. Azure can also upgrade in place; the emulator's PostgreSQL cannot, so it refuses that. */
function checkVersion(server: FlexibleServer, sent: JsonObject): void {
  const { version } = server.properties;
  if (sent['version'] !== undefined && sent['version'] !== version) {
    throw providerErrors.outOfRange('Version', [String(version)]);
  }
}

function checkAuthentication(server: FlexibleServer, sent: JsonObject): void {
  const wanted = stringOr(objectOr(sent['authConfig'])['passwordAuth'])?.toLowerCase();
  const current = objectOr(server.properties['authConfig'])['passwordAuth'];
  if (wanted === 'enabled' && current === 'Disabled' && sent['administratorLoginPassword'] === undefined) {
    throw providerErrors.credentialsNotProvided();
  }
}

function takesPasswords(properties: JsonObject): boolean {
  return objectOr(properties['authConfig'])['passwordAuth'] !== 'Disabled';
}

/** The password to set; undefined for none. With password authentication off it is silently ignored (facts.md §3). */
function newPassword(sent: JsonObject, after: JsonObject): string | undefined {
  return takesPasswords(after) ? stringOr(sent['administratorLoginPassword']) : undefined;
}

/**
 * What the administrator's password is while password authentication is off: one that nobody knows, for PostgreSQL
 * refuses the login then. Only the administrator's: roles that SQL made keep theirs, which Azure refuses as well.
 */
export function unknownPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** What an update makes of a server. */
interface Update {
  readonly properties: JsonObject;
  readonly sku: { name: string; tier: string };
  readonly tags: Record<string, string> | undefined;
  readonly password: string | undefined;
  /** How it ends although it was accepted. */
  readonly failure: OperationFailure | undefined;
}

function updateOf(call: ArmCall, server: FlexibleServer, tenantId: string): Update {
  const body = resourceBodyOf(call);
  const sent = objectOr(body['properties']);
  const sku = isObject(body['sku']) ? checkSku({ ...server.sku, ...body['sku'] }) : server.sku;
  checkImmutable(server, sent);
  checkVersion(server, sent);
  checkProperties(sent, server.properties);
  checkAvailability(sent, server.properties, String(server.properties['availabilityZone']), sku.tier);
  checkGrowth(server, sent);
  checkAuthentication(server, sent);
  const current = server.properties['cluster'];
  const { cluster, failure } = updatedCluster(isObject(current) ? current : undefined, sent, call.apiVersion);
  const updated = updatedProperties(server.properties, sent, tenantId);
  const properties = cluster ? { ...updated, cluster } : updated;
  // PUT replaces the tags, also by none; PATCH leaves alone what it does not name [INF].
  const tags = call.request.method === 'PUT' ? tagsOf(body) : (tagsOf(body) ?? server.tags);
  return { properties, sku, tags, password: newPassword(sent, properties), failure };
}

/**
 * Refuse on the spot what facts.md §3 says is refused so: any write to a stopped server, and a PATCH of the password
 * of one that is not Ready.
 */
function checkState(call: ArmCall, server: FlexibleServer, update: Update): void {
  if (visibleState(server) === 'Ready') return;
  if (call.request.method === 'PATCH' && update.password !== undefined) {
    throw providerErrors.passwordWhileBusy(server.name);
  }
  if (server.state === 'Stopped') throw providerErrors.serverStopped(server.name);
}

async function apply(server: FlexibleServer, update: Update): Promise<void> {
  if (update.password !== undefined) {
    const login = String(server.properties['administratorLogin']);
    if (!isAdministratorPassword(update.password, login)) throw operationFailures.internal();
    await server.postgres?.setAdministratorPassword(update.password);
  } else if (takesPasswords(server.properties) && !takesPasswords(update.properties)) {
    await server.postgres?.setAdministratorPassword(unknownPassword());
  }
  server.properties = update.properties;
  server.sku = update.sku;
  server.tags = update.tags;
  pushRules(server);
}

/**
 * Update an existing server, by PUT or PATCH. While another operation is under way it is accepted and then fails
 * with ServerIsBusy (facts.md §3).
 */
export function updateServer(call: ArmCall, context: ArmContext, server: FlexibleServer): Reply {
  const update = updateOf(call, server, context.tenantId);
  checkState(call, server, update);
  const busy = visibleState(server) !== 'Ready';
  if (!busy) server.state = 'Updating';
  return context.operations.begin(call, {
    operation: upsertOperation(server.properties['cluster']),
    retryAfter: retryAfterSeconds.server,
    location: server.location.name,
    duration: durationOf('updateServer', context.options.provision),
    work: async (elapse) => {
      if (busy) {
        await elapse();
        throw operationFailures.serverIsBusy(server.name);
      }
      try {
        await elapse();
        if (update.failure) throw update.failure;
        await apply(server, update);
      } finally {
        server.state = 'Ready';
      }
    },
  });
}
