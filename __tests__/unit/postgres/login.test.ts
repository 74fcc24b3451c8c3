import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { login } from '../../../src/postgres/login.ts';
import { target } from '../../helpers/unit/firewall.ts';
import { halfPostgres, type Manner } from '../../helpers/unit/partial-postgres.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

const never = new AbortController().signal;

/** What a login at a listener of this manner comes to. */
async function failureAt(manner: Manner, timeout = 3000, signal = never) {
  const server = await halfPostgres(manner);
  open.push(server);
  const { result: attempt } = login({ ...target, host: 'localhost', port: server.port }, timeout, signal);
  const result = await attempt;
  return {
    failure: 'failure' in result ? result.failure : undefined,
    received: Buffer.concat(server.received),
  };
}

test('facts.md §5: a swallowed connection counts as blocked, after the given time', async () => {
  const start = performance.now();
  expect((await failureAt('swallow', 400)).failure).toMatchObject({
    kind: 'blocked',
    reason: 'the connection timed out',
  });
  expect(performance.now() - start).toBeLessThan(2500);
});

test('design.md, TLS: a certificate of an unknown authority is refused, and no password is sent', async () => {
  const { failure, received } = await failureAt('TLS');
  expect(failure).toMatchObject({
    kind: 'refused',
    reason: expect.stringMatching(/TLS connection could not be verified/),
  });
  expect(received.toString('latin1')).not.toContain(target.user);
});

test('design.md, TLS: a certificate of a known authority for another name is refused, and no password is sent', async () => {
  const server = await halfPostgres('TLS');
  open.push(server);
  const authorities = getCACertificates('default');
  setDefaultCACertificates([...authorities, server.certificate ?? '']);
  try {
    const attempt = (host: string) => login({ ...target, host, port: server.port }, 400, never).result;
    // Under its own name the server is trusted, and hears who wants in: so it is the name that is refused.
    expect(await attempt('localhost')).toMatchObject({ failure: { kind: 'blocked' } });
    const heard = Buffer.concat(server.received).length;
    expect(heard).toBeGreaterThan(0);
    expect(await attempt('127.0.0.1')).toMatchObject({ failure: { kind: 'refused' } });
    expect(Buffer.concat(server.received)).toHaveLength(heard);
  } finally {
    setDefaultCACertificates(authorities);
  }
});

test('design.md, TLS: a server without TLS is refused, and nothing is sent in the clear', async () => {
  const { failure, received } = await failureAt('no TLS');
  expect(failure?.kind).toBe('refused');
  expect(received).toHaveLength(0);
});

test('a connection that breaks may pass, and so may one that nobody takes', async () => {
  expect((await failureAt('hang up')).failure?.kind).toBe('passing');
  const { port, close } = await halfPostgres('hang up');
  close();
  const result = await login({ ...target, host: '127.0.0.1', port }, 3000, never).result;
  expect(result).toMatchObject({
    failure: { kind: 'passing', reason: expect.stringContaining('ECONNREFUSED') },
  });
});

test("the run's end ends an attempt at once", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('the run is over')), 100);
  const start = performance.now();
  expect((await failureAt('swallow', 30_000, controller.signal)).failure?.reason).toBe('the run is over');
  expect(performance.now() - start).toBeLessThan(2000);
});
