import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { EarlyConnection } from '../../../src/connect/early-connection.ts';
import { loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { startPartialPostgres } from '../../helpers/unit/partial-postgres.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { createTestRun } from '../../helpers/unit/test-run.ts';

/** A server and an echo service that never answer. */
const test = base.extend('silent', async ({ onTestFinished }) => {
  const postgres = await startPartialPostgres('swallow');
  onTestFinished(postgres.close);
  const echoConnected = Promise.withResolvers<void>();
  const echoDisconnected = Promise.withResolvers<void>();
  const echo = createServer(({ socket }) => {
    echoConnected.resolve();
    socket.once('close', () => echoDisconnected.resolve());
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  onTestFinished(() => {
    echo.close();
    echo.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(echo.address() as AddressInfo).port}/`;
  const administrator = { ...loginTarget, host: 'localhost', port: postgres.port };
  return {
    administrator,
    ipEchoUrls: [url, url],
    connected: Promise.all([postgres.clientConnected, echoConnected.promise]),
    disconnected: Promise.all([postgres.clientDisconnected, echoDisconnected.promise]),
  };
});

test('what was started ends if it may be out of date, and nothing of it is used', async ({ silent }) => {
  const { administrator, ipEchoUrls } = silent;
  const options = { run: createTestRun(), administrator, ipEchoUrls, runnerIp: undefined };
  const early = new EarlyConnection({ ...options, isCurrent: () => false });
  await silent.connected;
  expect(early.resume(administrator)).toBeUndefined();
  await silent.disconnected;
});

test('what was started ends with a run that has not used it, and logs nothing', async ({ silent }) => {
  const { administrator, ipEchoUrls } = silent;
  const run = createTestRun();
  const options = { run, administrator, ipEchoUrls, runnerIp: undefined };
  const early = new EarlyConnection({ ...options, isCurrent: () => true });
  await silent.connected;
  early.discard();
  await silent.disconnected;
  expect(early.resume(administrator)).toBeUndefined();
  expect(run.logLines).toEqual([]);
});

test('the address is runner-ip if that is set, and no echo service is asked', async ({ silent }) => {
  const { administrator, ipEchoUrls } = silent;
  const run = createTestRun();
  const options = { run, administrator, ipEchoUrls, runnerIp: '203.0.113.9' };
  const early = new EarlyConnection({ ...options, isCurrent: () => true });
  const first = early.resume(administrator);
  expect(await first?.egress.address).toBe('203.0.113.9');
  run.abort(new Error('the run is over'));
  expect(await first?.login.result).toMatchObject({ failure: { reason: 'the run is over' } });
});
