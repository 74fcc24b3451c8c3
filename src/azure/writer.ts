import type { Server, ServerForPatch } from '@azure/arm-postgresql-flexible';
import type { AddressRange } from '../config/addresses.ts';
import type { Credentials } from '../config/config.ts';
import type { NewServer } from '../config/creation.ts';
import { fail } from '../errors.ts';
import { allowListParameter, missingIn, withAdded } from '../plan/allow-list.ts';
import type { Applied } from '../plan/engine.ts';
import { type Run, type WaitOptions, waitFor } from '../waiting.ts';
import type { AzureClients } from './clients.ts';
import { createServer } from './create-server.ts';
import { azureDetails, refused } from './failures.ts';
import { race, startOperation, whileBusy } from './operations.ts';
import type { AzureReader, ServerLocation } from './reader.ts';
import { stateOf } from './server-states.ts';

/** How often an allow-list is written before what CREATE EXTENSION says of it has to do. */
const allowListRounds = 5;

/** Everything that the action writes to ARM. A mode that only reads never constructs it. */
export class AzureWriter {
  readonly #clients: AzureClients;
  readonly #run: Run;
  readonly #reader: AzureReader;

  constructor(clients: AzureClients, run: Run, reader: AzureReader) {
    this.#clients = clients;
    this.#run = run;
    this.#reader = reader;
  }

