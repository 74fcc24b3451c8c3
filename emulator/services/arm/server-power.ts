import type { HttpResponse } from '../../core/http-types.ts';
import type { ArmContext, ArmHandler, ArmRequest } from './arm-request.ts';
import { type FlexibleServer, type ServerState, visibleState } from './arm-store.ts';
import { providerErrors } from './errors.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS, type TimedOperation } from './timing.ts';

interface PowerOperation {
  readonly operationName: string;
  readonly timedOperation: TimedOperation;
  readonly stateDuring: ServerState;
  readonly stateAfter: ServerState;
  readonly run: (server: FlexibleServer) => Promise<void> | undefined;
}

function beginPowerOperation(
  call: ArmRequest,
  context: ArmContext,
  server: FlexibleServer,
  power: PowerOperation,
): HttpResponse {
  const previousState = server.state;
  server.state = power.stateDuring;
  return context.operations.begin(call, {
    operationName: power.operationName,
    retryAfterSeconds: RETRY_AFTER_SECONDS.power,
    locationSegment: server.location.name,
    durationMs: operationDurationMs(power.timedOperation, context.options.provisionMs),
    work: async (untilDone) => {
      try {
        await untilDone();
        await power.run(server);
        server.state = power.stateAfter;
      } catch (error) {
        server.state = previousState;
        throw error;
      }
    },
  });
}

function requireServer(call: ArmRequest, { store }: ArmContext): FlexibleServer {
  return store.getServer(call.params.subscription, call.params.group, call.params.server);
}

function requireReady(server: FlexibleServer): void {
  const state = visibleState(server);
  if (state !== 'Ready') throw providerErrors.serverIsNotReady(server.name, state);
}

/** `POST …/stop`: a server that is not Ready refuses (facts.md §3; that it does so on the spot is [INF]). */
export const stopServer: ArmHandler = (call, context) => {
  const server = requireServer(call, context);
  requireReady(server);
  return beginPowerOperation(call, context, server, {
    operationName: 'StopServerManagementOperation',
    timedOperation: 'stopServer',
    stateDuring: 'Stopping',
    stateAfter: 'Stopped',
    run: ({ postgres }) => postgres?.stop(),
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

/** `POST …/start`: only a Stopped server starts; a busy one says so in its own words (facts.md §3). */
export const startServer: ArmHandler = (call, context) => {
  const server = requireServer(call, context);
  const state = visibleState(server);
  if (BUSY_STATES.includes(state)) throw providerErrors.startWhileBusy(server.name);
  if (state !== 'Stopped') throw providerErrors.serverIsNotStopped(server.name, state);
  return beginPowerOperation(call, context, server, {
    operationName: 'StartServerManagementOperation',
    timedOperation: 'startServer',
    stateDuring: 'Starting',
    stateAfter: 'Ready',
    run: ({ postgres }) => postgres?.start(),
  });
};

/** `POST …/restart`: brings parameters that wait for it into force. Its operation's name is [INF]. */
export const restartServer: ArmHandler = (call, context) => {
  const server = requireServer(call, context);
  requireReady(server);
  return beginPowerOperation(call, context, server, {
    operationName: 'RestartServerManagementOperation',
    timedOperation: 'restartServer',
    stateDuring: 'Restarting',
    stateAfter: 'Ready',
    run: ({ postgres }) => postgres?.restart(),
  });
};
