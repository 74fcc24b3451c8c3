import type { Configuration, Database, FirewallRule, Server } from '@azure/arm-postgresql-flexible';
import { RestError } from '@azure/core-rest-pipeline';
import { actionError } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import { defaultResourceGroup } from '../inputs/defaults.ts';
import type { ServerConfig } from '../inputs/types.ts';
import { absent, type Observed, present } from '../reconcile/findings.ts';
import { azureDetails, toAzureError, tryRead } from './azure-errors.ts';
import type { AzureClients } from './clients.ts';
import { normalizeRegion } from './regions.ts';

/** Where a server is (or will be): all that its children's requests need. */
export interface ServerRef {
  readonly resourceGroup: string;
  readonly name: string;
}

/** How to look for a server. */
export type ServerLookup = Pick<ServerConfig, 'name' | 'resourceGroup'> &
  Partial<Pick<ServerConfig, 'isNameIpAddress'>>;

export interface FoundServer extends ServerRef {
  readonly server: Server;
}

/** Everything that the action reads of ARM. It has no way to write (design.md, one path for every mode). */
export class AzureReader {
  readonly #clients: AzureClients;
  readonly #run: RunContext;
  readonly config: ServerLookup;
  #observedServer: Observed<FoundServer> | undefined;
  #lastKnownRef: ServerRef | undefined;
  #cachedRules: Promise<readonly FirewallRule[]> | undefined;

  constructor(clients: AzureClients, run: RunContext, config: ServerLookup) {
    this.#clients = clients;
    this.#run = run;
    this.config = config;
  }

  get #abortSignal(): { abortSignal: AbortSignal } {
    return { abortSignal: this.#run.signal };
  }

  /** Where the server is; where it would be made if it is not there. */
  get serverRef(): ServerRef {
    return this.#lastKnownRef ?? { resourceGroup: defaultResourceGroup(this.config), name: this.config.name };
  }

  /** The server, looked for once: in its group if that is given, else in the subscription. */
  async getServer(): Promise<Observed<FoundServer>> {
    this.#observedServer ??= await this.refreshServer();
    return this.#observedServer;
  }

  /** The server as it is now. */
  async refreshServer(): Promise<Observed<FoundServer>> {
    const known = this.#lastKnownRef?.resourceGroup ?? this.config.resourceGroup;
    this.#observedServer = await tryRead(`server '${this.config.name}'`, () =>
      known === undefined || this.config.isNameIpAddress ? this.#findServer(known) : this.#getServer(known),
    );
    if (this.#observedServer.status === 'present') this.#lastKnownRef = this.#observedServer.value;
    return this.#observedServer;
  }

