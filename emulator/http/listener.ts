import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { IssuedCertificate } from '../certificates.ts';
import type { Reply, Request } from './exchange.ts';

/** What a service decides about a request; `drop` breaks the connection instead of answering. */
export type Outcome = { readonly reply: Reply } | { readonly drop: true };

export type Responder = (request: Request) => Promise<Outcome>;

export interface Listener {
  /** `https://127.0.0.1:PORT`, no slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

async function readText(stream: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function toRequest(incoming: http.IncomingMessage, text: string, base: string): Request {
  const path = incoming.url ?? '/';
  return {
    method: incoming.method ?? 'GET',
    path,
    url: new URL(path.startsWith('/') ? `${base}${path}` : path),
    headers: incoming.headers,
    text,
    source: incoming.socket.remoteAddress ?? '127.0.0.1',
    imposedFailure: undefined,
  };
}

function send(outgoing: http.ServerResponse, reply: Reply): void {
  const { status, headers = {}, body } = reply;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'object' ? { 'Content-Type': 'application/json; charset=utf-8' } : {};
  // 204 and 304 must not carry a length, everything else says how long it is.
  const length =
    status === 204 || status === 304 ? {} : { 'Content-Length': String(Buffer.byteLength(text)) };
  outgoing.writeHead(status, { ...length, ...type, ...headers });
  outgoing.end(text);
}

async function answer(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  base: string,
  respond: Responder,
): Promise<void> {
  const outcome = await respond(toRequest(incoming, await readText(incoming), base));
  if ('drop' in outcome) incoming.socket.destroy();
  else send(outgoing, outcome.reply);
}

/**
 * Serve on a port of 127.0.0.1 that the system chooses; over TLS where a certificate is given.
 * A client that goes away mid-request ends its own exchange and nothing else.
 */
export async function listen(respond: Responder, certificate?: IssuedCertificate): Promise<Listener> {
  let base = '';
  const onRequest = (incoming: http.IncomingMessage, outgoing: http.ServerResponse): void => {
    answer(incoming, outgoing, base, respond).catch(() => incoming.socket.destroy());
  };
  const server = certificate
    ? https.createServer({ ...certificate }, onRequest)
    : http.createServer(onRequest);
  // Longer than any test pauses, so that no client reuses a connection in the moment in which it is closed.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  base = `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`;
  return {
    url: base,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
