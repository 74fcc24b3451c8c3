import type { Configuration, Server, ServerForPatch } from '@azure/arm-postgresql-flexible';
import type { AddressRange } from '../common/addresses.ts';
import { actionError } from '../common/errors.ts';
import { type GetRetryReason, type RunContext, waitFor } from '../common/polling.ts';
import type { ApplyResult } from '../reconcile/plan.ts';
import {
  ALLOW_LIST_PARAMETER,
  addExtensions,
  missingFromAllowList,
} from '../resources/extension/allow-list-value.ts';
import { createServer } from '../resources/server/create-server.ts';
import { azureDetails, toAzureError } from './azure-errors.ts';
import type { AzureClients } from './clients.ts';
import type { AzureReader, ServerRef } from './reader.ts';
import {
  type BeginOperation,
  type HasTakenEffect,
  type OperationOptions,
  runOperation,
} from './run-operation.ts';
import { isTransient, normalizeState } from './server-states.ts';

/** How often an allow-list is written before what CREATE EXTENSION says of it has to do. */
const MAX_ALLOW_LIST_WRITES = 5;

/** How often an `InternalServerError` on a server that is Ready is tried again: then being busy is not its cause. */
const INTERNAL_ERROR_ATTEMPTS = 3;

/** Everything that the action writes to ARM. A mode that only reads never constructs it. */
export class AzureWriter {
  readonly #clients: AzureClients;
  readonly #run: RunContext;
  readonly #reader: AzureReader;
  readonly #retryWhenUnreachable: boolean;

  /** @param insistent whether writes are tried again until the run ends also where Azure is out of reach or fails */
  constructor(clients: AzureClients, run: RunContext, reader: AzureReader, insistent = false) {
    this.#clients = clients;
    this.#run = run;
    this.#reader = reader;
    this.#retryWhenUnreachable = insistent;
  }

