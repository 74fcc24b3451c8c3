import { isIPv4 } from 'node:net';
import type { ClientAddressMap } from '../core/client-address-map.ts';
import { FaultError, type FaultRegistry } from '../core/faults.ts';
import { type HttpHandler, type HttpRequest, type HttpResponse, parseJsonBody } from '../core/http-types.ts';
import { asObject, asString, type JsonObject } from '../core/json.ts';
import type { RequestRecorder } from '../core/request-recorder.ts';
import type { ExecutedStatement } from '../postgres/types.ts';
import type { ArmStore } from '../services/arm/arm-store.ts';
import { ArmError } from '../services/arm/errors.ts';
import type { GitHubStore } from '../services/github/github-store.ts';
import { ControlError } from './control-error.ts';
import { GitHubStateError } from './patch-repository.ts';
import { patchState, readState } from './state.ts';

/** What the control calls look into and change. */
export interface ControlContext {
  readonly store: ArmStore;
  readonly recorder: RequestRecorder;
  readonly faults: FaultRegistry;
  readonly clientAddresses: ClientAddressMap;
  readonly gitHub: GitHubStore;
}

/** Where the control calls live on their listener. */
export const CONTROL_PATH = '/_emulator';

const OK_RESPONSE: HttpResponse = { status: 200, body: {} };

type ControlCall = (
  body: JsonObject,
  context: ControlContext,
  about: CallParams,
) => HttpResponse | Promise<HttpResponse>;

/** What the address of a call says beside its name. */
interface CallParams {
  /** Of a fault. */
  readonly id: number;
  /** Of a server, by the query. */
  readonly server: string | undefined;
}

async function collectStatements({ store }: ControlContext): Promise<ExecutedStatement[]> {
  const lists = await Promise.all(store.allServers.map(({ postgres }) => postgres?.listStatements() ?? []));
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

/** A session of the service itself inside a database; it stays until DELETE, or until its server stops. */
const openSession: ControlCall = async ({ server, database }, { store }) => {
  const name = asString(server) ?? '';
  const postgres = store.findServerByName(name)?.postgres;
  if (!postgres) throw new ControlError(`There is no server '${name}'.`);
  try {
    await postgres.openServiceSession(asString(database) ?? 'postgres');
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
    await Promise.all(store.allServers.map(({ postgres }) => postgres?.clearStatements()));
    return OK_RESPONSE;
  },
  'POST faults': (body, { faults }) => ({ status: 200, body: { id: faults.add(body) } }),
  // Answered when the fault has struck, so that nobody need ask again and again.
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
    if (await patchState(context, body)) return OK_RESPONSE;
    throw new ControlError(`There is no server '${asString(body['server']) ?? ''}'.`);
  },
  'PUT client': setClient,
  'POST sessions': openSession,
  'DELETE sessions': async (_body, { store }) => {
    await Promise.all(store.allServers.map(({ postgres }) => postgres?.endServiceSessions()));
    return OK_RESPONSE;
  },
};

async function dispatch(request: HttpRequest, context: ControlContext): Promise<HttpResponse> {
  const { pathname, searchParams } = request.url;
  const callName = pathname.startsWith(`${CONTROL_PATH}/`) ? pathname.slice(CONTROL_PATH.length + 1) : '';
  const id = /\/(\d+)$/.exec(callName)?.[1];
  const call = CONTROL_CALLS[`${request.method} ${callName.replace(/\/\d+$/, '/ID').replace(/\/$/, '')}`];
  if (!call)
    return { status: 404, body: { error: `There is no control call ${request.method} ${pathname}.` } };
  const params = { id: Number(id), server: searchParams.get('server') ?? undefined };
  return call(asObject(parseJsonBody(request)), context, params);
}

/** The emulator's own calls, for tests (contract.md). They are not recorded, and faults do not strike them. */
export function controlHandler(context: ControlContext): HttpHandler {
  return async (request) => {
    try {
      return await dispatch(request, context);
    } catch (error) {
      const known = [ControlError, FaultError, GitHubStateError, ArmError, SyntaxError].some(
        (kind) => error instanceof kind,
      );
      return { status: known ? 400 : 500, body: { error: String(error) } };
    }
  };
}