  async #getServer(resourceGroup: string): Promise<Observed<FoundServer>> {
    const { name } = this.config;
    const server = await this.#clients.postgresql.servers.get(resourceGroup, name, this.#abortSignal);
    return present(toFoundServer(server, resourceGroup));
  }

  async #findServer(resourceGroup: string | undefined): Promise<Observed<FoundServer>> {
    const { name, isNameIpAddress } = this.config;
    const { servers } = this.#clients.postgresql;
    const all =
      resourceGroup === undefined
        ? servers.listBySubscription(this.#abortSignal)
        : servers.listByResourceGroup(resourceGroup, this.#abortSignal);
    const matches: FoundServer[] = [];
    for (const server of await readAllPages(all, `the servers of ${resourceGroup ?? 'the subscription'}`)) {
      const serverName = isNameIpAddress ? server.fullyQualifiedDomainName : server.name;
      if (serverName?.toLowerCase() === name) matches.push(toFoundServer(server));
    }
    if (matches.length > 1) {
      throw actionError('server-ambiguous', { server: name, groups: matches.map((f) => f.resourceGroup) });
    }
    if (matches[0]) return present(matches[0]);
    // A list shows only what this identity may see: that nothing is there, only the thing itself can say.
    if (isNameIpAddress)
      throw new RestError('no server that this identity may see has this host name', {
        code: 'HostNotFound',
      });
    return await this.#getServer(this.serverRef.resourceGroup);
  }

  /** Whether the group is there; only asked where the server is not. */
  getResourceGroup(name: string): Promise<Observed<string>> {
    return tryRead(`resource group '${name}'`, async () => {
      const group = await this.#clients.resources.resourceGroups.get(name, this.#abortSignal);
      return present(group.location);
    });
  }

  /**
   * Whether a new server may have this name. Where this identity may not even ask (the question is at the
   * subscription's scope), the creation itself will tell.
   * @param region as the user wrote it
   */
  async isNameAvailable(region: string): Promise<boolean> {
    const { name } = this.config;
    const doing = `asking whether the server name '${name}' is free in ${region}`;
    const request = { name, type: 'Microsoft.DBforPostgreSQL/flexibleServers' };
    const { nameAvailability } = this.#clients.postgresql;
    try {
      const answer = await nameAvailability.checkWithLocation(
        normalizeRegion(region),
        request,
        this.#abortSignal,
      );
      if (answer.nameAvailable === false && answer.reason === 'Invalid') {
        const azure = { code: 'Invalid', message: answer.message ?? 'The server name is not valid.' };
        throw actionError('azure-request-failed', { doing, hint: 'Choose another server-name.' }, { azure });
      }
      if (typeof answer.nameAvailable !== 'boolean') {
        const reason = 'the answer does not say so; perhaps a proxy answered instead of Azure.';
        const hint = 'Check the network of the runner.';
        throw actionError('state-unknown', { what: `a server named '${name}'`, reason, hint });
      }
      return answer.nameAvailable;
    } catch (error) {
      if (azureDetails(error)?.status === 403) return true;
      throw toAzureError(doing, error);
    }
  }

  /**
   * All firewall rules of the server, from every page.
   * @throws `azure-request-failed`
   */
  async listFirewallRules(): Promise<readonly FirewallRule[]> {
    const { resourceGroup, name } = this.serverRef;
    try {
      return await readAllPages(
        this.#clients.postgresql.firewallRules.listByServer(resourceGroup, name, this.#abortSignal),
        `the firewall rules of server '${name}'`,
      );
    } catch (error) {
      throw toAzureError(`listing the firewall rules of server '${name}'`, error);
    }
  }

  /** The same, listed once and kept: what a pass of looking goes by. */
  listFirewallRulesOnce(): Promise<readonly FirewallRule[]> {
    this.#cachedRules ??= this.listFirewallRules();
    return this.#cachedRules;
  }

  /** Whether a rule is there. */
  getFirewallRule(rule: string): Promise<Observed<FirewallRule>> {
    const { resourceGroup, name } = this.serverRef;
    return tryRead(`firewall rule '${rule}'`, async () =>
      present(await this.#clients.postgresql.firewallRules.get(resourceGroup, name, rule, this.#abortSignal)),
    );
  }

  /** A server parameter. */
  getParameter(parameter: string): Promise<Observed<Configuration>> {
    const { resourceGroup, name } = this.serverRef;
    return tryRead(`server parameter '${parameter}'`, async () =>
      present(
        await this.#clients.postgresql.configurations.get(resourceGroup, name, parameter, this.#abortSignal),
      ),
    );
  }

  /** Server parameters by name: a few one by one, more out of the list, whose requests grow with its pages. */
  async getParameters(wanted: readonly string[]): Promise<readonly Observed<Configuration>[]> {
    if (wanted.length <= MAX_SINGLE_READS)
      return await Promise.all(wanted.map((each) => this.getParameter(each)));
    const { resourceGroup, name } = this.serverRef;
    const byName = new Map<string, Configuration>();
    const names = new Set(wanted.map((each) => each.toLowerCase()));
    const all = await tryRead(`the parameters of server '${name}'`, async () => {
      const { configurations } = this.#clients.postgresql;
      const listed = configurations.listByServer(resourceGroup, name, this.#abortSignal);
      for (const each of await readAllPages(listed, `the parameters of server '${name}'`)) {
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
  getDatabase(database: string): Promise<Observed<Database>> {
    const { resourceGroup, name } = this.serverRef;
    return tryRead(`database '${database}'`, async () =>
      present(await this.#clients.postgresql.databases.get(resourceGroup, name, database, this.#abortSignal)),
    );
  }
}

/** How many parameters are asked for one by one: the list of all has some four hundred. */
const MAX_SINGLE_READS = 3;

/** Pages of a list that are read: ARM puts a hundred things or more on one. */
const MAX_PAGES = 200;

/** @throws where there are more pages than any list has: a page may lead back to an earlier one */
async function readAllPages<T>(
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
function toFoundServer(server: Server, resourceGroup?: string): FoundServer {
  const [, group, name] =
    /\/resourceGroups\/([^/]+)\/providers\/Microsoft\.DBforPostgreSQL\/flexibleServers\/([^/]+)$/i.exec(
      server.id ?? '',
    ) ?? [];
  if (group === undefined || name === undefined || !server.state)
    throw new Error('the answer is no flexible server’s: it has no such id, or no state');
  return { resourceGroup: resourceGroup ?? group, name: server.name ?? name, server };
}