  get #serverRef(): ServerRef {
    return this.#reader.serverRef;
  }

  async createResourceGroup(name: string, region: string): Promise<void> {
    await this.#clients.resources.resourceGroups
      .createOrUpdate(name, { location: region }, { abortSignal: this.#run.signal })
      .catch((error: unknown) => {
        throw toAzureError(`creating resource group '${name}'`, error);
      });
  }

  /** See {@link createServer}. */
  createServer(body: Server): Promise<'created' | 'adopted'> {
    return createServer(this.#clients, this.#run, this.#reader, body);
  }

  /**
   * Starts a stopped server and returns once it is on its way; waiting for Ready is the caller's.
   * @returns `adopted` where somebody else has started it in the meantime
   */
  async startServer(): Promise<ApplyResult> {
    const { resourceGroup, name } = this.#serverRef;
    const hasStarted = async (): Promise<boolean> => {
      const observedServer = await this.#reader.refreshServer();
      return observedServer.status === 'present' && normalizeState(observedServer.value.server) !== 'Stopped';
    };
    try {
      const begin: BeginOperation = (options) =>
        this.#clients.postgresql.servers.beginStart(resourceGroup, name, options);
      await this.#runOperation(`starting server '${name}'`, begin, hasStarted, resolveWhenDone(hasStarted));
      return 'applied';
    } catch (error) {
      // facts.md §3: the words of a start that came second.
      if (azureDetails(error)?.code === 'ServerIsNotStopped' && (await hasStarted())) return 'adopted';
      throw error;
    }
  }

  /**
   * Updates properties in place.
   * @param createPatch makes the patch from the server as it is, for what has to be merged
   * @param propertyNames the properties' names, for sentences
   * @param isApplied whether the server is as the patch wants it, where only the server itself can tell
   */
  async updateServer(
    createPatch: (server: Server) => ServerForPatch,
    propertyNames: string,
    isApplied: (server: Server) => boolean,
  ): Promise<void> {
    const { resourceGroup, name } = this.#serverRef;
    const observedServer = await this.#reader.refreshServer();
    // What has to be merged with cannot be guessed.
    if (observedServer.status === 'unknown') throw observedServer.error;
    if (observedServer.status === 'absent')
      throw actionError('server-not-usable', {
        server: name,
        state: 'absent',
        hint: 'It was deleted just now: run the workflow again.',
      });
    const patch = createPatch(observedServer.value.server);
    await this.#runOperation(
      `updating ${propertyNames} of server '${name}'`,
      (options) => this.#clients.postgresql.servers.beginUpdate(resourceGroup, name, patch, options),
      async () => {
        const refreshed = await this.#reader.refreshServer();
        if (refreshed.status !== 'present') return false;
        const { server } = refreshed.value;
        return isTransient(normalizeState(server)) ? undefined : isApplied(server);
      },
      resolveWhenEnded,
    );
    await this.#reader.refreshServer();
  }

  /** @param isApplied whether a value that Azure shows is the one that was put, where only the parameter itself can tell */
  putParameter(
    parameter: string,
    value: string,
    isApplied: (shown: Configuration) => boolean,
  ): Promise<unknown> {
    const { resourceGroup, name } = this.#serverRef;
    const body = { value, source: 'user-override' };
    return this.#runOperation(
      `setting server parameter '${parameter}'`,
      (options) =>
        this.#clients.postgresql.configurations.beginPut(resourceGroup, name, parameter, body, options),
      async () => {
        const seen = await this.#reader.getParameter(parameter);
        return seen.status === 'present' && isApplied(seen.value);
      },
      resolveWhenEnded,
    );
  }

  /**
   * Adds extensions to the allow-list, keeping what is there: read anew before each request, since other jobs add theirs.
   * @returns `adopted` where they are on it by now
   */
  async allowExtensions(wanted: readonly string[]): Promise<ApplyResult> {
    const { resourceGroup, name } = this.#serverRef;
    const readMissing = async (): Promise<string | undefined> => {
      const observedParameter = await this.#reader.getParameter(ALLOW_LIST_PARAMETER);
      if (observedParameter.status === 'unknown') throw observedParameter.error;
      const value = observedParameter.status === 'present' ? (observedParameter.value.value ?? '') : '';
      return missingFromAllowList(value, wanted).length > 0 ? addExtensions(value, wanted) : undefined;
    };
    let outcome: ApplyResult = 'adopted';
    // Another job's write may have overtaken ours, and taken its entries away again.
    for (let round = 0; round < MAX_ALLOW_LIST_WRITES; round += 1) {
      const value = await readMissing();
      if (value === undefined) return outcome;
      const begin: BeginOperation = async (options) => {
        const body = { value: (await readMissing()) ?? value, source: 'user-override' };
        return this.#clients.postgresql.configurations.beginPut(
          resourceGroup,
          name,
          ALLOW_LIST_PARAMETER,
          body,
          options,
        );
      };
      await this.#runOperation(
        `allowing the extensions ${wanted.join(', ')}`,
        begin,
        async () => (await readMissing()) === undefined,
        resolveWhenEnded,
      );
      outcome = 'applied';
    }
    return outcome;
  }

  /** Drops a database through ARM, which ends every session in it [INF]; one that is gone already is success. */
  async dropDatabase(database: string): Promise<void> {
    const { resourceGroup, name } = this.#serverRef;
    const begin: BeginOperation = (options) =>
      this.#clients.postgresql.databases.beginDelete(resourceGroup, name, database, options);
    const isDropped = async (): Promise<boolean> =>
      (await this.#reader.getDatabase(database)).status === 'absent';
    await this.#runOperation(`dropping database '${database}'`, begin, isDropped, resolveWhenEnded).catch(
      async (error: unknown) => {
        if (azureDetails(error)?.status !== 404 || !(await isDropped())) throw error;
      },
    );
  }

  /** Makes or changes a firewall rule that stays, and waits until ARM shows it. */
  putFirewallRule(rule: string, range: AddressRange): Promise<unknown> {
    return this.#putRule(rule, range, async () => {
      const seen = await this.#reader.getFirewallRule(rule);
      const { startIpAddress, endIpAddress } = seen.status === 'present' ? seen.value : {};
      return startIpAddress === range.start && endIpAddress === range.end ? true : undefined;
    });
  }

  /**
   * Makes a firewall rule and waits until what it is for has come about: a login is the proof, not the operation's
   * end, which the service reports 60 s late.
   * @param getResult given whether the operation has ended; returns undefined as long as the need is not met
   * @param hooks called before each request, and with the operation's URL as soon as Azure names it
   */
  createRuleAndWait<T>(
    rule: string,
    range: AddressRange,
    getResult: (ended: boolean) => Promise<T | undefined>,
    hooks: Pick<OperationOptions, 'onRequest' | 'onAccepted'> = {},
  ): Promise<T> {
    return this.#putRule(rule, range, getResult, {
      ...hooks,
      pollOptions: { initialIntervalMs: 200, maxIntervalMs: 500 },
    });
  }

  #putRule<T>(
    rule: string,
    { start, end }: AddressRange,
    getResult: (ended: boolean) => Promise<T | undefined>,
    operationOptions: OperationOptions = {},
  ): Promise<T> {
    const { resourceGroup, name } = this.#serverRef;
    const body = { startIpAddress: start, endIpAddress: end };
    const isVisible = async (): Promise<boolean> => {
      const seen = await this.#reader.getFirewallRule(rule);
      return (
        seen.status === 'present' && seen.value.startIpAddress === start && seen.value.endIpAddress === end
      );
    };
    return this.#runOperation(
      `making firewall rule '${rule}'`,
      (options) =>
        this.#clients.postgresql.firewallRules.beginCreateOrUpdate(resourceGroup, name, rule, body, options),
      isVisible,
      getResult,
      { ...operationOptions, getRetryReason: this.#internalErrorRetry() },
    );
  }

  /**
   * Removes a firewall rule and waits until ARM shows it no more; one that is gone already is success. Where ARM has
   * nothing to delete (204) but shows the rule, it is deleted again.
   * @returns whether Azure deleted something; false where it had nothing to delete (204) and shows no rule
   */
  async deleteFirewallRule(rule: string): Promise<boolean> {
    const { resourceGroup, name } = this.#serverRef;
    const begin: BeginOperation = (options) =>
      this.#clients.postgresql.firewallRules.beginDelete(resourceGroup, name, rule, options);
    let wasDeleted = false;
    const onAccepted = (): void => {
      wasDeleted = true;
    };
    const isGone = async (): Promise<boolean> =>
      (await this.#reader.getFirewallRule(rule)).status === 'absent';
    const pollOutcome = async (ended: boolean): Promise<'gone' | 'still there' | undefined> => {
      const { status } = await this.#reader.getFirewallRule(rule);
      if (status === 'absent') return 'gone';
      if (!ended) return undefined;
      // A rule that may be deleted but not read is as its operation says.
      return status === 'unknown' ? 'gone' : 'still there';
    };
    const remove = async (): Promise<true | undefined> => {
      const operationOptions = { onAccepted, getRetryReason: this.#internalErrorRetry() };
      const doing = `removing firewall rule '${rule}'`;
      return (
        (await this.#runOperation(doing, begin, isGone, pollOutcome, operationOptions)) === 'gone' ||
        undefined
      );
    };
    try {
      await waitFor(this.#run, `firewall rule '${rule}' to be gone`, remove);
    } catch (error) {
      // With the server the rule is gone too.
      if (azureDetails(error)?.status !== 404 || !(await isGone())) throw error;
    }
    return wasDeleted;
  }

  /**
   * Azure answers a firewall write to a server that is not Ready with `InternalServerError`, without a cause. So that code
   * is tried again as long as the server is not Ready, and a few times more.
   */
  #internalErrorRetry(): GetRetryReason {
    let attemptsWhileReady = 0;
    return async (error) => {
      if (azureDetails(error)?.code !== 'InternalServerError') return undefined;
      const seen = await this.#reader.refreshServer();
      const state = seen.status === 'present' ? normalizeState(seen.value.server) : seen.status;
      if (isTransient(state)) return `Azure answered InternalServerError while the server is ${state}`;
      attemptsWhileReady += 1;
      return state === 'Ready' && attemptsWhileReady <= INTERNAL_ERROR_ATTEMPTS
        ? 'Azure answered InternalServerError and names no cause'
        : undefined;
    };
  }

  #runOperation<T>(
    doing: string,
    begin: BeginOperation,
    hasTakenEffect: HasTakenEffect,
    getResult: (ended: boolean) => Promise<T | undefined>,
    operationOptions?: OperationOptions,
  ): Promise<T> {
    const context = {
      clients: this.#clients,
      run: this.#run,
      retryWhenUnreachable: this.#retryWhenUnreachable,
    };
    return runOperation(context, doing, begin, hasTakenEffect, getResult, operationOptions);
  }
}

const resolveWhenEnded = async (ended: boolean): Promise<true | undefined> => ended || undefined;

const resolveWhenDone = (isDone: () => Promise<boolean>) => async (): Promise<true | undefined> =>
  (await isDone()) || undefined;
