import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';

/** How a server behaves once a client has asked for TLS. */
export type Manner = 'swallow' | 'no TLS' | 'unknown authority' | 'hang up';

/** A listener that is PostgreSQL only as far as a login's very beginning. */
export async function halfPostgres(manner: Manner): Promise<{
  readonly port: number;
  /** Bytes that clients sent inside TLS, or after it was refused: a password would be among them. */
  readonly received: Buffer[];
  close(): void;
}> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const secureContext = manner === 'unknown authority' ? await selfSigned() : undefined;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (manner === 'hang up') socket.end();
    socket.once('data', () => {
      if (manner === 'no TLS') socket.write('N');
      if (manner !== 'unknown authority') return void socket.on('data', (data) => received.push(data));
      socket.write('S');
      const inner = new TLSSocket(socket, { isServer: true, ...(secureContext ? { secureContext } : {}) });
      inner.on('error', () => {}).on('data', (data: Buffer) => received.push(data));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: typeof address === 'object' && address ? address.port : 0, received, close };
}

/** A certificate for localhost of nobody's authority but its own. */
async function selfSigned(): Promise<SecureContext> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
  });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  return createSecureContext({ key, cert: certificate.toString('pem') });
}
