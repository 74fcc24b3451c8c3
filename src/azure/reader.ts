import type { Configuration, Database, FirewallRule, Server } from '@azure/arm-postgresql-flexible';
import { RestError } from '@azure/core-rest-pipeline';
import type { AddressRange } from '../common/addresses.ts';
import { actionError } from '../common/errors.ts';
import { foreignAnswerHint } from '../common/network-failure.ts';
import type { RunContext } from '../common/polling.ts';
import { normalizeRegion } from '../common/regions.ts';
import { defaultResourceGroup } from '../inputs/defaults.ts';
import type { ServerConfig } from '../inputs/types.ts';
import { absent, type Observed, present } from '../reconcile/findings.ts';
import { azureDetails, toAzureError, tryRead } from './azure-errors.ts';
import type { AzureClients } from './clients.ts';

/** Names a server that exists or will be created, as the requests for its children need it. */
export interface ServerRef {
  readonly resourceGroup: string;
  readonly name: string;
}

/** How to find a server. */
export type ServerLookup = Pick<ServerConfig, 'name' | 'resourceGroup'> &
  Partial<Pick<ServerConfig, 'isNameIpAddress'>>;

export interface FoundServer extends ServerRef {
  readonly server: Server;
}

export interface StoredFirewallRule extends AddressRange {
  readonly name: string;
}

/**
 * All reads of ARM; it cannot write. Every method reads ARM when it is called, except {@link getServer} and
 * {@link listFirewallRulesOnce}, which return what was read before.
 */
export class AzureReader {
  readonly #clients: AzureClients;
  readonly #run: RunContext;
  readonly config: ServerLookup;
  /** The result of the last {@link refreshServer}. */
  #observedServer: Observed<FoundServer> | undefined;
  /** Where the server was last found; later reads request it directly. */
  #lastKnownRef: ServerRef | undefined;
  #cachedRules: Promise<readonly StoredFirewallRule[]> | undefined;

  constructor(clients: AzureClients, run: RunContext, config: ServerLookup) {
    this.#clients = clients;
    this.#run = run;
    this.config = config;
  }

  get #abortSignal(): { abortSignal: AbortSignal } {
    return { abortSignal: this.#run.signal };
  }

  /** Where the server was found; otherwise where it would be created. */
  get serverRef(): ServerRef {
    return this.#lastKnownRef ?? { resourceGroup: defaultResourceGroup(this.config), name: this.config.name };
  }

  /** The server as {@link refreshServer} last read it; reads it at the first call. */
  async getServer(): Promise<Observed<FoundServer>> {
    this.#observedServer ??= await this.refreshServer();
    return this.#observedServer;
  }

