import { isIPv4 } from 'node:net';
import type { Reply } from '../http/exchange.ts';
import { objectOr, stringOr } from '../json.ts';
import type { AddressRange } from '../postgres/types.ts';
import { type ArmCall, type ArmContext, type ArmHandler, bodyOf } from './call.ts';
import { gatewayErrors, providerErrors } from './errors.ts';
import type { NameMap } from './name-map.ts';
import { providerHeaders } from './operations.ts';
import { page } from './paging.ts';
import { childBody } from './server-body.ts';
import type { FlexibleServer } from './store.ts';
import { firewallOperationShare, retryAfterSeconds } from './timing.ts';

const kind = 'firewallRules';

function serverOf(call: ArmCall, { store }: ArmContext): FlexibleServer {
  return store.server(call.names.subscription, call.names.group, call.names.server);
}

/** A rule's name is 3 to 80 of letters, digits, `-` and `_`, beginning with no sign and not ending in `-`. */
function isRuleName(name: string): boolean {
  return /^[a-zA-Z0-9][-_a-zA-Z0-9]{1,78}[_a-zA-Z0-9]$/.test(name);
}

function asNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function rangeOf(call: ArmCall): AddressRange {
  const properties = objectOr(bodyOf(call)['properties']);
  const startIpAddress = stringOr(properties['startIpAddress']) ?? '';
  const endIpAddress = stringOr(properties['endIpAddress']) ?? '';
  if (!isIPv4(startIpAddress)) throw providerErrors.invalidValue('startIpAddress');
  if (!isIPv4(endIpAddress) || asNumber(startIpAddress) > asNumber(endIpAddress)) {
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
  if (objectOr(server.properties['network'])['delegatedSubnetResourceId'])
    throw providerErrors.privateAccess();
  if (server.state !== 'Ready') throw providerErrors.internal();
}

/** Bring the gate in line with the accepted rules; without public access it admits nobody. */
export function pushRules(server: FlexibleServer): void {
  const closed = objectOr(server.properties['network'])['publicNetworkAccess'] === 'Disabled';
  server.postgres?.setRules(closed ? new Map() : new Map(server.acceptedRules));
}

function setRule(rules: NameMap<AddressRange>, name: string, range: AddressRange | undefined): void {
  if (range) rules.set(name, range);
  else rules.delete(name);
}

/**
 * Write or remove a rule: the gate's delay runs from the acceptance, the rule is listed when the operation ends.
 */
function begin(call: ArmCall, context: ArmContext, range: AddressRange | undefined): Reply {
  const server = serverOf(call, context);
  const name = call.names.child;
  checkWritable(server);
  server.minorOperations += 1;
  if (!call.request.imposedFailure) {
    setRule(server.acceptedRules, name, range);
    pushRules(server);
  }
  return context.operations.begin(call, {
    operation: `${range ? 'Upsert' : 'Drop'}ServerFirewallRulesManagementOperation`,
    retryAfter: retryAfterSeconds.firewallRule,
    location: server.location.name,
    duration: context.options.firewallDelay * firewallOperationShare,
    work: async (elapse) => {
      try {
        await elapse();
        setRule(server.firewallRules, name, range);
      } finally {
        server.minorOperations -= 1;
      }
    },
  });
}

/** `PUT …/firewallRules/{name}`: makes or replaces a rule. */
export const putFirewallRule: ArmHandler = (call, context) => {
  const range = rangeOf(call);
  if (!isRuleName(call.names.child)) throw providerErrors.invalidValue('firewallRuleName');
  return begin(call, context, range);
};

/** `DELETE …/firewallRules/{name}`: 204 where a live server has none of that name [S]. */
export const deleteFirewallRule: ArmHandler = (call, context) => {
  const server = serverOf(call, context);
  checkWritable(server);
  if (!server.acceptedRules.has(call.names.child)) return { status: 204 };
  return begin(call, context, undefined);
};

export const getFirewallRule: ArmHandler = (call, context) => {
  const server = serverOf(call, context);
  const name = server.firewallRules.spelling(call.names.child);
  const range = server.firewallRules.get(call.names.child);
  if (name === undefined || !range) throw providerErrors.childNotFound(kind, call.names.child);
  return { status: 200, headers: providerHeaders, body: childBody(server, kind, name, { ...range }) };
};

export const listFirewallRules: ArmHandler = (call, context) => {
  const server = serverOf(call, context);
  return page(call, [...server.firewallRules], context.options.pageSize, ([name, range]) =>
    childBody(server, kind, name, { ...range }),
  );
};

/** Rules set behind the API's back, by the emulator's control: at once in the list, and on their way to the gate. */
export function imposeRules(server: FlexibleServer, rules: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(rules)) {
    const { startIpAddress, endIpAddress } = objectOr(value);
    const start = stringOr(startIpAddress);
    if (value !== null && start === undefined)
      throw gatewayErrors.invalidContent(`The rule '${name}' has no range.`);
    const range =
      start === undefined
        ? undefined
        : { startIpAddress: start, endIpAddress: stringOr(endIpAddress) ?? start };
    setRule(server.firewallRules, name, range);
    setRule(server.acceptedRules, name, range);
  }
  pushRules(server);
}
