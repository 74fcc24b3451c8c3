import { once } from 'node:events';
import { Agent, createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, vi } from 'vitest';
import { getText } from '../../../src/common/get-text.ts';
import { preconnect } from '../../../src/common/http-agents.ts';
import { createSelfSignedCertificate } from '../../helpers/unit/partial-postgres.ts';
import { test as base } from '../../helpers/unit/test.ts';

/** Milliseconds for connections on this machine, however busy it is. */
const CONNECT_TIMEOUT_MS = 60_000;

interface TestServer {
  readonly url: string;
  /** All connections whose TLS handshake is over. */
  readonly connections: Socket[];
  readonly server: Server;
}

const test = base.extend('https', async ({ onTestFinished }): Promise<TestServer> => {
  const authorities = getCACertificates('default');
  onTestFinished(() => setDefaultCACertificates(authorities));
  const { certificate, key } = await createSelfSignedCertificate();
  setDefaultCACertificates([...authorities, certificate]);
  const connections: Socket[] = [];
  const server = createServer({ cert: certificate, key }, (_, response) => response.end('answer'));
  server.on('secureConnection', (socket: Socket) => connections.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    for (const socket of connections) socket.destroy();
  });
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/`, connections, server };
});

const get = async (url: string): Promise<string> =>
  (await getText(url, { signal: new AbortController().signal, maxBytes: 100 })).text;

test('requests at the same moment use the connections that were opened before', async ({ https }) => {
  preconnect(https.url, 2);
  await vi.waitUntil(() => https.connections.length === 2, { timeout: CONNECT_TIMEOUT_MS });
  expect(await Promise.all([get(https.url), get(https.url)])).toEqual(['answer', 'answer']);
  expect(https.connections).toHaveLength(2);
});

test('a connection that the server has closed meanwhile is not used', async ({ https }) => {
  preconnect(https.url);
  await once(https.server, 'secureConnection');
  const [opened = expect.unreachable()] = https.connections;
  opened.end();
  await once(opened, 'close');
  expect(await get(https.url)).toBe('answer');
  expect(https.connections).toHaveLength(2);
});

test('a host that cannot be reached is reported by the request, with its cause', async () => {
  preconnect('https://localhost:1/');
  await expect(get('https://localhost:1/')).rejects.toThrow('ECONNREFUSED');
});

test('nothing is opened past a proxy', async ({ https, onTestFinished }) => {
  vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
  onTestFinished(() => void vi.unstubAllEnvs());
  const connect = vi.spyOn(Agent.prototype, 'createConnection');
  onTestFinished(() => connect.mockRestore());
  preconnect(https.url);
  expect(connect).not.toHaveBeenCalled();
});

test('a connection that no request uses is closed after 30 seconds', async ({ https, onTestFinished }) => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  preconnect(https.url);
  await once(https.server, 'secureConnection');
  const [opened = expect.unreachable()] = https.connections;
  const closed = once(opened, 'close');
  vi.advanceTimersByTime(30_000);
  await closed;
});
