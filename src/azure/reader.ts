import type { Configuration, Database, FirewallRule, Server } from '@azure/arm-postgresql-flexible';
import type { ServerConfig } from '../config/config.ts';
import { groupOfNew } from '../config/creation.ts';
import { fail } from '../errors.ts';
import { absent, type Observed, present } from '../plan/types.ts';
import type { Run } from '../waiting.ts';
import type { AzureClients } from './clients.ts';
import { azureDetails, observed, refused } from './failures.ts';
import { regionName } from './regions.ts';

/** Where a server is (or will be): all that its children's requests need. */
export interface ServerLocation {
  readonly resourceGroup: string;
  readonly name: string;
}

/** How to look for a server. */
export type ServerLookup = Pick<ServerConfig, 'name' | 'resourceGroup'> &
  Partial<Pick<ServerConfig, 'byHost'>>;

export interface FoundServer extends ServerLocation {
  readonly server: Server;
}

/** Everything that the action reads of ARM. It has no way to write (design.md, one path for every mode). */
export class AzureReader {
  readonly #clients: AzureClients;
  readonly #run: Run;
  readonly config: ServerLookup;
  #found: Observed<FoundServer> | undefined;
  #lastSeen: ServerLocation | undefined;
  #rulesSeen: Promise<readonly FirewallRule[]> | undefined;

  constructor(clients: AzureClients, run: Run, config: ServerLookup) {
    this.#clients = clients;
    this.#run = run;
    this.config = config;
  }

  get #abortSignal(): { abortSignal: AbortSignal } {
    return { abortSignal: this.#run.signal };
  }

  /** Where the server is; where it would be made if it is not there. */
  get location(): ServerLocation {
    return this.#lastSeen ?? { resourceGroup: groupOfNew(this.config), name: this.config.name };
  }

  /** The server, looked for once: in its group if that is given, else in the subscription. */
  async server(): Promise<Observed<FoundServer>> {
    this.#found ??= await this.lookAgain();
    return this.#found;
  }

  /** The server as it is now. */
  async lookAgain(): Promise<Observed<FoundServer>> {
    const known = this.#lastSeen?.resourceGroup ?? this.config.resourceGroup;
    this.#found = await observed(`server '${this.config.name}'`, () =>
      known === undefined || this.config.byHost ? this.#search(known) : this.#get(known),
    );
    if (this.#found.status === 'present') this.#lastSeen = this.#found.value;
    return this.#found;
  }

