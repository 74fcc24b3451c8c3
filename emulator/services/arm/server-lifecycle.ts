import type { HttpResponse } from '../../core/http-types.ts';
import type { PostgresServer } from '../../postgres/types.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import { type OperationError, operationErrors, providerErrors } from './arm-errors.ts';
import type { ArmRequest } from './arm-request.ts';
import { type FlexibleServer, type ServerState, visibleState, withServerState } from './arm-store.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS, type TimedOperation } from './timing.ts';

interface PowerOperation {
  readonly operationName: string;
  readonly timedOperation: TimedOperation;
  readonly states: { readonly during: ServerState; readonly after: ServerState };
  /** The error that the operation ends with after it was accepted. */
  readonly failure?: OperationError | undefined;
  readonly run: (postgres: PostgresServer) => Promise<void>;
}

function beginPowerOperation(
  call: ArmRequest,
  context: ArmContext,
  server: FlexibleServer,
  power: PowerOperation,
): HttpResponse {
  return context.operations.begin(call, {
    operationName: power.operationName,
    retryAfterSeconds: RETRY_AFTER_SECONDS.power,
    locationSegment: server.location.name,
    durationMs: operationDurationMs(power.timedOperation, context.options.provisionMs),
    failure: power.failure,
    work: (untilDone) =>
      withServerState(server, power.states, async () => {
        await untilDone();
        if (server.postgres) await power.run(server.postgres);
      }),
  });
}

/**
 * Why a server cannot stop or restart now. While another operation runs, the request is accepted and fails when it is
 * polled (recorded); in every other state it is refused (inferred). See docs/azure-behavior.md#error-codes.
 * @returns the error of the operation; undefined for a Ready server
 * @throws {ArmError} 409 ServerIsNotReady
 */
function checkReady(server: FlexibleServer): OperationError | undefined {
  const state = visibleState(server);
  if (state === 'Ready') return undefined;
  if (state === 'Updating') return operationErrors.serverIsNotReady(server.name, state);
  throw providerErrors.serverIsNotReady(server.name, state);
}

/** `POST …/stop`, of a server that {@link checkReady} accepts. */
export const stopServer: ArmHandler = (call, context) => {
  const server = context.store.getServer(call.params);
  const failure = checkReady(server);
  return beginPowerOperation(call, context, server, {
    operationName: 'StopServerManagementOperation',
    failure,
    timedOperation: 'stopServer',
    states: { during: 'Stopping', after: 'Stopped' },
    run: (postgres) => postgres.stop(),
  });
};

const BUSY_STATES: readonly ServerState[] = [
  'Starting',
  'Stopping',
  'Restarting',
  'Updating',
  'Provisioning',
  'Dropping',
];

/** `POST …/start`. Only a Stopped server starts, and a busy one answers with its own code. */
export const startServer: ArmHandler = (call, context) => {
  const server = context.store.getServer(call.params);
  const state = visibleState(server);
  if (BUSY_STATES.includes(state)) throw providerErrors.startWhileBusy(server.name);
  if (state !== 'Stopped') throw providerErrors.serverIsNotStopped(server.name, state);
  return beginPowerOperation(call, context, server, {
    operationName: 'StartServerManagementOperation',
    timedOperation: 'startServer',
    states: { during: 'Starting', after: 'Ready' },
    run: (postgres) => postgres.start(),
  });
};

/** `POST …/restart`. The name of the operation is inferred. */
export const restartServer: ArmHandler = (call, context) => {
  const server = context.store.getServer(call.params);
  const failure = checkReady(server);
  return beginPowerOperation(call, context, server, {
    operationName: 'RestartServerManagementOperation',
    failure,
    timedOperation: 'restartServer',
    states: { during: 'Restarting', after: 'Ready' },
    run: (postgres) => postgres.restart(),
  });
};

/** Delete a server and its PostgreSQL. Its statements stay in `control/statements`. */
export async function destroyServer(server: FlexibleServer, { store, hosts }: ArmContext): Promise<void> {
  const { postgres } = server;
  if (postgres) store.deletedServerStatements.push(...(await postgres.statements.list()));
  await postgres?.destroy();
  if (postgres) hosts?.remove(postgres.host);
  store.removeServer(server);
}

/** `DELETE …/flexibleServers/{name}`: 202, or 204 if the server does not exist. */
export const deleteServer: ArmHandler = (call, context) => {
  const { store, operations, options } = context;
  const server = store.findServer(call.params);
  if (!server) return { status: 204 };
  return operations.begin(call, {
    operationName: 'DropServerManagementOperation',
    retryAfterSeconds: RETRY_AFTER_SECONDS.deleteServer,
    // The URLs of this operation contain the display name, as recorded.
    locationSegment: encodeURIComponent(server.location.displayName),
    durationMs: operationDurationMs('deleteServer', options.provisionMs),
    failure:
      server.state === 'Dropping'
        ? operationErrors.dropping()
        : server.state === 'Provisioning'
          ? operationErrors.serverIsBusy(server.name)
          : undefined,
    work: (untilDone) =>
      withServerState(server, { during: 'Dropping', after: 'Dropping' }, async () => {
        await untilDone();
        await destroyServer(server, context);
      }),
  });
};
