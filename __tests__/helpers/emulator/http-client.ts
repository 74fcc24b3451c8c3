import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { Emulator } from '../../../emulator/index.ts';
import { isObject, type JsonObject, objectOr } from '../../../emulator/json.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; an empty object where it is none. */
  readonly json: JsonObject;
}

export interface Sending {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** The loopback address to come from. */
  readonly from?: string;
}

function parse(text: string): JsonObject {
  try {
    return objectOr(JSON.parse(text));
  } catch {
    return {};
  }
}

/** One request over verified TLS on a connection of its own. */
export function send(
  emulator: Emulator,
  method: string,
  url: string,
  sending: Sending = {},
): Promise<Answer> {
  const { body, headers = {}, from } = sending;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  const options = {
    method,
    ca: emulator.caCertificate,
    agent: false,
    headers: { ...(isObject(body) ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(from === undefined ? {} : { localAddress: from }),
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
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((current, key) => objectOr(current)[key], value);
}

/** Resolves with the first result that the test accepts; rejects after 10 seconds of trying. */
export async function until<T>(get: () => Promise<T>, accept: (value: T) => boolean): Promise<T> {
  const end = Date.now() + 10_000;
  for (;;) {
    const value = await get();
    if (accept(value)) return value;
    if (Date.now() > end) throw new Error(`Not reached in time; last seen: ${JSON.stringify(value)}`);
    await delay(10);
  }
}
