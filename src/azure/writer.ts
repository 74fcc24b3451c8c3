import type { Configuration, Server, ServerForPatch } from '@azure/arm-postgresql-flexible';
import type { AddressRange } from '../config/addresses.ts';
import type { Credentials } from '../config/config.ts';
import type { NewServer } from '../config/creation.ts';
import { fail } from '../errors.ts';
import { allowListParameter, missingIn, withAdded } from '../plan/allow-list.ts';
import type { Applied } from '../plan/engine.ts';
import { type Run, waitFor } from '../waiting.ts';
import type { AzureClients } from './clients.ts';
import { createServer } from './create-server.ts';
import { azureDetails, refused } from './failures.ts';
import type { Again } from './operations.ts';
import { type Begin, type IsDone, type Manner, perform } from './perform.ts';
import type { AzureReader, ServerLocation } from './reader.ts';
import { isPassing, stateOf } from './server-states.ts';

/** How often an allow-list is written before what CREATE EXTENSION says of it has to do. */
const allowListRounds = 5;

/** How often an `InternalServerError` on a server that is Ready is tried again: then being busy is not its cause. */
const INTERNAL_ERROR_ATTEMPTS = 3;

/** Everything that the action writes to ARM. A mode that only reads never constructs it. */
export class AzureWriter {
  readonly #clients: AzureClients;
  readonly #run: Run;
  readonly #reader: AzureReader;
  readonly #insistent: boolean;

  /** @param insistent whether writes are tried again until the run ends also where Azure is out of reach or fails */
  constructor(clients: AzureClients, run: Run, reader: AzureReader, insistent = false) {
    this.#clients = clients;
    this.#run = run;
    this.#reader = reader;
    this.#insistent = insistent;
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
    const isUnderWay = async (): Promise<boolean> => {
      const seen = await this.#reader.lookAgain();
      return seen.status === 'present' && stateOf(seen.value.server) !== 'Stopped';
    };
    try {
      const begin: Begin = (options) =>
        this.#clients.postgresql.servers.beginStart(resourceGroup, name, options);
      await this.#perform(`starting server '${name}'`, begin, isUnderWay, onceDone(isUnderWay));
      return 'applied';
    } catch (error) {
      // facts.md §3: the words of a start that came second.
      if (azureDetails(error)?.code === 'ServerIsNotStopped' && (await isUnderWay())) return 'adopted';
      throw error;
    }
  }

