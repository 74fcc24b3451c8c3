import { chown, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import type { ServiceAccount } from './run-command.ts';

const POSTGRES_PORT = 5432;

/** Where the PostgreSQL behind a proxy listens, and the certificate of both. */
export interface BackendListener {
  /** A loopback address that only the proxy connects to. */
  readonly address: string;
  /** The host of the server, which the certificate is issued for. */
  readonly host: string;
  readonly certificate: { readonly cert: string; readonly key: string };
}

/**
 * Write the certificate to where PostgreSQL reads it by default. PostgreSQL and the proxy have the same one, because SCRAM
 * channel binding (`tls-server-end-point`) compares the certificate that the client sees with PostgreSQL's own.
 * @param directory the data directory of the cluster
 */
export async function writeCertificate(
  directory: string,
  { certificate }: BackendListener,
  account: ServiceAccount | undefined,
): Promise<void> {
  for (const [name, text] of [
    ['server.crt', certificate.cert],
    ['server.key', certificate.key],
  ] as const) {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o600 });
    if (account) await chown(path, account.uid, account.gid);
  }
}

/** The settings with which PostgreSQL listens there. */
export const listenerSettings = ({ address }: BackendListener): readonly string[] => [
  ...['-c', `listen_addresses=${address}`],
  ...['-c', 'ssl=on'],
];

/** How a client is connected to the proxy. */
export interface ClientConnection {
  /** Such as `TLSv1.3`; undefined without TLS. */
  readonly tlsVersion: string | undefined;
  readonly sourceAddress: string | undefined;
}

/**
 * Connect to PostgreSQL as a client is connected to the proxy, so that `pg_stat_ssl` and `client_addr` show what they show
 * for a client without a proxy: with the same version of TLS, and from the same address.
 */
export function connectToBackend(
  { address, host, certificate }: BackendListener,
  { tlsVersion, sourceAddress }: ClientConnection,
): Socket {
  const target = {
    host: address,
    port: POSTGRES_PORT,
    noDelay: true,
    ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
  };
  if (tlsVersion !== 'TLSv1.2' && tlsVersion !== 'TLSv1.3') return connect(target);
  return connectTls({
    ...target,
    ca: certificate.cert,
    // TLS without an SSLRequest before it, which PostgreSQL supports since version 17.
    ALPNProtocols: ['postgresql'],
    minVersion: tlsVersion,
    maxVersion: tlsVersion,
    checkServerIdentity: (_, peer) => checkServerIdentity(host, peer),
  });
}
