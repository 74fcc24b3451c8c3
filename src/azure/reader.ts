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

/** Reads of a server's children that a run will need; see {@link AzureReader.startReads}. */
export interface ChildReads {
  /** Arguments of {@link AzureReader.getParameters}, one for each call. */
  readonly parameters: readonly (readonly string[])[];
  /** Argument of {@link AzureReader.getDatabase}. */
  readonly database: string | undefined;
}

/**
 * All reads of ARM; it cannot write. Every method reads ARM when it is called, except {@link getServer} and
 * {@link listFirewallRulesOnce}, which return what was read before, and the first call after {@link startReads}.
 */
export class AzureReader {
  readonly #clients: AzureClients;
  readonly #run: RunContext;
  readonly config: ServerLookup;
  /** The last read of the server. */
  #serverRead: Promise<Observed<FoundServer>> | undefined;
  /** Where the server was last found; later reads request it directly. */
  #lastKnownRef: ServerRef | undefined;
  #cachedRules: Promise<readonly StoredFirewallRule[]> | undefined;
  /** Reads that {@link startReads} has started and that nobody has requested yet. */
  readonly #earlyReads = new Map<string, EarlyRead>();
  /** Counts {@link discardReads}. */
  #generation = 0;

  constructor(clients: AzureClients, run: RunContext, config: ServerLookup) {
    this.#clients = clients;
    this.#run = run;
    this.config = config;
  }

