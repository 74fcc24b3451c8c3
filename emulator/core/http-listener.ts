import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { IssuedCertificate } from './certificates.ts';
import type { HttpRequest, HttpResponse } from './http-types.ts';

/** The result of a request. `drop` closes the connection without an answer. */
export type HandlerOutcome = { readonly reply: HttpResponse } | { readonly drop: true };

export type HttpResponder = (request: HttpRequest) => Promise<HandlerOutcome>;

export interface HttpListener {
  /** `https://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

async function readBody(stream: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function toRequest(incoming: http.IncomingMessage, bodyText: string, baseUrl: string): HttpRequest {
  const path = incoming.url ?? '/';
  return {
    method: incoming.method ?? 'GET',
    path,
    url: new URL(path.startsWith('/') ? `${baseUrl}${path}` : path),
    headers: incoming.headers,
    bodyText,
    sourceAddress: incoming.socket.remoteAddress ?? '127.0.0.1',
    injectedFailure: undefined,
  };
}

function sendResponse(outgoing: http.ServerResponse, reply: HttpResponse): void {
  const { status, headers = {}, body } = reply;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'object' ? { 'Content-Type': 'application/json; charset=utf-8' } : {};
  // 204 and 304 must not have a Content-Length.
  const length =
    status === 204 || status === 304 ? {} : { 'Content-Length': String(Buffer.byteLength(text)) };
  outgoing.writeHead(status, { ...length, ...type, ...headers });
  outgoing.end(text);
}

async function handleRequest(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  baseUrl: string,
  respond: HttpResponder,
): Promise<void> {
  const outcome = await respond(toRequest(incoming, await readBody(incoming), baseUrl));
  if ('drop' in outcome) incoming.socket.destroy();
  else sendResponse(outgoing, outcome.reply);
}

/**
 * Listen on a free port of 127.0.0.1, with TLS if there is a certificate. A client that disconnects during a request does
 * not affect other requests.
 */
export async function startListener(
  respond: HttpResponder,
  certificate?: IssuedCertificate,
): Promise<HttpListener> {
  let baseUrl = '';
  const onRequest = (incoming: http.IncomingMessage, outgoing: http.ServerResponse): void => {
    handleRequest(incoming, outgoing, baseUrl, respond).catch(() => incoming.socket.destroy());
  };
  const server = certificate
    ? https.createServer({ ...certificate }, onRequest)
    : http.createServer(onRequest);
  // Longer than tests wait between requests: a client must not reuse a connection while it is being closed.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  baseUrl = `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`;
  return {
    url: baseUrl,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