  /** Reads the server: in its resource group if that is known, otherwise in the subscription. */
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
    // A list shows only what this identity can read, so only a read of the server itself can find it absent.
    if (isNameIpAddress)
      throw new RestError('no server that this identity can read has this host name', {
        code: 'HostNotFound',
      });
    return await this.#getServer(this.serverRef.resourceGroup);
  }

  /** The region of a resource group. */
  getResourceGroup(name: string): Promise<Observed<string>> {
    return tryRead(`resource group '${name}'`, async () => {
      const group = await this.#clients.resources.resourceGroups.get(name, this.#abortSignal);
      return present(group.location);
    });
  }

  /**
   * Whether a new server can have this name. Also true if this identity cannot check it, which needs rights on the
   * subscription: then the creation fails for a name that is taken.
   * @param region as the user wrote it
   * @throws `azure-request-failed` for an invalid name, `state-unknown`
   */
  async isNameAvailable(region: string): Promise<boolean> {
    const { name } = this.config;
    const doing = `checking whether the server name '${name}' is available in ${region}`;
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
        const reason =
          'the response does not state whether the name is available; perhaps a proxy responded instead of Azure.';
        const hint = foreignAnswerHint(this.#clients.postgresql.$host);
        throw actionError('state-unknown', { what: `a server named '${name}'`, reason, hint });
      }
      return answer.nameAvailable;
    } catch (error) {
      if (azureDetails(error)?.status === 403) return true;
      throw toAzureError(doing, error);
    }
  }

  /** All firewall rules of the server. @throws `azure-request-failed` */
  async listFirewallRules(): Promise<readonly StoredFirewallRule[]> {
    const { resourceGroup, name } = this.serverRef;
    try {
      const rules = await readAllPages(
        this.#clients.postgresql.firewallRules.listByServer(resourceGroup, name, this.#abortSignal),
        `the firewall rules of server '${name}'`,
      );
      return rules.map(toStoredFirewallRule);
    } catch (error) {
      throw toAzureError(`listing the firewall rules of server '${name}'`, error);
    }
  }

  /** The firewall rules as the first call of this method read them, so that all findings of a run agree. */
  listFirewallRulesOnce(): Promise<readonly StoredFirewallRule[]> {
    this.#cachedRules ??= this.listFirewallRules();
    return this.#cachedRules;
  }

  getFirewallRule(rule: string): Promise<Observed<StoredFirewallRule>> {
    const { resourceGroup, name } = this.serverRef;
    return tryRead(`firewall rule '${rule}'`, async () =>
      present(
        toStoredFirewallRule(
          await this.#clients.postgresql.firewallRules.get(resourceGroup, name, rule, this.#abortSignal),
        ),
      ),
    );
  }

  getParameter(parameter: string): Promise<Observed<Configuration>> {
    const { resourceGroup, name } = this.serverRef;
    return tryRead(`server parameter '${parameter}'`, async () =>
      present(
        await this.#clients.postgresql.configurations.get(resourceGroup, name, parameter, this.#abortSignal),
      ),
    );
  }

  /** Server parameters in the order of their names: few with a request each, more from the list of all parameters. */
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

  /** A database as ARM shows it, without its owner and its comment. */
  getDatabase(database: string): Promise<Observed<Database>> {
    const { resourceGroup, name } = this.serverRef;
    return tryRead(`database '${database}'`, async () =>
      present(await this.#clients.postgresql.databases.get(resourceGroup, name, database, this.#abortSignal)),
    );
  }
}

/** Parameters that are read with a request each; the list of all has more than 500. */
const MAX_SINGLE_READS = 3;

/** Pages of a list that are read; ARM puts a hundred items or more on one. */
const MAX_PAGES = 200;

/** @throws for more pages than any list has, because a page may link to an earlier one */
async function readAllPages<T>(
  list: { byPage(): AsyncIterable<readonly T[]> },
  what: string,
): Promise<readonly T[]> {
  const items: T[] = [];
  let pages = 0;
  for await (const page of list.byPage()) {
    pages += 1;
    if (pages > MAX_PAGES)
      throw new RestError(`${what} have more than ${MAX_PAGES} pages, so reading them was stopped`, {
        code: 'EndlessList',
        statusCode: 200,
      });
    items.push(...page);
  }
  return items;
}

const toStoredFirewallRule = ({ name, startIpAddress, endIpAddress }: FirewallRule): StoredFirewallRule => ({
  name: name ?? '',
  start: startIpAddress,
  end: endIpAddress,
});

/**
 * Checks that a response is a server with what the rest of the code relies on.
 * @param resourceGroup as it was requested; otherwise that of the server's id
 * @throws if the response is not a server
 */
function toFoundServer(server: Server, resourceGroup?: string): FoundServer {
  const [, group, name] =
    /\/resourceGroups\/([^/]+)\/providers\/Microsoft\.DBforPostgreSQL\/flexibleServers\/([^/]+)$/i.exec(
      server.id ?? '',
    ) ?? [];
  if (group === undefined || name === undefined || !server.state)
    throw new Error('the response is not a flexible server: its id or its state is missing');
  return { resourceGroup: resourceGroup ?? group, name: server.name ?? name, server };
}
