import { createServer, type Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { createSelfSignedCertificate } from './partial-postgres.ts';

/**
 * How a proxy fails: an HTTP status to `CONNECT`, a reset, an answer that is not HTTP, or a tunnel in which it answers with
 * its own certificate.
 */
export type ProxyFailure = number | 'resets' | 'is not HTTP' | 'intercepts TLS';

export interface FailingProxy {
  /** `host:port`. */
  readonly address: string;
  /** What clients sent outside TLS. */
  readonly received: string[];
  readonly close: () => void;
}

/** Starts a proxy on 127.0.0.1, on a port that the system chooses. */
export async function startFailingProxy(failure: ProxyFailure): Promise<FailingProxy> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const secureContext =
    failure === 'intercepts TLS' ? (await createSelfSignedCertificate()).secureContext : undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      received.push(bytes.toString('latin1'));
      fail(socket, failure, secureContext);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    address: `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    received,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function fail(socket: Socket, failure: ProxyFailure, secureContext: SecureContext | undefined): void {
  if (typeof failure === 'number')
    socket.end(`HTTP/1.1 ${failure} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  else if (failure === 'resets') socket.resetAndDestroy();
  else if (failure === 'is not HTTP') socket.end('SSH-2.0-OpenSSH_9.6\r\n\r\n\r\n');
  else {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    new TLSSocket(socket, { isServer: true, ...(secureContext ? { secureContext } : {}) }).on(
      'error',
      () => {},
    );
  }
}

/** `host:port` at which nothing listens. */
export async function findClosedPort(): Promise<string> {
  const proxy = await startFailingProxy('resets');
  proxy.close();
  return proxy.address;
}