  /**
   * Updates properties in place.
   * @param patchOf makes the patch from the server as it is, for what has to be merged
   * @param what the properties' names, for sentences
   * @param isApplied whether the server is as the patch wants it, where only the server itself can tell
   */
  async updateServer(
    patchOf: (server: Server) => ServerForPatch,
    what: string,
    isApplied: (server: Server) => boolean,
  ): Promise<void> {
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
      async () => {
        const now = await this.#reader.lookAgain();
        if (now.status !== 'present') return false;
        const { server } = now.value;
        return isPassing(stateOf(server)) ? undefined : isApplied(server);
      },
      onceEnded,
    );
    await this.#reader.lookAgain();
  }

  /** @param isApplied whether a value that Azure shows is the one that was put, where only the parameter itself can tell */
  putParameter(
    parameter: string,
    value: string,
    isApplied: (shown: Configuration) => boolean,
  ): Promise<unknown> {
    const { resourceGroup, name } = this.#at;
    const body = { value, source: 'user-override' };
    return this.#perform(
      `setting server parameter '${parameter}'`,
      (options) =>
        this.#clients.postgresql.configurations.beginPut(resourceGroup, name, parameter, body, options),
      async () => {
        const seen = await this.#reader.parameter(parameter);
        return seen.status === 'present' && isApplied(seen.value);
      },
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
      await this.#perform(
        `allowing the extensions ${wanted.join(', ')}`,
        begin,
        async () => (await missing()) === undefined,
        onceEnded,
      );
      outcome = 'applied';
    }
    return outcome;
  }

  /** Drops a database through ARM, which ends every session in it [INF]; one that is gone already is success. */
  async dropDatabase(database: string): Promise<void> {
    const { resourceGroup, name } = this.#at;
    const begin: Begin = (options) =>
      this.#clients.postgresql.databases.beginDelete(resourceGroup, name, database, options);
    const gone = async (): Promise<boolean> => (await this.#reader.database(database)).status === 'absent';
    await this.#perform(`dropping database '${database}'`, begin, gone, onceEnded).catch(
      async (error: unknown) => {
        if (azureDetails(error)?.status !== 404 || !(await gone())) throw error;
      },
    );
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
   * end, which the service reports 60 s late.
   * @param needed given whether the operation has ended; returns undefined as long as the need is not met
   * @param witness called before each request, and with the operation's URL as soon as Azure names it
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
    const isShown = async (): Promise<boolean> => {
      const seen = await this.#reader.firewallRule(rule);
      return (
        seen.status === 'present' && seen.value.startIpAddress === start && seen.value.endIpAddress === end
      );
    };
    return this.#perform(
      `making firewall rule '${rule}'`,
      (options) =>
        this.#clients.postgresql.firewallRules.beginCreateOrUpdate(resourceGroup, name, rule, body, options),
      isShown,
      needed,
      { ...manner, again: this.#onServerChange() },
    );
  }

  /**
   * Removes a firewall rule and waits until ARM shows it no more; one that is gone already is success. Where ARM has
   * nothing to delete (204) but shows the rule, it is deleted again.
   * @returns whether Azure deleted something; false where it had nothing to delete (204) and shows no rule
   */
  async deleteFirewallRule(rule: string): Promise<boolean> {
    const { resourceGroup, name } = this.#at;
    const begin: Begin = (options) =>
      this.#clients.postgresql.firewallRules.beginDelete(resourceGroup, name, rule, options);
    let found = false;
    const accepted = (): void => {
      found = true;
    };
    const isGone = async (): Promise<boolean> => (await this.#reader.firewallRule(rule)).status === 'absent';
    const outcome = async (ended: boolean): Promise<'gone' | 'still there' | undefined> => {
      const { status } = await this.#reader.firewallRule(rule);
      if (status === 'absent') return 'gone';
      if (!ended) return undefined;
      // A rule that may be deleted but not read is as its operation says.
      return status === 'unknown' ? 'gone' : 'still there';
    };
    const remove = async (): Promise<true | undefined> => {
      const manner = { accepted, again: this.#onServerChange() };
      const doing = `removing firewall rule '${rule}'`;
      return (await this.#perform(doing, begin, isGone, outcome, manner)) === 'gone' || undefined;
    };
    try {
      await waitFor(this.#run, `firewall rule '${rule}' to be gone`, remove);
    } catch (error) {
      // With the server the rule is gone too.
      if (azureDetails(error)?.status !== 404 || !(await isGone())) throw error;
    }
    return found;
  }

  /**
   * Azure answers a firewall write to a server that is not Ready with `InternalServerError`, without a cause. So that code
   * is tried again as long as the server is not Ready, and a few times more.
   */
  #onServerChange(): Again {
    let whileReady = 0;
    return async (error) => {
      if (azureDetails(error)?.code !== 'InternalServerError') return undefined;
      const seen = await this.#reader.lookAgain();
      const state = seen.status === 'present' ? stateOf(seen.value.server) : seen.status;
      if (isPassing(state)) return `Azure answered InternalServerError while the server is ${state}`;
      whileReady += 1;
      return state === 'Ready' && whileReady <= INTERNAL_ERROR_ATTEMPTS
        ? 'Azure answered InternalServerError and names no cause'
        : undefined;
    };
  }

  #perform<T>(
    doing: string,
    begin: Begin,
    isDone: IsDone,
    needed: (ended: boolean) => Promise<T | undefined>,
    manner?: Manner,
  ): Promise<T> {
    const context = { clients: this.#clients, run: this.#run, insistent: this.#insistent };
    return perform(context, doing, begin, isDone, needed, manner);
  }
}

const onceEnded = async (ended: boolean): Promise<true | undefined> => ended || undefined;

const onceDone = (isDone: () => Promise<boolean>) => async (): Promise<true | undefined> =>
  (await isDone()) || undefined;
