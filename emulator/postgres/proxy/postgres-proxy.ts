import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { type Hold, waitForRelease } from '../../core/hold.ts';
import type { BlockedClientBehavior, PublicAddressLookup } from '../types.ts';
import type { Firewall } from './firewall.ts';
import { RequestFilter, type StatementRewriter } from './request-filter.ts';
import { ResponseFilter } from './response-filter.ts';
import {
  encodeFatalError,
  parseUserAndDatabase,
  REQUEST_CODES,
  readBytes,
  readStartupPacket,
  type StartupPacket,
} from './startup-packet.ts';

/** The port of every server, on a loopback address of its own. */
export const POSTGRES_PORT = 5432;

/** PostgreSQL's own `authentication_timeout`, in milliseconds. */
const AUTHENTICATION_TIMEOUT_MS = 60_000;

/** The first byte of a TLS handshake, from a client that does not ask for TLS before (`sslnegotiation=direct`). */
const TLS_HANDSHAKE_BYTE = 0x16;

export interface PostgresProxyOptions {
  readonly address: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly clientAddresses: PublicAddressLookup;
  readonly firewall: Firewall;
  readonly blockedBehavior: BlockedClientBehavior;
  /** Whether a session without TLS is refused now (`require_secure_transport`). */
  readonly requireSecureTransport: () => boolean;
  /** Whether the login of a role is refused whose password is stored as a SCRAM verifier. */
  readonly rejectsScram: () => boolean;
  readonly statementRewriters: readonly StatementRewriter[];
  /** Whether a statement, or its answer, is to be held. */
  readonly findHold: (statement: string) => Hold | undefined;
  /** PostgreSQL's Unix socket. */
  readonly socketPath: string;
  /** How long a client may take to say who it is, in milliseconds; by default as long as PostgreSQL gives it. */
  readonly authenticationTimeout?: number;
}

/**
 * What stands between a client and PostgreSQL: TLS, and the firewall. It knows a client by the source address of its
 * connection, and after the startup packet it passes bytes on, both ways, but for the little in which Azure's patched
 * server speaks otherwise.
 */
export class PostgresProxy {
  readonly #options: PostgresProxyOptions;
  readonly #authenticationTimeoutMs: number;
  readonly #server: Server;
  /** For clients that asked for TLS, and for those that began with it; neither listens itself. */
  readonly #negotiatedTls: TlsServer;
  readonly #directTls: TlsServer;
  /** Every connection, on either side of the gate. */
  readonly #sockets = new Set<Duplex>();

  constructor(options: PostgresProxyOptions) {
    this.#options = options;
    this.#authenticationTimeoutMs = options.authenticationTimeout ?? AUTHENTICATION_TIMEOUT_MS;
    const tls = {
      ...options.certificate,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['postgresql'],
      handshakeTimeout: this.#authenticationTimeoutMs,
    } as const;
    this.#negotiatedTls = createTlsServer(tls, (socket) => this.#onTlsConnection(socket));
    this.#directTls = createTlsServer(tls, (socket) => {
      // PostgreSQL insists on ALPN here, lest TLS of another protocol be led to it.
      if (socket.alpnProtocol === 'postgresql') this.#onTlsConnection(socket);
      else socket.destroy();
    });
    this.#server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
  }

  /** @throws Error with code `EADDRINUSE` when someone else listens there. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.on('error', reject);
      this.#server.listen(POSTGRES_PORT, this.#options.address, resolve);
    });
  }

  /** Stop listening and break every connection. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #track<Connection extends Duplex>(socket: Connection): Connection {
    this.#sockets.add(socket);
    // A broken connection concerns its own two ends only; its `close` follows.
    return socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket));
  }

  #onConnection(socket: Socket): void {
    this.#track(socket);
    if (socket.remoteAddress === undefined) {
      // Gone before we came to look.
      socket.destroy();
      return;
    }
    if (!this.#isAllowed(socket) && this.#options.blockedBehavior === 'timeout') {
      // Swallowed: Azure's firewall drops the client's packets, so it never hears anything.
      socket.resume();
      return;
    }
    this.#startTimeout(socket);
    this.#negotiate(socket).catch(() => socket.destroy());
  }

  /** Give a client so long to go on; {@link #secure} and {@link #passSession} end the waiting. */
  #startTimeout(socket: Socket): void {
    socket.setTimeout(this.#authenticationTimeoutMs, () => socket.destroy());
  }

  /** The public address by which the firewall knows this client. */
  #publicAddress(socket: Socket): string {
    return this.#options.clientAddresses.getPublicAddress(socket.remoteAddress ?? '');
  }

  #isAllowed(socket: Socket): boolean {
    return this.#options.firewall.allows(this.#publicAddress(socket));
  }

  async #negotiate(socket: Socket): Promise<void> {
    const first = await readBytes(socket, 1);
    if (!first) throw new Error('The client said nothing.');
    socket.unshift(first);
    if (first[0] === TLS_HANDSHAKE_BYTE) {
      this.#startTls(socket, this.#directTls);
      return;
    }
    for (;;) {
      const packet = await readStartupPacket(socket);
      if (packet?.code === REQUEST_CODES.ssl) {
        // What already follows was sent in the clear and must not be taken for part of the secured session.
        if (socket.readableLength > 0) throw new Error('The client sent data before the handshake.');
        socket.write('S');
        this.#startTls(socket, this.#negotiatedTls);
        return;
      }
      if (packet?.code !== REQUEST_CODES.gssEncryption) return this.#onStartupPacket(socket, packet, false);
      socket.write('N');
    }
  }

  #startTls(socket: Socket, server: TlsServer): void {
    // From here on it is the secured socket on top of this one that sees the client's activity.
    socket.setTimeout(0);
    server.emit('connection', socket);
  }

  #onTlsConnection(socket: TLSSocket): void {
    this.#track(socket);
    this.#startTimeout(socket);
    readStartupPacket(socket)
      .then((packet) => this.#onStartupPacket(socket, packet, true))
      .catch(() => socket.destroy());
  }

  #onStartupPacket(socket: Socket, packet: StartupPacket | undefined, isTls: boolean): void {
    if (!packet) throw new Error('The client went away, or speaks something else.');
    const isAllowed = this.#isAllowed(socket);
    if (packet.code === REQUEST_CODES.cancel) {
      if (isAllowed) this.#forwardCancel(socket, packet);
      else socket.destroy();
    } else if (!isAllowed || (!isTls && this.#options.requireSecureTransport())) {
      this.#rejectConnection(socket, packet, isTls);
    } else {
      this.#forwardSession(socket, packet);
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
    const backend = this.#track(connect(this.#options.socketPath));
    backend.end(packet.bytes);
    // PostgreSQL answers a cancellation by closing the connection, and so do we.
    backend.once('close', () => socket.end());
  }

  #forwardSession(socket: Socket, packet: StartupPacket): void {
    socket.setTimeout(0);
    const backend = this.#track(connect(this.#options.socketPath));
    backend.write(packet.bytes);
    const { statementRewriters, findHold, rejectsScram } = this.#options;
    /** Of statements that have been passed on and whose answer has not ended. */
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
    // Neither side of a session outlives the other, but what was already said is passed on first. A client that ended
    // in order has had its end passed on by the pipes.
    backend.once('close', () => responseFilter.end());
    responseFilter.once('end', () => socket.destroySoon());
    socket.once('close', () => {
      if (!socket.readableEnded) backend.destroySoon();
    });
  }
}
