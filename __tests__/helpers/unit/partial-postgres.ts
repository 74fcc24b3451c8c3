import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import 'reflect-metadata';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

/** How a server reacts when a client asks for TLS. */
export type TlsBehavior = 'swallow' | 'no TLS' | 'TLS' | 'hang up';

/** A listener that speaks only the start of PostgreSQL's protocol. */
export interface PartialPostgres {
  readonly port: number;
  /** Bytes that clients sent inside TLS, or after it was refused. A password would be in them. */
  readonly received: Buffer[];
  /** Resolves when a client has sent its first bytes. */
  readonly clientConnected: Promise<void>;
  /** Resolves when a client has closed its connection. */
  readonly clientDisconnected: Promise<void>;
  /** Resolves when `received` is not empty. */
  readonly dataReceived: Promise<void>;
  /** PEM of the self-signed certificate for `localhost`; only with TLS. */
  readonly certificate: string | undefined;
  readonly close: () => void;
}

/** @param reply the answer inside TLS to bytes of a client; by default none */
export async function startPartialPostgres(
  behavior: TlsBehavior,
  reply: (bytes: Buffer) => Buffer | undefined = () => undefined,
): Promise<PartialPostgres> {
  const received: Buffer[] = [];
  const clientConnected = Promise.withResolvers<void>();
  const clientDisconnected = Promise.withResolvers<void>();
  const dataReceived = Promise.withResolvers<void>();
  const receive = (data: Buffer): void => {
    received.push(data);
    dataReceived.resolve();
  };
  const sockets = new Set<Socket>();
  const tlsIdentity = behavior === 'TLS' ? await createSelfSignedCertificate() : undefined;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => clientDisconnected.resolve());
    if (behavior === 'hang up') socket.end();
    socket.once('data', () => {
      clientConnected.resolve();
      if (behavior === 'no TLS') socket.write('N');
      if (tlsIdentity === undefined) return void socket.on('data', receive);
      socket.write('S');
      const inner = new TLSSocket(socket, { isServer: true, secureContext: tlsIdentity.secureContext });
      inner.on('error', () => {}).on('data', receive);
      inner.on('data', (bytes: Buffer) => {
        const answer = reply(bytes);
        if (answer !== undefined) inner.write(answer);
      });
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
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    received,
    clientConnected: clientConnected.promise,
    clientDisconnected: clientDisconnected.promise,
    dataReceived: dataReceived.promise,
    certificate: tlsIdentity?.certificate,
    close,
  };
}

/** For `localhost`; no client trusts it. Certificate and key are PEM. */
export async function createSelfSignedCertificate(): Promise<{
  secureContext: SecureContext;
  certificate: string;
  key: string;
}> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const generated = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
  });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  const certificate = generated.toString('pem');
  return { secureContext: createSecureContext({ key, cert: certificate }), certificate, key };
}