  get #at(): ServerLocation {
    return this.#reader.location;
  }

  async createResourceGroup(name: string, region: string): Promise<void> {
    await this.#clients.resources.resourceGroups
      .createOrUpdate(name, { location: region }, { abortSignal: this.#run.signal })
      .catch((error: unknown) => {
        throw refused(`creating resource group '${name}'`, error);
      });
  }

  /** See {@link createServer}. */
  createServer(planned: NewServer, administrator: Credentials): Promise<'created' | 'adopted'> {
    return createServer(this.#clients, this.#run, this.#reader, planned, administrator);
  }

  /**
   * Starts a stopped server and returns once it is on its way; waiting for Ready is the caller's.
   * @returns `adopted` where somebody else has started it in the meantime
   */
  async startServer(): Promise<Applied> {
    const { resourceGroup, name } = this.#at;
    const underWay = async (): Promise<true | undefined> => {
      const seen = await this.#reader.lookAgain();
      return seen.status === 'present' && stateOf(seen.value.server) !== 'Stopped' ? true : undefined;
    };
    try {
      const begin: Begin = (options) =>
        this.#clients.postgresql.servers.beginStart(resourceGroup, name, options);
      await this.#perform(`starting server '${name}'`, begin, underWay);
      return 'applied';
    } catch (error) {
      // facts.md §3: the words of a start that came second.
      if (azureDetails(error)?.code === 'ServerIsNotStopped' && (await underWay())) return 'adopted';
      throw error;
    }
  }

  /**
   * Updates properties in place.
   * @param patchOf makes the patch from the server as it is, for what has to be merged
   * @param what the properties' names, for sentences
   */
  async updateServer(patchOf: (server: Server) => ServerForPatch, what: string): Promise<void> {
    const { resourceGroup, name } = this.#at;
    const seen = await this.#reader.lookAgain();
    // What has to be merged with cannot be guessed.
    if (seen.status === 'unknown') throw seen.error;
    if (seen.status === 'absent')
      throw fail('server-not-usable', {
        server: name,
        state: 'absent',
        advice: 'It was deleted just now: run the workflow again.',
      });
    const patch = patchOf(seen.value.server);
    await this.#perform(
      `updating ${what} of server '${name}'`,
      (options) => this.#clients.postgresql.servers.beginUpdate(resourceGroup, name, patch, options),
      onceEnded,
    );
    await this.#reader.lookAgain();
  }

  putParameter(parameter: string, value: string): Promise<unknown> {
    const { resourceGroup, name } = this.#at;
    const body = { value, source: 'user-override' };
    return this.#perform(
      `setting server parameter '${parameter}'`,
      (options) =>
        this.#clients.postgresql.configurations.beginPut(resourceGroup, name, parameter, body, options),
      onceEnded,
    );
  }

  /**
   * Adds extensions to the allow-list, keeping what is there: read anew before each request, since other jobs add theirs.
   * @returns `adopted` where they are on it by now
   */
  async allowExtensions(wanted: readonly string[]): Promise<Applied> {
    const { resourceGroup, name } = this.#at;
    const missing = async (): Promise<string | undefined> => {
      const seen = await this.#reader.parameter(allowListParameter);
      if (seen.status === 'unknown') throw seen.error;
      const value = seen.status === 'present' ? (seen.value.value ?? '') : '';
      return missingIn(value, wanted).length > 0 ? withAdded(value, wanted) : undefined;
    };
    let outcome: Applied = 'adopted';
    // Another job's write may have overtaken ours, and taken its entries away again.
    for (let round = 0; round < allowListRounds; round += 1) {
      const value = await missing();
      if (value === undefined) return outcome;
      const begin: Begin = async (options) => {
        const body = { value: (await missing()) ?? value, source: 'user-override' };
        return this.#clients.postgresql.configurations.beginPut(
          resourceGroup,
          name,
          allowListParameter,
          body,
          options,
        );
      };
      await this.#perform(`allowing the extensions ${wanted.join(', ')}`, begin, onceEnded);
      outcome = 'applied';
    }
    return outcome;
  }

  /** Drops a database through ARM, which ends every session in it [INF]; one that is gone already is success. */
  async dropDatabase(database: string): Promise<void> {
    const { resourceGroup, name } = this.#at;
    const begin: Begin = (options) =>
      this.#clients.postgresql.databases.beginDelete(resourceGroup, name, database, options);
    await this.#perform(`dropping database '${database}'`, begin, onceEnded).catch((error: unknown) => {
      if (azureDetails(error)?.status !== 404) throw error;
    });
  }

  /** Makes or changes a firewall rule that stays, and waits until ARM shows it. */
  putFirewallRule(rule: string, range: AddressRange): Promise<unknown> {
    return this.#putRule(rule, range, async () => {
      const seen = await this.#reader.firewallRule(rule);
      const { startIpAddress, endIpAddress } = seen.status === 'present' ? seen.value : {};
      return startIpAddress === range.start && endIpAddress === range.end ? true : undefined;
    });
  }

  /**
   * Makes a firewall rule and waits until what it is for has come about: a login is the proof, not the operation's
   * end, which the service reports 60 s late (design.md, Waiting; facts.md §2).
   * @param needed told whether the operation has ended; returns undefined as long as the need is not met
   * @param witness told before each request, and the operation's URL as soon as Azure names it
   */
  openFirewall<T>(
    rule: string,
    range: AddressRange,
    needed: (ended: boolean) => Promise<T | undefined>,
    witness: Pick<Manner, 'asking' | 'accepted'> = {},
  ): Promise<T> {
    return this.#putRule(rule, range, needed, { ...witness, waiting: { pause: 200, longestPause: 500 } });
  }

  #putRule<T>(
    rule: string,
    { start, end }: AddressRange,
    needed: (ended: boolean) => Promise<T | undefined>,
    manner: Manner = {},
  ): Promise<T> {
    const { resourceGroup, name } = this.#at;
    const body = { startIpAddress: start, endIpAddress: end };
    return this.#perform(
      `making firewall rule '${rule}'`,
      (options) =>
        this.#clients.postgresql.firewallRules.beginCreateOrUpdate(resourceGroup, name, rule, body, options),
      needed,
      manner,
    );
  }

  /**
   * Removes a firewall rule and waits until ARM shows it no more; one that is gone already is success.
   * @returns whether Azure found something to remove: it accepts a deletion (202), or has nothing to delete (204)
   */
  async deleteFirewallRule(rule: string): Promise<boolean> {
    const { resourceGroup, name } = this.#at;
    const begin: Begin = (options) =>
      this.#clients.postgresql.firewallRules.beginDelete(resourceGroup, name, rule, options);
    const gone = async (ended: boolean): Promise<true | undefined> => {
      const { status } = await this.#reader.firewallRule(rule);
      // Where the rule may be deleted but not read, the operation's end has to do.
      return status === 'absent' || (ended && status === 'unknown') || undefined;
    };
    let found = false;
    const accepted = (): void => {
      found = true;
    };
    try {
      await this.#perform(`removing firewall rule '${rule}'`, begin, gone, { accepted });
    } catch (error) {
      // With the server the rule is gone too (facts.md §2).
      if (azureDetails(error)?.status !== 404 || !(await gone(false))) throw error;
    }
    return found;
  }

  /** Sends a request and races its operation against what is needed, again where the server is busy. */
  async #perform<T>(
    doing: string,
    begin: Begin,
    needed: (ended: boolean) => Promise<T | undefined>,
    { asking, accepted, waiting = { longestPause: 4000 } }: Manner = {},
  ): Promise<T> {
    try {
      return await whileBusy(this.#run, doing, async () => {
        asking?.();
        const operation = await startOperation(this.#run, begin, accepted);
        return await waitFor(this.#run, `the end of ${doing}`, race(this.#run, operation, needed), waiting);
      });
    } catch (error) {
      throw refused(doing, error);
    }
  }
}

type Begin = Parameters<typeof startOperation>[1];

/** How an operation is waited for; by default at pauses of seconds, as operations on a server's children take seconds. */
interface Manner {
  /** Told before each request that asks for it. */
  readonly asking?: () => void;
  readonly accepted?: (operationUrl: string) => void;
  readonly waiting?: WaitOptions;
}

const onceEnded = async (ended: boolean): Promise<true | undefined> => ended || undefined;
