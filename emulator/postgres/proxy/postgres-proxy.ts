import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { type Hold, waitForRelease } from '../../core/faults.ts';
import { CLIENT_ADDRESS_SETTING } from '../azure-model/role-model.ts';
import type { ClientConnection } from '../cluster/backend-listener.ts';
import type { BlockedClientBehavior, PublicAddressLookup } from '../types.ts';
import type { Firewall } from './firewall.ts';
import { encodeFatalError } from './message-stream.ts';
import { RequestFilter, type StatementRewriter } from './request-filter.ts';
import { ResponseFilter } from './response-filter.ts';
import {
  addParameter,
  parseUserAndDatabase,
  REQUEST_CODES,
  readBytes,
  readStartupPacket,
  type StartupPacket,
} from './startup-packet.ts';

/** The port of every server. Each server has its own loopback address. */
export const POSTGRES_PORT = 5432;

/** The default of PostgreSQL's `authentication_timeout`, in milliseconds. */
const AUTHENTICATION_TIMEOUT_MS = 60_000;

/** The first byte of a TLS handshake without an SSLRequest before it (`sslnegotiation=direct`). */
const TLS_HANDSHAKE_BYTE = 0x16;

export interface PostgresProxyOptions {
  readonly address: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly clientAddresses: PublicAddressLookup;
  readonly firewall: Firewall;
  readonly blockedBehavior: BlockedClientBehavior;
  /** Whether sessions without TLS are refused now (`require_secure_transport`). */
  readonly requireSecureTransport: () => boolean;
  /** Whether logins of roles with a stored SCRAM verifier are refused now. */
  readonly rejectsScram: () => boolean;
  readonly statementRewriters: readonly StatementRewriter[];
  /** The hold for a statement, or undefined. */
  readonly findHold: (statement: string) => Hold | undefined;
  /** Connects to PostgreSQL for a client. */
  readonly connectToPostgres: (client: ClientConnection) => Socket;
  /** Milliseconds that a client has for its startup packet; the default is PostgreSQL's. */
  readonly authenticationTimeoutMs?: number;
}

/**
 * The proxy between clients and PostgreSQL, with TLS and the firewall. It identifies a client by the source address of the
 * connection. After the startup packet it forwards bytes in both directions, and changes only the messages in which Azure's
 * patched server differs from PostgreSQL.
 */
export class PostgresProxy {
  readonly #options: PostgresProxyOptions;
  readonly #authenticationTimeoutMs: number;
  readonly #server: Server;
  /** For clients that send an SSLRequest, and for clients that start with TLS. Neither server listens. */
  readonly #negotiatedTls: TlsServer;
  readonly #directTls: TlsServer;
  /** The connections to clients and to PostgreSQL. */
  readonly #sockets = new Set<Duplex>();

