import type { Configuration, Database, FirewallRule, Server } from '@azure/arm-postgresql-flexible';
import { RestError } from '@azure/core-rest-pipeline';
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
    return present(found(server, resourceGroup));
  }

  async #search(resourceGroup: string | undefined): Promise<Observed<FoundServer>> {
    const { name, byHost } = this.config;
    const { servers } = this.#clients.postgresql;
    const all =
      resourceGroup === undefined
        ? servers.listBySubscription(this.#abortSignal)
        : servers.listByResourceGroup(resourceGroup, this.#abortSignal);
    const matches: FoundServer[] = [];
    for (const server of await everyPage(all, `the servers of ${resourceGroup ?? 'the subscription'}`)) {
      const called = byHost ? server.fullyQualifiedDomainName : server.name;
      if (called?.toLowerCase() === name) matches.push(found(server));
    }
    if (matches.length > 1) {
      throw fail('server-ambiguous', { server: name, groups: matches.map((f) => f.resourceGroup) });
    }
    if (matches[0]) return present(matches[0]);
    // A list shows only what this identity may see: that nothing is there, only the thing itself can say.
    if (byHost)
      throw new RestError('no server that this identity may see has this host name', {
        code: 'HostNotFound',
      });
    return await this.#get(this.location.resourceGroup);
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
      if (typeof answer.nameAvailable !== 'boolean') {
        const reason = 'the answer does not say so; perhaps a proxy answered instead of Azure.';
        const advice = 'Check the network of the runner.';
        throw fail('state-unknown', { what: `a server named '${name}'`, reason, advice });
      }
      return answer.nameAvailable;
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
      return await everyPage(
        this.#clients.postgresql.firewallRules.listByServer(resourceGroup, name, this.#abortSignal),
        `the firewall rules of server '${name}'`,
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
    const byName = new Map<string, Configuration>();
    const names = new Set(wanted.map((each) => each.toLowerCase()));
    const all = await observed(`the parameters of server '${name}'`, async () => {
      const { configurations } = this.#clients.postgresql;
      const listed = configurations.listByServer(resourceGroup, name, this.#abortSignal);
      for (const each of await everyPage(listed, `the parameters of server '${name}'`)) {
        const key = each.name?.toLowerCase() ?? '';
        if (names.has(key)) byName.set(key, each);
      }
      return present(byName);
    });
    return wanted.map((each) => {
      if (all.status !== 'present') return all;
      const one = byName.get(each.toLowerCase());
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

/** Pages of a list that are read: ARM puts a hundred things or more on one. */
const MAX_PAGES = 200;

/** @throws where there are more pages than any list has: a page may lead back to an earlier one */
async function everyPage<T>(
  list: { byPage(): AsyncIterable<readonly T[]> },
  what: string,
): Promise<readonly T[]> {
  const items: T[] = [];
  let pages = 0;
  for await (const page of list.byPage()) {
    pages += 1;
    if (pages > MAX_PAGES)
      throw new RestError(`${what} have more than ${MAX_PAGES} pages, so reading them was given up`, {
        code: 'EndlessList',
        statusCode: 200,
      });
    items.push(...page);
  }
  return items;
}

/**
 * A server as ARM answers it, checked for what the rest of the code relies on.
 * @param resourceGroup as it was asked for; else that of its id
 * @throws where the answer is no server's
 */
function found(server: Server, resourceGroup?: string): FoundServer {
  const [, group, name] =
    /\/resourceGroups\/([^/]+)\/providers\/Microsoft\.DBforPostgreSQL\/flexibleServers\/([^/]+)$/i.exec(
      server.id ?? '',
    ) ?? [];
  if (group === undefined || name === undefined || !server.state)
    throw new Error('the answer is no flexible server’s: it has no such id, or no state');
  return { resourceGroup: resourceGroup ?? group, name: server.name ?? name, server };
}