  /** The options of a request that ends with the run, and with this signal. */
  #options(signal?: AbortSignal): { abortSignal: AbortSignal } {
    return {
      abortSignal: signal === undefined ? this.#run.signal : AbortSignal.any([this.#run.signal, signal]),
    };
  }

  /** Where the server was found; otherwise where it would be created. */
  get serverRef(): ServerRef {
    return this.#lastKnownRef ?? { resourceGroup: defaultResourceGroup(this.config), name: this.config.name };
  }

  /**
   * Returns a function that is true until what was observed at this moment may be out of date: after a write of this run,
   * and when the server is read again, as every wait does.
   */
  trackChanges(): () => boolean {
    const generation = this.#generation;
    return () => generation === this.#generation;
  }

  /**
   * Discards what was read before, except the server itself, and ends the reads that nobody has requested. Every write of
   * this run calls it.
   */
  discardReads(): void {
    this.#generation += 1;
    for (const { controller } of this.#earlyReads.values()) controller.abort();
    this.#earlyReads.clear();
    this.#cachedRules = undefined;
  }

  /**
   * Starts to read the server, and its children where it is known or supposed to be, all at the same moment. The next
   * call for each gets the result, if the server is found there and the result is not out of date. A child that is
   * absent is read again, because perhaps only the server did not exist yet. Errors are those of the later call.
   */
  startReads({ parameters, database }: ChildReads): void {
    this.getServer().catch(() => {});
    // Only ARM knows the name of such a server.
    if (this.config.isNameIpAddress && this.#lastKnownRef === undefined) return;
    for (const names of parameters) this.#startParameterReads(names);
    if (this.#cachedRules === undefined)
      this.#startRead('firewall rules', (signal) => this.#listFirewallRules(signal));
    if (database !== undefined)
      this.#startRead(`database ${database}`, (signal) => this.#getDatabase(database, signal));
  }

  #startParameterReads(names: readonly string[]): void {
    if (names.length > MAX_SINGLE_READS)
      this.#startRead(listKey(names), (signal) => this.#listParameters(names, signal));
    else
      for (const name of names)
        this.#startRead(`parameter ${name}`, (signal) => this.#getParameter(name, signal));
  }

  #startRead(key: string, read: (signal: AbortSignal) => Promise<unknown>): void {
    const fullKey = this.#locate(key);
    if (this.#earlyReads.has(fullKey)) return;
    const controller = new AbortController();
    const result = read(controller.signal);
    result.catch(() => {});
    this.#earlyReads.set(fullKey, { result, controller });
  }

  #takeEarlyRead<T>(key: string): Promise<T> | undefined {
    const fullKey = this.#locate(key);
    const early = this.#earlyReads.get(fullKey);
    this.#earlyReads.delete(fullKey);
    return early?.result as Promise<T> | undefined;
  }

  #locate(key: string): string {
    const { resourceGroup, name } = this.serverRef;
    return [resourceGroup, name, key].join('/').toLowerCase();
  }

  /** What {@link startReads} has read, unless it is absent; otherwise reads now. */
  async #readOnce<T>(key: string, read: () => Promise<Observed<T>>): Promise<Observed<T>> {
    const early = await this.#takeEarlyRead<Observed<T>>(key);
    return early === undefined || early.status === 'absent' ? await read() : early;
  }

  /** The server as it was last read; reads it at the first call. */
  getServer(): Promise<Observed<FoundServer>> {
    this.#serverRead ??= this.#readServer();
    return this.#serverRead;
  }

  /** Reads the server: in its resource group if that is known, otherwise in the subscription. */
  refreshServer(): Promise<Observed<FoundServer>> {
    this.discardReads();
    this.#serverRead = this.#readServer();
    return this.#serverRead;
  }

  async #readServer(): Promise<Observed<FoundServer>> {
    const known = this.#lastKnownRef?.resourceGroup ?? this.config.resourceGroup;
    const observed = await tryRead(`server '${this.config.name}'`, () =>
      known === undefined || this.config.isNameIpAddress ? this.#findServer(known) : this.#getServer(known),
    );
    if (observed.status === 'present') this.#lastKnownRef = observed.value;
    return observed;
  }

  async #getServer(resourceGroup: string): Promise<Observed<FoundServer>> {
    const { name } = this.config;
    const server = await this.#clients.postgresql.servers.get(resourceGroup, name, this.#options());
    return present(toFoundServer(server, resourceGroup));
  }

  async #findServer(resourceGroup: string | undefined): Promise<Observed<FoundServer>> {
    const { name, isNameIpAddress } = this.config;
    const { servers } = this.#clients.postgresql;
    const all =
      resourceGroup === undefined
        ? servers.listBySubscription(this.#options())
        : servers.listByResourceGroup(resourceGroup, this.#options());
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
      const { resourceGroups } = await this.#clients.resources();
      const group = await resourceGroups.get(name, this.#options());
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
        this.#options(),
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
  listFirewallRules(): Promise<readonly StoredFirewallRule[]> {
    return this.#listFirewallRules();
  }

  async #listFirewallRules(signal?: AbortSignal): Promise<readonly StoredFirewallRule[]> {
    const { resourceGroup, name } = this.serverRef;
    try {
      const rules = await readAllPages(
        this.#clients.postgresql.firewallRules.listByServer(resourceGroup, name, this.#options(signal)),
        `the firewall rules of server '${name}'`,
      );
      return rules.map(toStoredFirewallRule);
    } catch (error) {
      throw toAzureError(`listing the firewall rules of server '${name}'`, error);
    }
  }

  /**
   * The firewall rules as the first call of this method read them, so that all findings of a run agree; read again only
   * when they may be out of date.
   */
  listFirewallRulesOnce(): Promise<readonly StoredFirewallRule[]> {
    this.#cachedRules ??=
      this.#takeEarlyRead<readonly StoredFirewallRule[]>('firewall rules')?.catch((error: unknown) => {
        if (azureDetails(error)?.status === 404) return this.listFirewallRules();
        throw error;
      }) ?? this.listFirewallRules();
    return this.#cachedRules;
  }

  getFirewallRule(rule: string): Promise<Observed<StoredFirewallRule>> {
    const { resourceGroup, name } = this.serverRef;
    return tryRead(`firewall rule '${rule}'`, async () =>
      present(
        toStoredFirewallRule(
          await this.#clients.postgresql.firewallRules.get(resourceGroup, name, rule, this.#options()),
        ),
      ),
    );
  }

  getParameter(parameter: string): Promise<Observed<Configuration>> {
    return this.#readOnce(`parameter ${parameter}`, () => this.#getParameter(parameter));
  }

  #getParameter(parameter: string, signal?: AbortSignal): Promise<Observed<Configuration>> {
    const { resourceGroup, name } = this.serverRef;
    const { configurations } = this.#clients.postgresql;
    return tryRead(`server parameter '${parameter}'`, async () =>
      present(await configurations.get(resourceGroup, name, parameter, this.#options(signal))),
    );
  }

  /** Server parameters in the order of their names: few with a request each, more from the list of all parameters. */
  async getParameters(wanted: readonly string[]): Promise<readonly Observed<Configuration>[]> {
    if (wanted.length <= MAX_SINGLE_READS)
      return await Promise.all(wanted.map((each) => this.getParameter(each)));
    const all = await this.#readOnce(listKey(wanted), () => this.#listParameters(wanted));
    return wanted.map((each) => {
      if (all.status !== 'present') return all;
      const one = all.value.get(each.toLowerCase());
      return one === undefined ? absent : present(one);
    });
  }

  /** The wanted ones of all parameters, by name in lower case. */
  #listParameters(
    wanted: readonly string[],
    signal?: AbortSignal,
  ): Promise<Observed<ReadonlyMap<string, Configuration>>> {
    const { resourceGroup, name } = this.serverRef;
    const byName = new Map<string, Configuration>();
    const names = new Set(wanted.map((each) => each.toLowerCase()));
    return tryRead(`the parameters of server '${name}'`, async () => {
      const { configurations } = this.#clients.postgresql;
      const listed = configurations.listByServer(resourceGroup, name, this.#options(signal));
      for (const each of await readAllPages(listed, `the parameters of server '${name}'`)) {
        const key = each.name?.toLowerCase() ?? '';
        if (names.has(key)) byName.set(key, each);
      }
      return present(byName);
    });
  }

  /** A database as ARM shows it, without its owner and its comment. */
  getDatabase(database: string): Promise<Observed<Database>> {
    return this.#readOnce(`database ${database}`, () => this.#getDatabase(database));
  }

  #getDatabase(database: string, signal?: AbortSignal): Promise<Observed<Database>> {
    const { resourceGroup, name } = this.serverRef;
    const { databases } = this.#clients.postgresql;
    return tryRead(`database '${database}'`, async () =>
      present(await databases.get(resourceGroup, name, database, this.#options(signal))),
    );
  }
}

/** A read in progress, and what ends it. */
interface EarlyRead {
  readonly result: Promise<unknown>;
  readonly controller: AbortController;
}

const listKey = (names: readonly string[]): string => `parameters ${names.join(',')}`;

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
