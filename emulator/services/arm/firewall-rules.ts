import { isIPv4 } from 'node:net';
import type { CaseInsensitiveMap } from '../../core/case-insensitive-map.ts';
import type { HttpResponse } from '../../core/http-types.ts';
import { asObject, asString } from '../../core/json.ts';
import type { AddressRange } from '../../postgres/types.ts';
import { type ArmContext, type ArmHandler, type ArmRequest, parseBody } from './arm-request.ts';
import type { FlexibleServer } from './arm-store.ts';
import { gatewayErrors, providerErrors } from './errors.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { pagedResponse } from './paging.ts';
import { childBody } from './server-body.ts';
import { FIREWALL_OPERATION_SHARE, RETRY_AFTER_SECONDS } from './timing.ts';

const RESOURCE_TYPE = 'firewallRules';

function requireServer(call: ArmRequest, { store }: ArmContext): FlexibleServer {
  return store.getServer(call.params.subscription, call.params.group, call.params.server);
}

/** A rule's name is 3 to 80 of letters, digits, `-` and `_`, beginning with no sign and not ending in `-`. */
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
 * Refuse a write that the server's state forbids. Only `Ready` allows one; that other firewall operations show it
 * as Updating does not count (facts.md §3).
 * @throws {ArmError} 400 on private access, 500 InternalServerError when not Ready.
 */
function checkWritable(server: FlexibleServer): void {
  if (asObject(server.properties['network'])['delegatedSubnetResourceId'])
    throw providerErrors.privateAccess();
  if (server.state !== 'Ready') throw providerErrors.internal();
}

/** Bring the gate in line with the accepted rules; without public access it admits nobody. */
export function applyFirewallRules(server: FlexibleServer): void {
  const isPublicAccessDisabled = asObject(server.properties['network'])['publicNetworkAccess'] === 'Disabled';
  server.postgres?.setFirewallRules(isPublicAccessDisabled ? new Map() : new Map(server.effectiveRules));
}

function writeRule(
  rules: CaseInsensitiveMap<AddressRange>,
  name: string,
  range: AddressRange | undefined,
): void {
  if (range) rules.set(name, range);
  else rules.delete(name);
}

/**
 * Write or remove a rule: the gate's delay runs from the acceptance, the rule is listed when the operation ends.
 */
function beginOperation(
  call: ArmRequest,
  context: ArmContext,
  range: AddressRange | undefined,
): HttpResponse {
  const server = requireServer(call, context);
  const name = call.params.child;
  checkWritable(server);
  server.activeChildOperations += 1;
  if (!call.request.injectedFailure) {
    writeRule(server.effectiveRules, name, range);
    applyFirewallRules(server);
  }
  return context.operations.begin(call, {
    operationName: `${range ? 'Upsert' : 'Drop'}ServerFirewallRulesManagementOperation`,
    retryAfterSeconds: RETRY_AFTER_SECONDS.firewallRule,
    locationSegment: server.location.name,
    durationMs: context.options.firewallDelayMs * FIREWALL_OPERATION_SHARE,
    work: async (untilDone) => {
      try {
        await untilDone();
        writeRule(server.firewallRules, name, range);
      } finally {
        server.activeChildOperations -= 1;
      }
    },
  });
}

/** `PUT …/firewallRules/{name}`: makes or replaces a rule. */
export const putFirewallRule: ArmHandler = (call, context) => {
  const range = parseRange(call);
  if (!isValidRuleName(call.params.child)) throw providerErrors.invalidValue('firewallRuleName');
  return beginOperation(call, context, range);
};

/** `DELETE …/firewallRules/{name}`: 204 where a live server has none of that name [S]. */
export const deleteFirewallRule: ArmHandler = (call, context) => {
  const server = requireServer(call, context);
  checkWritable(server);
  if (!server.effectiveRules.has(call.params.child)) return { status: 204 };
  return beginOperation(call, context, undefined);
};

export const getFirewallRule: ArmHandler = (call, context) => {
  const server = requireServer(call, context);
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
  const server = requireServer(call, context);
  return pagedResponse(call, [...server.firewallRules], context.options.pageSize, ([name, range]) =>
    childBody(server, RESOURCE_TYPE, name, { ...range }),
  );
};

/** Rules set behind the API's back, by the emulator's control: at once in the list, and on their way to the gate. */
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