  constructor(options: PostgresProxyOptions) {
    this.#options = options;
    this.#authenticationTimeoutMs = options.authenticationTimeoutMs ?? AUTHENTICATION_TIMEOUT_MS;
    const tls = {
      ...options.certificate,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['postgresql'],
      handshakeTimeout: this.#authenticationTimeoutMs,
    } as const;
    this.#negotiatedTls = createTlsServer(tls, (socket) => this.#onTlsConnection(socket));
    this.#directTls = createTlsServer(tls, (socket) => {
      // PostgreSQL requires ALPN here, against attacks that redirect TLS of another protocol.
      if (socket.alpnProtocol === 'postgresql') this.#onTlsConnection(socket);
      else socket.destroy();
    });
    this.#server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
  }

  /** @throws Error with code `EADDRINUSE` if the port is in use. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.on('error', reject);
      this.#server.listen(POSTGRES_PORT, this.#options.address, resolve);
    });
  }

  /** Stop listening and close every connection. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #track<Connection extends Duplex>(socket: Connection): Connection {
    this.#sockets.add(socket);
    // After an error comes `close`, which the other handlers use.
    return socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket));
  }

  #onConnection(socket: Socket): void {
    this.#track(socket);
    if (socket.remoteAddress === undefined) {
      // The client has already disconnected.
      socket.destroy();
      return;
    }
    if (!this.#isAllowed(socket) && this.#options.blockedBehavior === 'timeout') {
      // Azure's firewall drops the packets, so the client gets no answer.
      socket.resume();
      return;
    }
    this.#startTimeout(socket);
    this.#negotiate(socket).catch(() => socket.destroy());
  }

  /** {@link #startTls} and {@link #forwardSession} stop this timeout. */
  #startTimeout(socket: Socket): void {
    socket.setTimeout(this.#authenticationTimeoutMs, () => socket.destroy());
  }

  #publicAddress(socket: Socket): string {
    return this.#options.clientAddresses.getPublicAddress(socket.remoteAddress ?? '');
  }

  #isAllowed(socket: Socket): boolean {
    return this.#options.firewall.allows(this.#publicAddress(socket));
  }

  async #negotiate(socket: Socket): Promise<void> {
    const first = await readBytes(socket, 1);
    if (!first) throw new Error('The client sent nothing.');
    socket.unshift(first);
    if (first[0] === TLS_HANDSHAKE_BYTE) {
      this.#startTls(socket, this.#directTls);
      return;
    }
    for (;;) {
      const packet = await readStartupPacket(socket);
      if (packet?.code === REQUEST_CODES.ssl) {
        // Data after the request was sent without TLS and must not become part of the TLS session.
        if (socket.readableLength > 0) throw new Error('The client sent data before the handshake.');
        socket.write('S');
        this.#startTls(socket, this.#negotiatedTls);
        return;
      }
      if (packet?.code !== REQUEST_CODES.gssEncryption)
        return this.#onStartupPacket(socket, packet, undefined);
      socket.write('N');
    }
  }

  #startTls(socket: Socket, server: TlsServer): void {
    // From now on only the TLS socket on top of this one sees the activity of the client.
    socket.setTimeout(0);
    server.emit('connection', socket);
  }

  #onTlsConnection(socket: TLSSocket): void {
    this.#track(socket);
    this.#startTimeout(socket);
    readStartupPacket(socket)
      .then((packet) => this.#onStartupPacket(socket, packet, socket.getProtocol() ?? undefined))
      .catch(() => socket.destroy());
  }

  /** @param tlsVersion undefined without TLS */
  #onStartupPacket(socket: Socket, packet: StartupPacket | undefined, tlsVersion: string | undefined): void {
    if (!packet) throw new Error('The client disconnected, or uses another protocol.');
    const isAllowed = this.#isAllowed(socket);
    if (packet.code === REQUEST_CODES.cancel) {
      if (isAllowed) this.#forwardCancel(socket, packet);
      else socket.destroy();
    } else if (!isAllowed || (tlsVersion === undefined && this.#options.requireSecureTransport())) {
      this.#rejectConnection(socket, packet, tlsVersion !== undefined);
    } else {
      this.#forwardSession(socket, packet, tlsVersion);
    }
  }

  #rejectConnection(socket: Socket, packet: StartupPacket, isTls: boolean): void {
    const { user, database } = parseUserAndDatabase(packet);
    const encryption = isTls ? 'SSL' : 'no encryption';
    const client = `host "${this.#publicAddress(socket)}", user "${user}", database "${database}", ${encryption}`;
    socket.end(encodeFatalError('28000', `no pg_hba.conf entry for ${client}`));
    socket.resume();
  }

  #forwardCancel(socket: Socket, packet: StartupPacket): void {
    // Without TLS, because PostgreSQL checks only the key in the request.
    const backend = this.#connectToPostgres(socket, undefined);
    backend.end(packet.bytes);
    // PostgreSQL answers a cancel request by closing the connection.
    backend.once('close', () => socket.end());
  }

  #connectToPostgres({ remoteAddress }: Socket, tlsVersion: string | undefined): Socket {
    return this.#track(this.#options.connectToPostgres({ tlsVersion, sourceAddress: remoteAddress }));
  }

  #forwardSession(socket: Socket, packet: StartupPacket, tlsVersion: string | undefined): void {
    socket.setTimeout(0);
    const backend = this.#connectToPostgres(socket, tlsVersion);
    backend.write(addParameter(packet, CLIENT_ADDRESS_SETTING, this.#publicAddress(socket)).bytes);
    const { statementRewriters, findHold, rejectsScram } = this.#options;
    /** Holds of forwarded statements whose answer has not ended. */
    let heldResponses: Hold[] = [];
    const requestFilter = new RequestFilter(statementRewriters, (statement) => {
      const hold = findHold(statement);
      if (hold?.hold === 'answer') heldResponses.push(hold);
      return hold?.hold === 'request' ? waitForRelease(hold) : undefined;
    });
    const responseFilter = new ResponseFilter(
      () => {
        const holds = heldResponses;
        heldResponses = [];
        return holds.length === 0 ? undefined : Promise.all(holds.map(waitForRelease)).then(() => {});
      },
      rejectsScram() ? parseUserAndDatabase(packet).user : undefined,
    );
    socket.pipe(requestFilter).pipe(backend).pipe(responseFilter).pipe(socket);
    // When one side ends, the other one ends too, after the data in between has been forwarded. The pipes forward the end
    // of a client that closes its connection normally.
    backend.once('close', () => responseFilter.end());
    responseFilter.once('end', () => socket.destroySoon());
    socket.once('close', () => {
      if (!socket.readableEnded) backend.destroySoon();
    });
  }
}
