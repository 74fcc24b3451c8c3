import { chown, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type SecureVersion,
} from 'node:tls';
import type { ServiceAccount } from './run-command.ts';

const POSTGRES_PORT = 5432;

export interface BackendListenerOptions {
  /** A loopback address that only the proxy connects to. */
  readonly address: string;
  /** The host of the server, which the certificate is issued for. */
  readonly host: string;
  readonly certificate: { readonly cert: string; readonly key: string };
}

/** How a client is connected to the proxy. */
export interface ClientConnection {
  /** Such as `TLSv1.3`; undefined without TLS. */
  readonly tlsVersion: string | undefined;
  readonly sourceAddress: string | undefined;
}

/** Where the PostgreSQL behind a proxy listens, with the certificate of both. */
export class BackendListener {
  readonly #options: BackendListenerOptions;
  /** What clients verify the certificate with: reading it takes longer than the rest of a connection. */
  readonly #secureContexts: ReadonlyMap<string, SecureContext>;

  constructor(options: BackendListenerOptions) {
    this.#options = options;
    const versions: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];
    this.#secureContexts = new Map(
      versions.map((version) => [
        version,
        createSecureContext({ ca: options.certificate.cert, minVersion: version, maxVersion: version }),
      ]),
    );
  }

  /** The settings with which PostgreSQL listens there. */
  get settings(): readonly string[] {
    return [...['-c', `listen_addresses=${this.#options.address}`], ...['-c', 'ssl=on']];
  }

  /**
   * Write the certificate to where PostgreSQL reads it by default. PostgreSQL and the proxy have the same one, because
   * SCRAM channel binding (`tls-server-end-point`) compares the certificate that the client sees with PostgreSQL's own.
   * @param directory the data directory of the cluster
   */
  async writeCertificate(directory: string, account: ServiceAccount | undefined): Promise<void> {
    const { certificate } = this.#options;
    for (const [name, text] of [
      ['server.crt', certificate.cert],
      ['server.key', certificate.key],
    ] as const) {
      const path = join(directory, name);
      await writeFile(path, text, { mode: 0o600 });
      if (account) await chown(path, account.uid, account.gid);
    }
  }

  /**
   * Connect to PostgreSQL as a client is connected to the proxy, so that `pg_stat_ssl` and `client_addr` show what they
   * show for a client without a proxy: with the same version of TLS, and from the same address.
   */
  connect({ tlsVersion = '', sourceAddress }: ClientConnection): Socket {
    const { address, host } = this.#options;
    const target = {
      host: address,
      port: POSTGRES_PORT,
      noDelay: true,
      ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
    };
    const secureContext = this.#secureContexts.get(tlsVersion);
    if (secureContext === undefined) return connect(target);
    return connectTls({
      ...target,
      secureContext,
      // TLS without an SSLRequest before it, which PostgreSQL supports since version 17.
      ALPNProtocols: ['postgresql'],
      checkServerIdentity: (_, peer) => checkServerIdentity(host, peer),
    });
  }
}
