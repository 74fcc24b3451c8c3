import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { asObject, isJsonObject, type JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON, or an empty object for other bodies. */
  readonly json: JsonObject;
}

export interface SendOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** The source address of the connection. */
  readonly localAddress?: string;
}

function parse(text: string): JsonObject {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

// Connections are reused, because a TLS handshake takes longer than a request.
const agents = new WeakMap<Emulator, Agent>();

function keepAliveAgent(emulator: Emulator): Agent {
  const agent = agents.get(emulator) ?? new Agent({ keepAlive: true });
  agents.set(emulator, agent);
  return agent;
}

/** Send a request over verified TLS. With a source address it uses a new connection. */
export function send(
  emulator: Emulator,
  method: string,
  url: string,
  sendOptions: SendOptions = {},
): Promise<HttpResponse> {
  const { body, headers = {}, localAddress } = sendOptions;
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

/** The value at a path of keys, or undefined. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((current, key) => asObject(current)[key], value);
}

/** Ends a wait that would hang, in milliseconds. */
const HANG_TIMEOUT_MS = 120_000;

/** Resolves with the first result that `accept` accepts. */
export async function pollUntilAccepted<T>(get: () => Promise<T>, accept: (value: T) => boolean): Promise<T> {
  const end = performance.now() + HANG_TIMEOUT_MS;
  for (;;) {
    const value = await get();
    if (accept(value)) return value;
    if (performance.now() > end)
      throw new Error(`No result was accepted in two minutes. Last result: ${JSON.stringify(value)}`);
    await delay(20);
  }
}
