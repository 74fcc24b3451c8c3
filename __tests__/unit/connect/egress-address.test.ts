import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test as base, describe, expect, vi } from 'vitest';
import { detectEgressAddress } from '../../../src/connect/egress-address.ts';
import { errorOf } from '../../helpers/unit/test-run.ts';

const test = base.extend('echo', async ({ onTestFinished }) => {
  // No service times out because the machine is slow.
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => new AbortController().signal);
  onTestFinished(() => timeout.mockRestore());
  /** Starts an echo service with this response, and returns its URL. */
  return async (body: string, status = 200): Promise<string> => {
    const server = createServer((_, response) =>
      response.writeHead(status, { connection: 'close' }).end(body),
    );
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
});

const neverAborted = new AbortController().signal;

describe('the egress address is the one on which two echo services agree', () => {
  test('they agree', async ({ echo }) => {
    const services = [await echo('203.0.113.9'), await echo('203.0.113.9\n')];
    expect(await detectEgressAddress(services, neverAborted)).toBe('203.0.113.9');
  });

  test('they disagree: the error names both, and advises allowed-ip-ranges, because no single address is enough', async ({
    echo,
  }) => {
    const services = [await echo('203.0.113.9'), await echo('198.51.100.1')];
    const error = String(await errorOf(detectEgressAddress(services, neverAborted)));
    for (const text of [
      '203.0.113.9',
      '198.51.100.1',
      ...services,
      'allowed-ip-ranges',
      '(egress-address-unknown)',
    ])
      expect(error).toContain(text);
    expect(error).not.toContain('runner-ip');
  });

  test('all are asked at once, and one that does not answer is not waited for and aborted', async ({
    echo,
    onTestFinished,
  }) => {
    const closed = Promise.withResolvers<void>();
    const silent = createServer((request) => void request.once('close', closed.resolve));
    onTestFinished(() => void silent.close());
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    const { port } = silent.address() as AddressInfo;
    const answers: string[] = [];
    const services = [`http://127.0.0.1:${port}`, await echo('203.0.113.9'), await echo('203.0.113.9')];
    // The fixture's limit never ends a request, so this ends only if the silent service is not waited for.
    const address = await detectEgressAddress(services, neverAborted, (each) => void answers.push(each));
    expect(address).toBe('203.0.113.9');
    expect(answers).toEqual(['203.0.113.9', '203.0.113.9']);
    await closed.promise;
  });

  test.for<readonly [body: string, status: number]>([
    ['<html>proxy</html>', 200],
    ['203.0.113.9', 503],
    ['2001:db8::1', 200],
  ])(
    'the next service replaces one that does not answer with an IPv4 address (%s, HTTP %d)',
    async ([body, status], { echo }) => {
      const services = [await echo(body, status), await echo('203.0.113.9'), await echo('203.0.113.9')];
      expect(await detectEgressAddress(services, neverAborted)).toBe('203.0.113.9');
    },
  );

  test('the next service replaces one that does not answer within three seconds', async ({
    echo,
    onTestFinished,
  }) => {
    const limits: number[] = [];
    const ended: AbortController[] = [];
    vi.mocked(AbortSignal.timeout).mockImplementation((milliseconds) => {
      limits.push(milliseconds);
      const controller = new AbortController();
      ended.push(controller);
      return controller.signal;
    });
    // It times out when it gets the request.
    const silent = createServer(() => ended[0]?.abort(new DOMException('took too long', 'TimeoutError')));
    onTestFinished(() => void silent.close());
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    const { port } = silent.address() as AddressInfo;
    const services = [`http://127.0.0.1:${port}`, await echo('203.0.113.9'), await echo('203.0.113.9')];
    expect(await detectEgressAddress(services, neverAborted)).toBe('203.0.113.9');
    expect(limits).toEqual([3000, 3000, 3000]);
  });

  test('only the start of a long response is read', async ({ echo, onTestFinished }) => {
    const { promise: readWhole, resolve } = Promise.withResolvers<boolean>();
    const chatty = createServer((_, response) => {
      response.once('close', () => resolve(response.writableFinished));
      Readable.from(
        (function* () {
          for (let i = 0; i < 1000; i += 1) yield Buffer.alloc(65_536, 'x');
        })(),
      ).pipe(response);
    });
    onTestFinished(() => void chatty.close());
    await new Promise<void>((listening) => {
      chatty.listen(0, '127.0.0.1', listening);
    });
    const { port } = chatty.address() as AddressInfo;
    const services = [`http://127.0.0.1:${port}`, await echo('203.0.113.9'), await echo('203.0.113.9')];
    expect(await detectEgressAddress(services, neverAborted)).toBe('203.0.113.9');
    expect(await readWhole).toBe(false);
  });

  test('the address of one service alone is not used', async ({ echo }) => {
    const services = [await echo('203.0.113.9'), await echo('', 500)];
    const error = String(await errorOf(detectEgressAddress(services, neverAborted)));
    expect(error).toContain('fewer than two of the services');
    expect(error).toContain('HTTP 500');
  });

  test.for(['0.0.0.0', '10.0.0.1', '127.0.0.1', '224.0.0.1'])(
    '%s is rejected, because it is not public',
    async (address, { echo }) => {
      const services = [await echo(address), await echo(address)];
      expect(String(await errorOf(detectEgressAddress(services, neverAborted)))).toContain(
        'not a public address',
      );
    },
  );

  test('it fails with the reason of the run when the run ends', async ({ echo }) => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    controller.abort(reason);
    expect(await errorOf(detectEgressAddress([await echo('203.0.113.9')], controller.signal))).toBe(reason);
  });
});
