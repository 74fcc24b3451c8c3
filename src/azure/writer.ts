import type { Configuration, Server, ServerForPatch } from '@azure/arm-postgresql-flexible';
import type { AddressRange } from '../common/addresses.ts';
import { actionError } from '../common/errors.ts';
import { backOff, type GetRetryReason, type RunContext, waitFor } from '../common/polling.ts';
import { shellQuote } from '../common/shell-quote.ts';
import type { ApplyResult } from '../reconcile/resource-handler.ts';
import { azureDetails, toAzureError } from './azure-errors.ts';
import type { AzureClients } from './clients.ts';
import type { Operation, OperationRequest, RetriedOperation } from './operations.ts';
import type { AzureReader, ServerRef } from './reader.ts';
import { isTransient, normalizeState, waitForStableState } from './server-states.ts';

/** Retries of an `InternalServerError` while the server is Ready, if a busy server is not its cause. */
const INTERNAL_ERROR_RETRIES = 3;

/** All writes to ARM. A mode that only reads never constructs it. */
export class AzureWriter {
  readonly #clients: AzureClients;
  readonly #retryWhenUnreachable: boolean;
  readonly run: RunContext;
  /** Names the server, and shows whether a write has taken effect. */
  readonly reader: AzureReader;

  /** @param retryWhenUnreachable whether to retry until the run ends also while Azure is unreachable or fails */
  constructor(clients: AzureClients, run: RunContext, reader: AzureReader, retryWhenUnreachable = false) {
    this.#clients = clients;
    this.run = run;
    this.reader = reader;
    this.#retryWhenUnreachable = retryWhenUnreachable;
  }

