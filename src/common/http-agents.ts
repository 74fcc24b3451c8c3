import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { findProxy } from './proxy.ts';

/** Milliseconds after which a connection that no request has used is closed, because networks forget idle connections. */
const UNUSED_LIMIT_MS = 30_000;

/** An agent whose connections can be opened before the requests that use them. */
class PreconnectingAgent extends Agent {
  /** Connections that no request uses yet, by host and port. */
  readonly #unused = new Map<string, Set<Duplex>>();

  /** Opens a connection for the next request to this host that needs a new one. */
  preconnect({ hostname, port: ownPort }: URL): void {
    const [host, port] = [hostname, Number(ownPort || 443)];
    const key = `${host}:${port}`;
    const sockets = this.#unused.get(key) ?? new Set();
    this.#unused.set(key, sockets);
    const options = { ...this.options, host, port, servername: isIP(host) === 0 ? host : '' };
    // A request that finds no connection opens its own, and reports why it cannot.
    const socket = super.createConnection(options)?.on('error', () => {});
    if (!socket) return;
    sockets.add(socket);
    setTimeout(() => {
      if (sockets.delete(socket)) socket.destroy();
    }, UNUSED_LIMIT_MS).unref();
  }

  override createConnection(
    ...[options, callback]: Parameters<Agent['createConnection']>
  ): Duplex | null | undefined {
    const sockets = this.#unused.get(`${options.host}:${options.port}`) ?? new Set();
    for (const socket of sockets) {
      sockets.delete(socket);
      if (!socket.destroyed) return socket;
    }
    return super.createConnection(options, callback);
  }
}

/** Shared by all requests except those of Octokit, so that those to one host use the same connections. */
const directAgents = {
  'http:': new HttpAgent({ keepAlive: true }),
  'https:': new PreconnectingAgent({ keepAlive: true }),
};
const proxyAgents = new Map<string, HttpAgent>();

/** The agent for a request, with the proxy of {@link findProxy}. */
export async function selectAgent(url: string): Promise<HttpAgent> {
  const proxy = findProxy(url, process.env);
  if (proxy === undefined) return directAgents[url.startsWith('https:') ? 'https:' : 'http:'];
  const { href } = proxy.url;
  const { TunnelAgent } = await import('./tunnel-agent.ts');
  const agent = proxyAgents.get(href) ?? new TunnelAgent(href);
  proxyAgents.set(href, agent);
  return agent;
}

/**
 * Opens connections to the host of a URL, so that the TLS handshake is over when the first requests are sent. Without an
 * effect if requests to it use a proxy.
 */
export function preconnect(url: string, count = 1): void {
  if (!url.startsWith('https:') || findProxy(url, process.env) !== undefined) return;
  for (let opened = 0; opened < count; opened += 1) directAgents['https:'].preconnect(new URL(url));
}
