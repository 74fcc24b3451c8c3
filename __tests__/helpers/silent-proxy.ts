import { createServer, type Socket } from 'node:net';

/** An HTTP proxy that accepts connections and requests, also `CONNECT`, and never responds. */
export interface SilentProxy {
  /** For `HTTPS_PROXY` and `HTTP_PROXY`. */
  readonly url: string;
  /** Resolves with the first bytes that a client has sent, such as `CONNECT host:443 HTTP/1.1`. */
  readonly firstBytes: Promise<string>;
  /** Closes all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts the proxy on 127.0.0.1, on a port that the system chooses. The caller closes it. */
export async function startSilentProxy(): Promise<SilentProxy> {
  const firstBytes = Promise.withResolvers<string>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    socket.on('data', (bytes: Buffer) => firstBytes.resolve(bytes.toString('latin1')));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    firstBytes: firstBytes.promise,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
