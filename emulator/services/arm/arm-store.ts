import type { CaseInsensitiveMap } from '../../core/case-insensitive-map.ts';
import type { JsonObject } from '../../core/json.ts';
import type { AddressRange, ExecutedStatement, PostgresServer } from '../../postgres/types.ts';
import { gatewayErrors } from './errors.ts';
import type { Location } from './locations.ts';

/** The states of a flexible server (facts.md §1, `ServerState`). */
export type ServerState =
  | 'Ready'
  | 'Dropping'
  | 'Disabled'
  | 'Starting'
  | 'Stopping'
  | 'Stopped'
  | 'Updating'
  | 'Restarting'
  | 'Inaccessible'
  | 'Provisioning';

export interface ResourceGroup {
  readonly subscriptionId: string;
  readonly name: string;
  readonly location: Location;
  tags: Record<string, string> | undefined;
  managedBy: string | undefined;
  provisioningState: 'Succeeded' | 'Deleting';
}

export interface FlexibleServer {
  readonly subscriptionId: string;
  /** The group's name as the group spells it. */
  readonly resourceGroup: string;
  readonly name: string;
  /** A server does not move; only control says otherwise. */
  location: Location;
  readonly createdAt: string;
  tags: Record<string, string> | undefined;
  sku: { name: string; tier: string };
  /** What the API shows under `properties`, except the state. Passwords are never in it. */
  properties: JsonObject;
  /** The state but for firewall, database and configuration operations, which show as Updating. */
  state: ServerState;
  /** How many of those are under way. */
  activeChildOperations: number;
  /** True while a configuration is being written: a second write then fails (facts.md §3, helixos). */
  isWritingConfiguration: boolean;
  /** The data plane; absent until the creation has made it. */
  postgres: PostgresServer | undefined;
  /** By name, as it was first written; what ARM shows. */
  readonly firewallRules: CaseInsensitiveMap<AddressRange>;
  /** What the gate goes by, or will once the delay is over: stored rules plus accepted changes. */
  readonly effectiveRules: CaseInsensitiveMap<AddressRange>;
}

/** The state that the API shows. */
export function visibleState(server: FlexibleServer): ServerState {
  return server.state === 'Ready' && server.activeChildOperations > 0 ? 'Updating' : server.state;
}

function groupKey(...parts: readonly string[]): string {
  return parts.join('/').toLowerCase();
}

/** What exists in the emulated Azure. Names compare without regard to case; what does not exist is an ArmError. */
export class ArmStore {
  readonly subscriptionIds: readonly string[];
  /** Statements of servers that are gone. */
  readonly deletedServerStatements: ExecutedStatement[] = [];
  readonly #groups = new Map<string, ResourceGroup>();
  readonly #servers = new Map<string, FlexibleServer>();

  constructor(subscriptionIds: readonly string[]) {
    this.subscriptionIds = subscriptionIds;
  }

  /** @throws {ArmError} 404 SubscriptionNotFound. */
  checkSubscription(id: string): void {
    if (!this.subscriptionIds.includes(id.toLowerCase())) throw gatewayErrors.subscriptionNotFound(id);
  }

  listGroups(subscriptionId: string): ResourceGroup[] {
    return [...this.#groups.values()].filter(
      (group) => group.subscriptionId === subscriptionId.toLowerCase(),
    );
  }

  findGroup(subscriptionId: string, name: string): ResourceGroup | undefined {
    return this.#groups.get(groupKey(subscriptionId, name));
  }

  /** @throws {ArmError} 404 ResourceGroupNotFound. */
  getGroup(subscriptionId: string, name: string): ResourceGroup {
    const group = this.findGroup(subscriptionId, name);
    if (group) return group;
    throw gatewayErrors.resourceGroupNotFound(name);
  }

  addGroup(group: ResourceGroup): void {
    this.#groups.set(groupKey(group.subscriptionId, group.name), group);
  }

  removeGroup(group: ResourceGroup): void {
    this.#groups.delete(groupKey(group.subscriptionId, group.name));
  }

  /** Every server of every subscription, oldest first. */
  get allServers(): FlexibleServer[] {
    return [...this.#servers.values()];
  }

  listServers(subscriptionId: string, group?: string): FlexibleServer[] {
    return this.allServers.filter(
      (server) =>
        server.subscriptionId === subscriptionId.toLowerCase() &&
        (group === undefined || server.resourceGroup.toLowerCase() === group.toLowerCase()),
    );
  }

  /** The server in this group; undefined where there is none. @throws {ArmError} 404 ResourceGroupNotFound. */
  findServer(subscriptionId: string, group: string, name: string): FlexibleServer | undefined {
    this.getGroup(subscriptionId, group);
    const server = this.findServerByName(name);
    return server && this.listServers(subscriptionId, group).includes(server) ? server : undefined;
  }

  /** @throws {ArmError} 404 ResourceNotFound from the gateway, also for any child of a missing server. */
  getServer(subscriptionId: string, group: string, name: string): FlexibleServer {
    const server = this.findServer(subscriptionId, group, name);
    if (server) return server;
    throw gatewayErrors.serverNotFound(name, group);
  }

  /** The server of that name anywhere: names are unique across all of Azure (facts.md §4). */
  findServerByName(name: string): FlexibleServer | undefined {
    return this.#servers.get(name.toLowerCase());
  }

  addServer(server: FlexibleServer): void {
    this.#servers.set(server.name.toLowerCase(), server);
  }

  removeServer(server: FlexibleServer): void {
    if (this.findServerByName(server.name) === server) this.#servers.delete(server.name.toLowerCase());
  }
}
