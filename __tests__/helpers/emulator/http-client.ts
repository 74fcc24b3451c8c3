import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { asObject, isJsonObject, type JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; an empty object where it is none. */
  readonly json: JsonObject;
}

export interface SendOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** The loopback address to come from. */
  readonly localAddress?: string;
}

function parse(text: string): JsonObject {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

// A handshake costs more than everything else that a request does, so connections to an emulator are kept.
const agents = new WeakMap<Emulator, Agent>();

function keepAliveAgent(emulator: Emulator): Agent {
  const known = agents.get(emulator) ?? new Agent({ keepAlive: true });
  agents.set(emulator, known);
  return known;
}

/** One request over verified TLS; on a connection of its own where it comes from another address. */
export function send(
  emulator: Emulator,
  method: string,
  url: string,
  sending: SendOptions = {},
): Promise<HttpResponse> {
  const { body, headers = {}, localAddress } = sending;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const secure = url.startsWith('https:');
  const request = secure ? httpsRequest : httpRequest;
  const options = {
    method,
    ca: emulator.caCertificate,
    agent: secure && localAddress === undefined ? keepAliveAgent(emulator) : false,
    headers: { ...(isJsonObject(body) ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(localAddress === undefined ? {} : { localAddress: localAddress }),
  } as const;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const received = Buffer.concat(chunks).toString('utf8');
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: received,
          json: parse(received),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

/** The value under a path of keys, undefined where it ends early. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((current, key) => asObject(current)[key], value);
}

/** Ends a wait for what never comes, in milliseconds; it decides nothing else. */
const HANG_TIMEOUT_MS = 120_000;

/** Resolves with the first result that the test accepts, however long that takes on a busy machine. */
export async function pollUntilAccepted<T>(get: () => Promise<T>, accept: (value: T) => boolean): Promise<T> {
  const end = performance.now() + HANG_TIMEOUT_MS;
  for (;;) {
    const value = await get();
    if (accept(value)) return value;
    if (performance.now() > end)
      throw new Error(`Not reached in two minutes; last seen: ${JSON.stringify(value)}`);
    await delay(20);
  }
}
