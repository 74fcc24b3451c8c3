import type { Reply } from '../http/exchange.ts';
import type { ArmCall, ArmContext, ArmHandler } from './call.ts';
import { providerErrors } from './errors.ts';
import { type FlexibleServer, type ServerState, visibleState } from './store.ts';
import { durationOf, retryAfterSeconds, type TimedOperation } from './timing.ts';

interface PowerOperation {
  readonly operation: string;
  readonly timed: TimedOperation;
  readonly during: ServerState;
  readonly after: ServerState;
  readonly act: (server: FlexibleServer) => Promise<void> | undefined;
}

function begin(call: ArmCall, context: ArmContext, server: FlexibleServer, power: PowerOperation): Reply {
  const before = server.state;
  server.state = power.during;
  return context.operations.begin(call, {
    operation: power.operation,
    retryAfter: retryAfterSeconds.power,
    location: server.location.name,
    duration: durationOf(power.timed, context.options.provision),
    work: async (elapse) => {
      try {
        await elapse();
        await power.act(server);
        server.state = power.after;
      } catch (error) {
        server.state = before;
        throw error;
      }
    },
  });
}

function serverOf(call: ArmCall, { store }: ArmContext): FlexibleServer {
  return store.server(call.names.subscription, call.names.group, call.names.server);
}

function checkReady(server: FlexibleServer): void {
  const state = visibleState(server);
  if (state !== 'Ready') throw providerErrors.serverIsNotReady(server.name, state);
}

/** `POST …/stop`: a server that is not Ready refuses (facts.md §3; that it does so on the spot is [INF]). */
export const stopServer: ArmHandler = (call, context) => {
  const server = serverOf(call, context);
  checkReady(server);
  return begin(call, context, server, {
    operation: 'StopServerManagementOperation',
    timed: 'stopServer',
    during: 'Stopping',
    after: 'Stopped',
    act: ({ postgres }) => postgres?.stop(),
  });
};

const busyStates: readonly ServerState[] = [
  'Starting',
  'Stopping',
  'Restarting',
  'Updating',
  'Provisioning',
  'Dropping',
];

/** `POST …/start`: only a Stopped server starts; a busy one says so in its own words (facts.md §3). */
export const startServer: ArmHandler = (call, context) => {
  const server = serverOf(call, context);
  const state = visibleState(server);
  if (busyStates.includes(state)) throw providerErrors.startWhileBusy(server.name);
  if (state !== 'Stopped') throw providerErrors.serverIsNotStopped(server.name, state);
  return begin(call, context, server, {
    operation: 'StartServerManagementOperation',
    timed: 'startServer',
    during: 'Starting',
    after: 'Ready',
    act: ({ postgres }) => postgres?.start(),
  });
};

/** `POST …/restart`: brings parameters that wait for it into force. Its operation's name is [INF]. */
export const restartServer: ArmHandler = (call, context) => {
  const server = serverOf(call, context);
  checkReady(server);
  return begin(call, context, server, {
    operation: 'RestartServerManagementOperation',
    timed: 'restartServer',
    during: 'Restarting',
    after: 'Ready',
    act: ({ postgres }) => postgres?.restart(),
  });
};
