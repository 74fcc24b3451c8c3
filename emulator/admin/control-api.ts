import { isIPv4 } from 'node:net';
import type { ClientAddressMap } from '../core/client-address-map.ts';
import { FaultError, type FaultRegistry } from '../core/faults.ts';
import { type HttpHandler, type HttpRequest, type HttpResponse, parseJsonBody } from '../core/http-types.ts';
import { asObject, asString, type JsonObject } from '../core/json.ts';
import type { RequestRecorder } from '../core/request-recorder.ts';
import type { ExecutedStatement } from '../postgres/types.ts';
import { ArmError } from '../services/arm/arm-errors.ts';
import type { ArmStore } from '../services/arm/arm-store.ts';
import type { FederatedCredentials } from '../services/entra/federated-credentials.ts';
import type { GitHubStore } from '../services/github/github-store.ts';
import { patchState, readState } from './control-state.ts';
import { ControlError } from './errors.ts';

/** What the control calls read and change. */
export interface ControlContext {
  readonly store: ArmStore;
  readonly recorder: RequestRecorder;
  readonly faults: FaultRegistry;
  readonly clientAddresses: ClientAddressMap;
  readonly gitHub: GitHubStore;
  readonly federatedCredentials: FederatedCredentials;
}

/** Path of the control API on its listener. */
export const CONTROL_PATH = '/_emulator';

const OK_RESPONSE: HttpResponse = { status: 200, body: {} };

type ControlCall = (
  body: JsonObject,
  context: ControlContext,
  params: CallParams,
) => HttpResponse | Promise<HttpResponse>;

interface CallParams {
  /** Id of a fault, from the path. */
  readonly id: number;
  /** Name of a server, from the query. */
  readonly server: string | undefined;
}

async function collectStatements({ store }: ControlContext): Promise<ExecutedStatement[]> {
  const lists = await Promise.all(store.allServers.map(({ postgres }) => postgres?.statements.list() ?? []));
  return [...store.deletedServerStatements, ...lists.flat()].sort((a, b) =>
    a.at < b.at ? -1 : a.at > b.at ? 1 : 0,
  );
}

function parseIpv4(value: unknown, field: string): string {
  const text = asString(value) ?? '';
  if (isIPv4(text)) return text;
  throw new ControlError(`'${field}' must be an IPv4 address.`);
}

const setClient: ControlCall = (body, { clientAddresses }) => {
  const { ip, from, echo } = body;
  if (ip !== undefined)
    clientAddresses.setPublicAddress(
      parseIpv4(ip, 'ip'),
      from === undefined ? undefined : parseIpv4(from, 'from'),
    );
  clientAddresses.setEchoAnswers(Array.isArray(echo) ? echo.map((entry) => parseIpv4(entry, 'echo')) : []);
  return OK_RESPONSE;
};

/** Open a session of the service in a database. It stays until `DELETE sessions`, or until the server stops. */
const openSession: ControlCall = async ({ server, database }, { store }) => {
  const name = asString(server) ?? '';
  const postgres = store.findServerByName(name)?.postgres;
  if (!postgres) throw new ControlError(`Server '${name}' does not exist, or is still being created.`);
  try {
    await postgres.serviceSessions.open(asString(database) ?? 'postgres');
  } catch (error) {
    throw new ControlError(error instanceof Error ? error.message : String(error));
  }
  return OK_RESPONSE;
};

const CONTROL_CALLS: Readonly<Record<string, ControlCall>> = {
  'GET requests': (_body, { recorder }) => ({ status: 200, body: recorder.requests }),
  'DELETE requests': (_body, { recorder }) => {
    recorder.clear();
    return OK_RESPONSE;
  },
  'GET statements': async (_body, context) => ({ status: 200, body: await collectStatements(context) }),
  'DELETE statements': async (_body, { store }) => {
    store.deletedServerStatements.length = 0;
    await Promise.all(store.allServers.map(({ postgres }) => postgres?.statements.clear()));
    return OK_RESPONSE;
  },
  'POST faults': (body, { faults }) => ({ status: 200, body: { id: faults.add(body) } }),
  // Answers only when the fault has been triggered, so that callers do not poll.
  'GET faults/ID': async (_body, { faults }, { id }) => {
    await faults.waitUntilTriggered(id);
    return OK_RESPONSE;
  },
  'DELETE faults/ID': (_body, { faults }, { id }) => {
    faults.remove(id);
    return OK_RESPONSE;
  },
  'DELETE faults': (_body, { faults }) => {
    faults.remove();
    return OK_RESPONSE;
  },
  'GET state': async (_body, context, { server }) => ({
    status: 200,
    body: await readState(context, server),
  }),
  'PATCH state': async (body, context) => {
    await patchState(context, body);
    return OK_RESPONSE;
  },
  'PUT client': setClient,
  'POST sessions': openSession,
  'DELETE sessions': async (_body, { store }) => {
    await Promise.all(store.allServers.map(({ postgres }) => postgres?.serviceSessions.endAll()));
    return OK_RESPONSE;
  },
};

async function dispatch(request: HttpRequest, context: ControlContext): Promise<HttpResponse> {
  const { pathname, searchParams } = request.url;
  const callName = pathname.startsWith(`${CONTROL_PATH}/`) ? pathname.slice(CONTROL_PATH.length + 1) : '';
  const id = /\/(\d+)$/.exec(callName)?.[1];
  const call = CONTROL_CALLS[`${request.method} ${callName.replace(/\/\d+$/, '/ID').replace(/\/$/, '')}`];
  if (!call) return { status: 404, body: { error: `Unknown control call: ${request.method} ${pathname}.` } };
  const params = { id: Number(id), server: searchParams.get('server') ?? undefined };
  return call(asObject(parseJsonBody(request)), context, params);
}

/** The control API of the emulator, see emulator/README.md. Its calls are not recorded, and faults do not apply to them. */
export function controlHandler(context: ControlContext): HttpHandler {
  return async (request) => {
    try {
      return await dispatch(request, context);
    } catch (error) {
      const isCallerError = [ControlError, FaultError, ArmError, SyntaxError].some(
        (errorClass) => error instanceof errorClass,
      );
      return { status: isCallerError ? 400 : 500, body: { error: String(error) } };
    }
  };
}
