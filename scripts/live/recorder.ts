import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { resolveEndpoints } from '../../src/azure/clouds.ts';
import { type Exchange, sanitizeExchange } from './sanitize-exchange.ts';

/*
 * Preload for a Node.js process (`--import`): appends the process's requests to ARM and Entra and their responses, sanitized,
 * as JSON lines to the file in LIVE_RECORDING. It observes `node:https`, which the Azure SDK uses, and changes nothing for
 * the code that sends the requests. `fetch`, with which the action calls GitHub, is not recorded.
 */

/** Names to replace, as JSON: see `SensitiveValues.names`. */
const names: Readonly<Record<string, string>> = JSON.parse(process.env['LIVE_RECORDING_NAMES'] ?? '{}');

// Read now, because the action removes some of these variables. The inputs are those of the step.
const secrets = Object.entries(process.env)
  .filter(([name]) => /^(INPUT_|ACTIONS_ID_TOKEN_|AZURE_).*(PASSWORD|SECRET|TOKEN$|KEY)/.test(name))
  .map(([, value = '']) => value);

const { resourceManager, authorityHost } = resolveEndpoints('AzureCloud', process.env);

const serviceOf = (url: string): Exchange['service'] | undefined => {
  const { origin } = new URL(url);
  if (origin === new URL(resourceManager).origin) return 'arm';
  return origin === new URL(authorityHost).origin ? 'entra' : undefined;
};

interface OpenExchange {
  readonly service: Exchange['service'];
  readonly url: string;
  readonly sentAt: number;
  readonly at: string;
  readonly sent: Buffer[];
}

const openExchanges = new WeakMap<ClientRequest, OpenExchange>();

type Chunk = string | Uint8Array;
const toBuffer = (chunk: Chunk): Buffer =>
  typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk);

/** Calls `onChunk` with the first argument of each call of a method of an object, if it is text or bytes. */
function observeChunks(target: object, method: string, onChunk: (chunk: Chunk | null) => void): void {
  const original: (...args: unknown[]) => unknown = Reflect.get(target, method);
  Reflect.set(target, method, (...args: unknown[]): unknown => {
    const [chunk] = args;
    if (typeof chunk === 'string' || chunk instanceof Uint8Array || chunk === null) onChunk(chunk);
    return original.apply(target, args);
  });
}

function decode(bytes: Buffer, encoding: string | undefined): string {
  const decompress = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync }[encoding ?? ''];
  return (decompress === undefined ? bytes : decompress(bytes)).toString('utf8');
}

function write(
  request: ClientRequest,
  response: IncomingMessage | undefined,
  received: readonly Buffer[],
): void {
  const exchange = openExchanges.get(request);
  const path = process.env['LIVE_RECORDING'];
  if (exchange === undefined || path === undefined) return;
  openExchanges.delete(request);
  const { service, url, at, sentAt, sent } = exchange;
  const bearer = String(request.getHeader('authorization') ?? '').replace(/^Bearer /, '');
  try {
    const line = sanitizeExchange(
      {
        service,
        at,
        durationMs: performance.now() - sentAt,
        method: request.method,
        url,
        requestBody: Buffer.concat(sent).toString('utf8'),
        status: response?.statusCode,
        headers: response?.headers ?? {},
        responseBody: decode(Buffer.concat(received), response?.headers['content-encoding']),
      },
      { names, secrets: [...secrets, bearer] },
    );
    appendFileSync(path, `${line}\n`);
  } catch {
    // An error of the recording must not become an error of the action.
    appendFileSync(path, `${JSON.stringify({ service, at, omitted: 'it could not be recorded' })}\n`);
  }
}

subscribe('http.client.request.created', (message) => {
  const { request } = message as { readonly request: ClientRequest };
  const url = `${request.protocol}//${request.getHeader('host') ?? request.host}${request.path}`;
  const service = URL.canParse(url) ? serviceOf(url) : undefined;
  if (service === undefined) return;
  const sent: Buffer[] = [];
  openExchanges.set(request, { service, url, sentAt: performance.now(), at: new Date().toISOString(), sent });
  const keep = (chunk: Chunk | null): void => void (chunk !== null && sent.push(toBuffer(chunk)));
  observeChunks(request, 'write', keep);
  observeChunks(request, 'end', keep);
});

// Before the code that sent the request gets the response. Its `push` is observed, because a listener for its data would
// start the flow too early for that code.
subscribe('http.client.response.finish', (message) => {
  const { request, response } = message as {
    readonly request: ClientRequest;
    readonly response: IncomingMessage;
  };
  if (!openExchanges.has(request)) return;
  const received: Buffer[] = [];
  observeChunks(response, 'push', (chunk) => {
    if (chunk === null) write(request, response, received);
    else received.push(toBuffer(chunk));
  });
});

subscribe('http.client.request.error', (message) => {
  const { request } = message as { readonly request: ClientRequest };
  write(request, undefined, []);
});
