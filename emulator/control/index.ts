import { isIPv4 } from 'node:net';
import { ArmError } from '../arm/errors.ts';
import type { Store } from '../arm/store.ts';
import type { Clients } from '../clients.ts';
import { GitHubStateError } from '../github/state.ts';
import type { GitHub } from '../github/store.ts';
import { type Handler, jsonBody, type Reply, type Request } from '../http/exchange.ts';
import { FaultError, type Faults } from '../http/faults.ts';
import type { Recorder } from '../http/recorder.ts';
import { type JsonObject, objectOr, stringOr } from '../json.ts';
import type { ExecutedStatement } from '../postgres/types.ts';
import { ControlError } from './error.ts';
import { patchState, readState } from './state.ts';

/** What the control calls look into and change. */
export interface ControlContext {
  readonly store: Store;
  readonly recorder: Recorder;
  readonly faults: Faults;
  readonly clients: Clients;
  readonly gitHub: GitHub;
}

/** Where the control calls live on their listener. */
export const controlPath = '/_emulator';

const done: Reply = { status: 200, body: {} };

type Call = (body: JsonObject, context: ControlContext, about: About) => Reply | Promise<Reply>;

/** What the address of a call says beside its name. */
interface About {
  /** Of a fault. */
  readonly id: number;
  /** Of a server, by the query. */
  readonly server: string | undefined;
}

async function statements({ store }: ControlContext): Promise<ExecutedStatement[]> {
  const lists = await Promise.all(store.servers.map(({ postgres }) => postgres?.statements() ?? []));
  return [...store.pastStatements, ...lists.flat()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

function addressOf(value: unknown, field: string): string {
  const text = stringOr(value) ?? '';
  if (isIPv4(text)) return text;
  throw new ControlError(`'${field}' must be an IPv4 address.`);
}

const setClient: Call = (body, { clients }) => {
  const { ip, from, echo } = body;
  if (ip !== undefined)
    clients.set(addressOf(ip, 'ip'), from === undefined ? undefined : addressOf(from, 'from'));
  clients.imposeEchoes(Array.isArray(echo) ? echo.map((entry) => addressOf(entry, 'echo')) : []);
  return done;
};

/** A session of the service itself inside a database; it stays until DELETE, or until its server stops. */
const openSession: Call = async ({ server, database }, { store }) => {
  const name = stringOr(server) ?? '';
  const postgres = store.serverNamed(name)?.postgres;
  if (!postgres) throw new ControlError(`There is no server '${name}'.`);
  try {
    await postgres.openServiceSession(stringOr(database) ?? 'postgres');
  } catch (error) {
    throw new ControlError(error instanceof Error ? error.message : String(error));
  }
  return done;
};

const calls: Readonly<Record<string, Call>> = {
  'GET requests': (_body, { recorder }) => ({ status: 200, body: recorder.requests }),
  'DELETE requests': (_body, { recorder }) => {
    recorder.forget();
    return done;
  },
  'GET statements': async (_body, context) => ({ status: 200, body: await statements(context) }),
  'DELETE statements': async (_body, { store }) => {
    store.pastStatements.length = 0;
    await Promise.all(store.servers.map(({ postgres }) => postgres?.forgetStatements()));
    return done;
  },
  'POST faults': (body, { faults }) => ({ status: 200, body: { id: faults.add(body) } }),
  // Answered when the fault has struck, so that nobody need ask again and again.
  'GET faults/ID': async (_body, { faults }, { id }) => {
    await faults.struck(id);
    return done;
  },
  'DELETE faults/ID': (_body, { faults }, { id }) => {
    faults.remove(id);
    return done;
  },
  'DELETE faults': (_body, { faults }) => {
    faults.remove();
    return done;
  },
  'GET state': async (_body, context, { server }) => ({
    status: 200,
    body: await readState(context, server),
  }),
  'PATCH state': async (body, context) => {
    if (await patchState(context, body)) return done;
    throw new ControlError(`There is no server '${stringOr(body['server']) ?? ''}'.`);
  },
  'PUT client': setClient,
  'POST sessions': openSession,
  'DELETE sessions': async (_body, { store }) => {
    await Promise.all(store.servers.map(({ postgres }) => postgres?.endServiceSessions()));
    return done;
  },
};

async function answer(request: Request, context: ControlContext): Promise<Reply> {
  const { pathname, searchParams } = request.url;
  const name = pathname.startsWith(`${controlPath}/`) ? pathname.slice(controlPath.length + 1) : '';
  const id = /\/(\d+)$/.exec(name)?.[1];
  const call = calls[`${request.method} ${name.replace(/\/\d+$/, '/ID').replace(/\/$/, '')}`];
  if (!call)
    return { status: 404, body: { error: `There is no control call ${request.method} ${pathname}.` } };
  const about = { id: Number(id), server: searchParams.get('server') ?? undefined };
  return call(objectOr(jsonBody(request)), context, about);
}

/** The emulator's own calls, for tests (contract.md). They are not recorded, and faults do not strike them. */
export function controlHandler(context: ControlContext): Handler {
  return async (request) => {
    try {
      return await answer(request, context);
    } catch (error) {
      const known = [ControlError, FaultError, GitHubStateError, ArmError, SyntaxError].some(
        (kind) => error instanceof kind,
      );
      return { status: known ? 400 : 500, body: { error: String(error) } };
    }
  };
}
