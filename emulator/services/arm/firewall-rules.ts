import { isIPv4 } from 'node:net';
import type { CaseInsensitiveMap } from '../../core/case-insensitive-map.ts';
import type { HttpResponse } from '../../core/http-types.ts';
import { asObject, asString } from '../../core/json.ts';
import type { AddressRange } from '../../postgres/types.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import { gatewayErrors, providerErrors } from './arm-errors.ts';
import { type ArmRequest, parseBody } from './arm-request.ts';
import { type FlexibleServer, withActiveOperation } from './arm-store.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { pagedResponse } from './paging.ts';
import { childBody } from './server-body.ts';
import { FIREWALL_OPERATION_SHARE, RETRY_AFTER_SECONDS } from './timing.ts';

const RESOURCE_TYPE = 'firewallRules';

/** Between the two documented rules: 3 to 80 characters, see docs/azure-behavior.md#names-and-limits. */
function isValidRuleName(name: string): boolean {
  return /^[a-zA-Z0-9][-_a-zA-Z0-9]{1,78}[_a-zA-Z0-9]$/.test(name);
}

function ipv4ToNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function parseRange(call: ArmRequest): AddressRange {
  const properties = asObject(parseBody(call)['properties']);
  const startIpAddress = asString(properties['startIpAddress']) ?? '';
  const endIpAddress = asString(properties['endIpAddress']) ?? '';
  if (!isIPv4(startIpAddress)) throw providerErrors.invalidValue('startIpAddress');
  if (!isIPv4(endIpAddress) || ipv4ToNumber(startIpAddress) > ipv4ToNumber(endIpAddress)) {
    throw providerErrors.invalidValue('endIpAddress');
  }
  return { startIpAddress, endIpAddress };
}

/**
 * Writes need the state Ready. A server that shows Updating because of another firewall operation accepts them.
 * @throws {ArmError} 400 for private access, 500 InternalServerError for another state.
 */
function checkWritable(server: FlexibleServer): void {
  if (asObject(server.properties['network'])['delegatedSubnetResourceId'])
    throw providerErrors.privateAccess();
  if (server.state !== 'Ready') throw providerErrors.internal();
}

/** Send the accepted rules to the firewall. Without public access it permits no address. */
export function applyFirewallRules(server: FlexibleServer): void {
  const isPublicAccessDisabled = asObject(server.properties['network'])['publicNetworkAccess'] === 'Disabled';
  server.postgres?.firewall.setRules(isPublicAccessDisabled ? new Map() : new Map(server.effectiveRules));
}

function writeRule(
  rules: CaseInsensitiveMap<AddressRange>,
  name: string,
  range: AddressRange | undefined,
): void {
  if (range) rules.set(name, range);
  else rules.delete(name);
}

/** Write a rule, or remove it if there is no range. The delay of the firewall starts when the request is accepted. */
function beginOperation(
  call: ArmRequest,
  context: ArmContext,
  range: AddressRange | undefined,
): HttpResponse {
  const server = context.store.getServer(call.params);
  const name = call.params.child;
  checkWritable(server);
  if (!call.request.injectedFailure) {
    writeRule(server.effectiveRules, name, range);
    applyFirewallRules(server);
  }
  return context.operations.begin(call, {
    operationName: `${range ? 'Upsert' : 'Drop'}ServerFirewallRulesManagementOperation`,
    retryAfterSeconds: RETRY_AFTER_SECONDS.firewallRule,
    locationSegment: server.location.name,
    durationMs: context.options.firewallDelayMs * FIREWALL_OPERATION_SHARE,
    work: (untilDone) =>
      withActiveOperation(server, async () => {
        await untilDone();
        writeRule(server.firewallRules, name, range);
      }),
  });
}

/** `PUT …/firewallRules/{name}`: creates or replaces a rule. */
export const putFirewallRule: ArmHandler = (call, context) => {
  const range = parseRange(call);
  if (!isValidRuleName(call.params.child)) throw providerErrors.invalidValue('firewallRuleName');
  return beginOperation(call, context, range);
};

/** `DELETE …/firewallRules/{name}`: 204 if the rule does not exist. */
export const deleteFirewallRule: ArmHandler = (call, context) => {
  const server = context.store.getServer(call.params);
  checkWritable(server);
  if (!server.effectiveRules.has(call.params.child)) return { status: 204 };
  return beginOperation(call, context, undefined);
};

export const getFirewallRule: ArmHandler = (call, context) => {
  const server = context.store.getServer(call.params);
  const name = server.firewallRules.originalKey(call.params.child);
  const range = server.firewallRules.get(call.params.child);
  if (name === undefined || !range) throw providerErrors.childNotFound(RESOURCE_TYPE, call.params.child);
  return {
    status: 200,
    headers: PROVIDER_HEADERS,
    body: childBody(server, RESOURCE_TYPE, name, { ...range }),
  };
};

export const listFirewallRules: ArmHandler = (call, context) => {
  const server = context.store.getServer(call.params);
  return pagedResponse(call, [...server.firewallRules], context.options.pageSize, ([name, range]) =>
    childBody(server, RESOURCE_TYPE, name, { ...range }),
  );
};

/**
 * Set rules without the API, for the control API. They are listed immediately and work after the delay of the firewall.
 * @throws {ArmError} 400 for a rule without a range.
 */
export function setFirewallRules(server: FlexibleServer, rules: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(rules)) {
    const { startIpAddress, endIpAddress } = asObject(value);
    const start = asString(startIpAddress);
    if (value !== null && start === undefined)
      throw gatewayErrors.invalidContent(`The rule '${name}' has no range.`);
    const range =
      start === undefined
        ? undefined
        : { startIpAddress: start, endIpAddress: asString(endIpAddress) ?? start };
    writeRule(server.firewallRules, name, range);
    writeRule(server.effectiveRules, name, range);
  }
  applyFirewallRules(server);
}