  async #get(resourceGroup: string): Promise<Observed<FoundServer>> {
    const { name } = this.config;
    const server = await this.#clients.postgresql.servers.get(resourceGroup, name, this.#abortSignal);
    return present({ resourceGroup, name, server });
  }

  async #search(resourceGroup: string | undefined): Promise<Observed<FoundServer>> {
    const { name, byHost } = this.config;
    const { servers } = this.#clients.postgresql;
    const all =
      resourceGroup === undefined
        ? servers.listBySubscription(this.#abortSignal)
        : servers.listByResourceGroup(resourceGroup, this.#abortSignal);
    const found: FoundServer[] = [];
    for await (const server of all) {
      const called = byHost ? server.fullyQualifiedDomainName : server.name;
      if (called?.toLowerCase() === name)
        found.push({ resourceGroup: groupOf(server), name: server.name ?? name, server });
    }
    if (found.length > 1) {
      throw fail('server-ambiguous', { server: name, groups: found.map((f) => f.resourceGroup) });
    }
    return found[0] ? present(found[0]) : absent;
  }

  /** Whether the group is there; only asked where the server is not. */
  resourceGroup(name: string): Promise<Observed<string>> {
    return observed(`resource group '${name}'`, async () => {
      const group = await this.#clients.resources.resourceGroups.get(name, this.#abortSignal);
      return present(group.location);
    });
  }

  /**
   * Whether a new server may have this name. Where this identity may not even ask (the question is at the
   * subscription's scope), the creation itself will tell.
   * @param region as the user wrote it
   */
  async nameIsFree(region: string): Promise<boolean> {
    const { name } = this.config;
    const doing = `asking whether the server name '${name}' is free in ${region}`;
    const question = { name, type: 'Microsoft.DBforPostgreSQL/flexibleServers' };
    const { nameAvailability } = this.#clients.postgresql;
    try {
      const answer = await nameAvailability.checkWithLocation(
        regionName(region),
        question,
        this.#abortSignal,
      );
      if (answer.nameAvailable === false && answer.reason === 'Invalid') {
        const azure = { code: 'Invalid', message: answer.message ?? 'The server name is not valid.' };
        throw fail('azure-refused', { doing, advice: 'Choose another server-name.' }, { azure });
      }
      return answer.nameAvailable !== false;
    } catch (error) {
      if (azureDetails(error)?.status === 403) return true;
      throw refused(doing, error);
    }
  }

  /**
   * All firewall rules of the server, from every page.
   * @throws `azure-refused`
   */
  async firewallRules(): Promise<readonly FirewallRule[]> {
    const { resourceGroup, name } = this.location;
    try {
      return await Array.fromAsync(
        this.#clients.postgresql.firewallRules.listByServer(resourceGroup, name, this.#abortSignal),
      );
    } catch (error) {
      throw refused(`listing the firewall rules of server '${name}'`, error);
    }
  }

  /** The same, listed once and kept: what a pass of looking goes by. */
  firewallRulesSeen(): Promise<readonly FirewallRule[]> {
    this.#rulesSeen ??= this.firewallRules();
    return this.#rulesSeen;
  }

  /** Whether a rule is there. */
  firewallRule(rule: string): Promise<Observed<FirewallRule>> {
    const { resourceGroup, name } = this.location;
    return observed(`firewall rule '${rule}'`, async () =>
      present(await this.#clients.postgresql.firewallRules.get(resourceGroup, name, rule, this.#abortSignal)),
    );
  }

  /** A server parameter. */
  parameter(parameter: string): Promise<Observed<Configuration>> {
    const { resourceGroup, name } = this.location;
    return observed(`server parameter '${parameter}'`, async () =>
      present(
        await this.#clients.postgresql.configurations.get(resourceGroup, name, parameter, this.#abortSignal),
      ),
    );
  }

  /** Server parameters by name: a few one by one, more out of the list, whose requests grow with its pages. */
  async parameters(wanted: readonly string[]): Promise<readonly Observed<Configuration>[]> {
    if (wanted.length <= fewParameters) return await Promise.all(wanted.map((each) => this.parameter(each)));
    const { resourceGroup, name } = this.location;
    const found = new Map<string, Configuration>();
    const names = new Set(wanted.map((each) => each.toLowerCase()));
    const all = await observed(`the parameters of server '${name}'`, async () => {
      const { configurations } = this.#clients.postgresql;
      for await (const each of configurations.listByServer(resourceGroup, name, this.#abortSignal)) {
        const key = each.name?.toLowerCase() ?? '';
        if (names.has(key)) found.set(key, each);
      }
      return present(found);
    });
    return wanted.map((each) => {
      if (all.status !== 'present') return all;
      const one = found.get(each.toLowerCase());
      return one === undefined ? absent : present(one);
    });
  }

  /** A database as ARM knows it, which tells neither its owner nor its comment. */
  database(database: string): Promise<Observed<Database>> {
    const { resourceGroup, name } = this.location;
    return observed(`database '${database}'`, async () =>
      present(await this.#clients.postgresql.databases.get(resourceGroup, name, database, this.#abortSignal)),
    );
  }
}

/** How many parameters are asked for one by one: the list of all has some four hundred. */
const fewParameters = 3;

function groupOf(server: Server): string {
  return /\/resourceGroups\/([^/]+)\//i.exec(server.id ?? '')?.[1] ?? '';
}