  get #serverRef(): ServerRef {
    return this.reader.serverRef;
  }

  async createResourceGroup(name: string, region: string): Promise<void> {
    this.reader.discardReads();
    const { resourceGroups } = await this.#clients.resources();
    await resourceGroups
      .createOrUpdate(name, { location: region }, { abortSignal: this.run.signal })
      .catch((error: unknown) => {
        throw toAzureError(`creating resource group '${name}'`, error);
      });
  }

  /**
   * Requests the creation of the server once, and returns when Azure has accepted it.
   * @throws RestError if Azure rejects it
   */
  async startServerCreation(body: Server): Promise<Operation> {
    const { resourceGroup, name } = this.#serverRef;
    this.reader.discardReads();
    const { startOperation } = await import('./operations.ts');
    return await startOperation(this.#clients, this.run, (options) =>
      this.#clients.postgresql.servers.beginCreateOrUpdate(resourceGroup, name, body, options),
    );
  }

  /**
   * Starts a stopped server and waits until its state is not transient, because Azure rejects an update of a server that is
   * starting.
   * @returns `adopted` if another client has started it in the meantime
   */
  async startServer(): Promise<ApplyResult> {
    const { resourceGroup, name } = this.#serverRef;
    const readState = async (): Promise<string | undefined> => {
      const observed = await this.reader.refreshServer();
      return observed.status === 'present' ? normalizeState(observed.value.server) : undefined;
    };
    const hasStarted = async (): Promise<boolean> => ![undefined, 'Stopped'].includes(await readState());
    try {
      const operation = await this.#start({
        description: `starting server '${name}'`,
        begin: (options) => this.#clients.postgresql.servers.beginStart(resourceGroup, name, options),
        hasTakenEffect: hasStarted,
      });
      await operation.waitForEffect(async () => {
        const state = await readState();
        return state === undefined || state === 'Stopped' || isTransient(state) ? undefined : true;
      });
      return 'applied';
    } catch (error) {
      // The error code of the second of two starts (docs/azure-behavior.md#error-codes).
      if (azureDetails(error)?.code !== 'ServerIsNotStopped' || !(await hasStarted())) throw error;
      await waitForStableState(this.run, this.reader);
      return 'adopted';
    }
  }

  /**
   * Updates properties in place.
   * @param createPatch gets the current server, for properties that have to be merged
   * @param propertyNames for log lines and errors
   * @param isApplied whether the server has the properties of the patch
   */
  async updateServer(
    createPatch: (server: Server) => ServerForPatch,
    propertyNames: string,
    isApplied: (server: Server) => boolean,
  ): Promise<void> {
    const { resourceGroup, name } = this.#serverRef;
    const observed = await this.reader.refreshServer();
    if (observed.status === 'unknown') throw observed.error;
    if (observed.status === 'absent')
      throw actionError('server-not-usable', {
        server: name,
        state: 'absent',
        hint: 'It was deleted just now: run the workflow again.',
      });
    const patch = createPatch(observed.value.server);
    const operation = await this.#start({
      description: `updating ${propertyNames} of server '${name}'`,
      begin: (options) => this.#clients.postgresql.servers.beginUpdate(resourceGroup, name, patch, options),
      hasTakenEffect: async () => {
        const refreshed = await this.reader.refreshServer();
        if (refreshed.status !== 'present') return false;
        const { server } = refreshed.value;
        return isTransient(normalizeState(server)) ? undefined : isApplied(server);
      },
    });
    await operation.waitForEnd();
    await this.reader.refreshServer();
  }

  /**
   * Sets a server parameter and waits for the end of the operation.
   * @param getValue called before each request, also before a retry, for a value that has to be merged with the current one
   * @param isApplied whether the parameter that Azure shows has the value
   */
  async putParameter(
    parameter: string,
    getValue: () => Promise<string>,
    isApplied: (shown: Configuration) => boolean,
    description = `setting server parameter '${parameter}'`,
  ): Promise<void> {
    const { resourceGroup, name } = this.#serverRef;
    const operation = await this.#start({
      description,
      begin: async (options) => {
        const body = { value: await getValue(), source: 'user-override' };
        return this.#clients.postgresql.configurations.beginPut(
          resourceGroup,
          name,
          parameter,
          body,
          options,
        );
      },
      hasTakenEffect: async () => {
        const observed = await this.reader.getParameter(parameter);
        return observed.status === 'present' && isApplied(observed.value);
      },
    });
    await operation.waitForEnd();
  }

  /** Drops a database through ARM, which ends its sessions (inferred). An absent database is success. */
  async dropDatabase(database: string): Promise<void> {
    const { resourceGroup, name } = this.#serverRef;
    const isAbsent = async (): Promise<boolean> =>
      (await this.reader.getDatabase(database)).status === 'absent';
    try {
      const operation = await this.#start({
        description: `dropping database '${database}'`,
        begin: (options) =>
          this.#clients.postgresql.databases.beginDelete(resourceGroup, name, database, options),
        hasTakenEffect: isAbsent,
      });
      await operation.waitForEnd();
    } catch (error) {
      if (azureDetails(error)?.status !== 404 || !(await isAbsent())) throw error;
    }
  }

  /** Creates or changes a firewall rule, and waits until ARM shows it. */
  async putFirewallRule(rule: string, range: AddressRange): Promise<void> {
    const operation = await this.startFirewallRule(rule, range);
    await operation.waitForEffect(async () => (await this.#hasFirewallRule(rule, range)) || undefined);
  }

  /**
   * Starts the creation or change of a firewall rule, and returns once Azure has accepted it. The rule usually works long
   * before its operation ends, which the service reports up to 60 s late.
   */
  startFirewallRule(
    rule: string,
    range: AddressRange,
    hooks: Pick<OperationRequest, 'onRequest' | 'onAccepted'> = {},
  ): Promise<RetriedOperation> {
    const { resourceGroup, name } = this.#serverRef;
    const body = { startIpAddress: range.start, endIpAddress: range.end };
    return this.#start({
      description: `creating firewall rule '${rule}'`,
      begin: (options) =>
        this.#clients.postgresql.firewallRules.beginCreateOrUpdate(resourceGroup, name, rule, body, options),
      hasTakenEffect: () => this.#hasFirewallRule(rule, range),
      getRetryReason: this.#internalErrorRetry(),
      ...hooks,
    });
  }

  async #hasFirewallRule(rule: string, { start, end }: AddressRange): Promise<boolean> {
    const observed = await this.reader.getFirewallRule(rule);
    return observed.status === 'present' && observed.value.start === start && observed.value.end === end;
  }

  /**
   * Deletes a firewall rule and waits until ARM no longer shows it; an absent rule is success. If ARM has nothing to
   * delete (204) but shows the rule, the rule is deleted again.
   * @returns whether Azure deleted something; false for 204 and no rule
   */
  async deleteFirewallRule(rule: string): Promise<boolean> {
    const { resourceGroup, name } = this.#serverRef;
    let wasDeleted = false;
    const isAbsent = async (): Promise<boolean> =>
      (await this.reader.getFirewallRule(rule)).status === 'absent';
    const request: OperationRequest = {
      description: `deleting firewall rule '${rule}'`,
      begin: (options) =>
        this.#clients.postgresql.firewallRules.beginDelete(resourceGroup, name, rule, options),
      hasTakenEffect: isAbsent,
      onAccepted: () => {
        wasDeleted = true;
      },
      getRetryReason: this.#internalErrorRetry(),
    };
    const getOutcome = async (succeeded: boolean): Promise<'absent' | 'present' | undefined> => {
      const { status } = await this.reader.getFirewallRule(rule);
      if (status === 'absent') return 'absent';
      if (!succeeded) return undefined;
      // An identity that can delete a rule may not be able to read it. Then the result of the operation counts.
      return status === 'unknown' ? 'absent' : 'present';
    };
    const deleteOnce = async (): Promise<true | undefined> => {
      const operation = await this.#start(request);
      return (await operation.waitForEffect(getOutcome)) === 'absent' || undefined;
    };
    try {
      await waitFor(this.run, `the deletion of firewall rule '${rule}'`, deleteOnce, { pauses: backOff() });
    } catch (error) {
      // A server that is deleted takes its rules with it.
      if (azureDetails(error)?.status !== 404 || !(await isAbsent())) throw error;
    }
    return wasDeleted;
  }

  /**
   * Azure rejects a firewall write to a server that is not Ready with `InternalServerError`, without a cause. So that code
   * is retried as long as the server is not Ready, and a few times more. A stopped server ends the retries with
   * `server-not-usable`, because it stays stopped.
   */
  #internalErrorRetry(): GetRetryReason {
    let retriesWhileReady = 0;
    return async (error) => {
      if (azureDetails(error)?.code !== 'InternalServerError') return undefined;
      const observed = await this.reader.refreshServer();
      const state = observed.status === 'present' ? normalizeState(observed.value.server) : observed.status;
      if (state === 'Stopped') {
        const { resourceGroup, name } = this.#serverRef;
        const hint = `Start it: az postgres flexible-server start --resource-group ${shellQuote(resourceGroup)} --name ${shellQuote(name)}\nStop it only after the jobs that use it, because a temporary firewall rule is removed at the end of its job.`;
        throw actionError('server-not-usable', { server: name, state, hint });
      }
      if (isTransient(state)) return `Azure answered InternalServerError while the server is ${state}`;
      retriesWhileReady += 1;
      return state === 'Ready' && retriesWhileReady <= INTERNAL_ERROR_RETRIES
        ? 'Azure answered InternalServerError without a cause'
        : undefined;
    };
  }

  async #start(request: OperationRequest): Promise<RetriedOperation> {
    this.reader.discardReads();
    const { RetriedOperation } = await import('./operations.ts');
    const operation = new RetriedOperation(this.#clients, this.run, request, this.#retryWhenUnreachable);
    await operation.start();
    return operation;
  }
}
