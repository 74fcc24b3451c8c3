import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, vi } from 'vitest';
import { login } from '../../../src/postgres/login.ts';
import { loginTarget } from '../../helpers/unit/fake-firewall.ts';
import {
  type PartialPostgres,
  startPartialPostgres,
  type TlsBehavior,
} from '../../helpers/unit/partial-postgres.ts';
import { test as base } from '../../helpers/unit/test.ts';

const test = base.extend('serve', async ({ onTestFinished }) => {
  // No attempt times out on a slow machine, unless the test advances the time.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  /** Starts a server with this behavior. */
  return async (behavior: TlsBehavior): Promise<PartialPostgres> => {
    const server = await startPartialPostgres(behavior);
    onTestFinished(server.close);
    return server;
  };
});

const neverAborted = new AbortController().signal;

/** The failure of a login to a server. */
async function loginFailureAt(
  { port }: PartialPostgres,
  { host = 'localhost', timeout = 3000, signal = neverAborted } = {},
) {
  const result = await login({ ...loginTarget, host, port }, timeout, signal).result;
  return 'failure' in result ? result.failure : undefined;
}

test('a connection without an answer counts as blocked, after the given timeout', async ({ serve }) => {
  const server = await serve('swallow');
  let hasEnded = false;
  const failure = loginFailureAt(server, { timeout: 400 }).finally(() => {
    hasEnded = true;
  });
  await server.clientConnected;
  await vi.advanceTimersByTimeAsync(399);
  expect(hasEnded).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await failure).toMatchObject({ kind: 'blocked', reason: 'the connection timed out' });
});

test.for<TlsBehavior>(['swallow', 'TLS'])(
  'an attempt that is ended closes its connection at once, without its timeout: %s',
  async (behavior, { serve }) => {
    const server = await serve(behavior);
    const attempt = login({ ...loginTarget, host: 'localhost', port: server.port }, 3000, neverAborted);
    await (behavior === 'TLS' ? attempt.responded : server.clientConnected);
    attempt.end();
    await server.clientDisconnected;
    expect(await attempt.result).toHaveProperty('failure');
    expect(server.received).toEqual([]);
  },
);

test('an attempt shows whether the server has responded, which a firewall does not', async ({ serve }) => {
  const states: string[] = [];
  for (const behavior of ['swallow', 'TLS'] as const) {
    const server = await serve(behavior);
    const attempt = login({ ...loginTarget, host: 'localhost', port: server.port }, 3000, neverAborted);
    void attempt.responded.then(() => states.push(behavior));
    await server.clientConnected;
    expect(attempt.serverResponded()).toBe(false);
    await (behavior === 'TLS' ? attempt.responded : vi.advanceTimersByTimeAsync(3000));
    await attempt.result;
    expect(attempt.serverResponded()).toBe(behavior === 'TLS');
  }
  expect(states).toEqual(['TLS']);
});

test('a certificate of an unknown authority is refused, and no credentials are sent', async ({ serve }) => {
  const server = await serve('TLS');
  expect(await loginFailureAt(server)).toMatchObject({
    kind: 'refused',
    reason: expect.stringMatching(/TLS connection could not be verified/),
  });
  expect(Buffer.concat(server.received).toString('latin1')).not.toContain(loginTarget.user);
});

test('a certificate of a known authority for another name is refused, and no credentials are sent', async ({
  serve,
  onTestFinished,
}) => {
  const server = await serve('TLS');
  const authorities = getCACertificates('default');
  onTestFinished(() => setDefaultCACertificates(authorities));
  setDefaultCACertificates([...authorities, server.certificate ?? '']);
  // Under its own name the server is trusted and receives the user's name, so only the other name is refused.
  const trusted = loginFailureAt(server, { host: 'localhost' });
  await server.dataReceived;
  await vi.advanceTimersByTimeAsync(3000);
  // The server has sent something, so it is slow. Only silence counts as blocked and can lead to a firewall rule.
  expect(await trusted).toMatchObject({ kind: 'transient', reason: expect.stringContaining('answered') });
  const receivedLength = Buffer.concat(server.received).length;
  expect(receivedLength).toBeGreaterThan(0);
  expect(await loginFailureAt(server, { host: '127.0.0.1' })).toMatchObject({ kind: 'refused' });
  expect(Buffer.concat(server.received)).toHaveLength(receivedLength);
});

test('a server without TLS is refused, and nothing is sent in clear text', async ({ serve }) => {
  const server = await serve('no TLS');
  expect((await loginFailureAt(server))?.kind).toBe('refused');
  expect(server.received).toHaveLength(0);
});

test('a broken connection and a refused connection are transient', async ({ serve }) => {
  const server = await serve('hang up');
  expect((await loginFailureAt(server))?.kind).toBe('transient');
  server.close();
  expect(await loginFailureAt(server, { host: '127.0.0.1' })).toMatchObject({
    kind: 'transient',
    reason: expect.stringContaining('ECONNREFUSED'),
  });
});

test('the end of the run ends an attempt immediately', async ({ serve }) => {
  const server = await serve('swallow');
  const controller = new AbortController();
  const failure = loginFailureAt(server, { timeout: 30_000, signal: controller.signal });
  await server.clientConnected;
  controller.abort(new Error('the run is over'));
  // The fake time does not advance, so only the signal can end the attempt.
  expect((await failure)?.reason).toBe('the run is over');
});
