import type { CaseInsensitiveMap } from '../../core/case-insensitive-map.ts';
import type { JsonObject } from '../../core/json.ts';
import type { AddressRange, ExecutedStatement, PostgresServer } from '../../postgres/types.ts';
import type { DirectoryClient } from '../entra/directory.ts';
import { gatewayErrors } from './arm-errors.ts';
import type { ServerPath } from './arm-request.ts';
import type { Location } from './locations.ts';

/** The states of a flexible server, see docs/azure-behavior.md#server-states. */
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

/** A user-assigned managed identity. */
export interface ManagedIdentity {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly location: Location;
  tags: Record<string, string> | undefined;
  /** Its client id, its service principal and its federated credentials. */
  readonly client: DirectoryClient;
}

export interface FlexibleServer {
  readonly subscriptionId: string;
  /** The name of the group, in the spelling of its creation. */
  readonly resourceGroup: string;
  readonly name: string;
  /** Changes only through the control API: a server cannot move. */
  location: Location;
  readonly createdAt: string;
  tags: Record<string, string> | undefined;
  sku: { name: string; tier: string };
  /** What the API shows under `properties`, except the state. Passwords are never in it. */
  properties: JsonObject;
  /** The state without running firewall, database and configuration operations; see {@link visibleState}. */
  state: ServerState;
  /** Number of running firewall, database and configuration operations. */
  activeChildOperations: number;
  /** True during the write of a parameter. A second write then fails, see docs/azure-behavior.md#busy-servers. */
  isWritingConfiguration: boolean;
  /** Undefined until the creation has finished. */
  postgres: PostgresServer | undefined;
  /** The rules that ARM shows, by name. */
  readonly firewallRules: CaseInsensitiveMap<AddressRange>;
  /** The rules that the firewall uses, or will use after its delay: the stored rules with all accepted changes. */
  readonly effectiveRules: CaseInsensitiveMap<AddressRange>;
}

/** The state that the API shows: Updating while an operation on a child resource runs. */
export function visibleState(server: FlexibleServer): ServerState {
  return server.state === 'Ready' && server.activeChildOperations > 0 ? 'Updating' : server.state;
}

/** Run the operation of a child resource. The server shows Updating until it ends. */
export async function withActiveOperation(server: FlexibleServer, work: () => Promise<void>): Promise<void> {
  server.activeChildOperations += 1;
  try {
    await work();
  } finally {
    server.activeChildOperations -= 1;
  }
}

/** Run an operation of the server itself, which then has the state `during` and `after`, or the previous one on failure. */
export async function withServerState(
  server: FlexibleServer,
  { during, after }: { readonly during: ServerState; readonly after: ServerState },
  work: () => Promise<void>,
): Promise<void> {
  const previous = server.state;
  server.state = during;
  try {
    await work();
    server.state = after;
  } catch (error) {
    server.state = previous;
    throw error;
  }
}

function groupKey(...parts: readonly string[]): string {
  return parts.join('/').toLowerCase();
}

/** The resource groups, servers and managed identities of the emulated Azure. Names are compared without regard to case. */
export class ArmStore {
  readonly subscriptionIds: readonly string[];
  /** Statements of deleted servers. */
  readonly deletedServerStatements: ExecutedStatement[] = [];
  readonly #groups = new Map<string, ResourceGroup>();
  readonly #servers = new Map<string, FlexibleServer>();
  readonly #identities = new Map<string, ManagedIdentity>();

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

  findIdentity(subscriptionId: string, group: string, name: string): ManagedIdentity | undefined {
    return this.#identities.get(groupKey(subscriptionId, group, name));
  }

  listIdentities(subscriptionId: string, group: string): ManagedIdentity[] {
    const key = groupKey(subscriptionId, group);
    return [...this.#identities.values()].filter(
      (identity) => groupKey(identity.subscriptionId, identity.resourceGroup) === key,
    );
  }

  addIdentity(identity: ManagedIdentity): void {
    this.#identities.set(groupKey(identity.subscriptionId, identity.resourceGroup, identity.name), identity);
  }

  removeIdentity(identity: ManagedIdentity): void {
    this.#identities.delete(groupKey(identity.subscriptionId, identity.resourceGroup, identity.name));
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

  /**
   * The server at this path, or undefined.
   * @throws {ArmError} 404 ResourceGroupNotFound.
   */
  findServer({ subscription, group, server: name }: ServerPath): FlexibleServer | undefined {
    this.getGroup(subscription, group);
    const server = this.findServerByName(name);
    return server && this.listServers(subscription, group).includes(server) ? server : undefined;
  }

  /**
   * The server at this path.
   * @throws {ArmError} 404 ResourceNotFound, also for every child of a missing server.
   */
  getServer(path: ServerPath): FlexibleServer {
    const server = this.findServer(path);
    if (server) return server;
    throw gatewayErrors.serverNotFound(path.server, path.group);
  }

  /** The server with this name in any subscription: names are unique across Azure. */
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
