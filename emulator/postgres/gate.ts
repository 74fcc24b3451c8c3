import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { type Hold, untilReleased } from '../hold.ts';
import { AnswerStream } from './answers.ts';
import type { Firewall } from './firewall.ts';
import { type StatementRule, StatementScreen } from './screen.ts';
import { fatal, readPacket, requestCodes, type StartupPacket, take, whoAndWhere } from './startup.ts';
import type { BlockedBehaviour, ClientAddresses } from './types.ts';

/** The port of every server, on a loopback address of its own. */
export const gatePort = 5432;

/** PostgreSQL's own `authentication_timeout`, in milliseconds. */
const authenticationTimeout = 60_000;

/** The first byte of a TLS handshake, from a client that does not ask for TLS before (`sslnegotiation=direct`). */
const tlsHandshake = 0x16;

export interface GateOptions {
  readonly address: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly clients: ClientAddresses;
  readonly firewall: Firewall;
  readonly blocked: BlockedBehaviour;
  /** Whether a session without TLS is refused now (`require_secure_transport`). */
  readonly requireSecureTransport: () => boolean;
  /** Whether the login of a role is refused whose password is stored as a SCRAM verifier. */
  readonly refusesScram: () => boolean;
  readonly rules: readonly StatementRule[];
  /** Whether a statement, or its answer, is to be held. */
  readonly holdOf: (statement: string) => Hold | undefined;
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
export class Gate {
  readonly #options: GateOptions;
  readonly #patience: number;
  readonly #server: Server;
  /** For clients that asked for TLS, and for those that began with it; neither listens itself. */
  readonly #negotiated: TlsServer;
  readonly #direct: TlsServer;
  /** Every connection, on either side of the gate. */
  readonly #sockets = new Set<Duplex>();

  constructor(options: GateOptions) {
    this.#options = options;
    this.#patience = options.authenticationTimeout ?? authenticationTimeout;
    const tls = {
      ...options.certificate,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['postgresql'],
      handshakeTimeout: this.#patience,
    } as const;
    this.#negotiated = createTlsServer(tls, (socket) => this.#beginSecured(socket));
    this.#direct = createTlsServer(tls, (socket) => {
      // PostgreSQL insists on ALPN here, lest TLS of another protocol be led to it.
      if (socket.alpnProtocol === 'postgresql') this.#beginSecured(socket);
      else socket.destroy();
    });
    this.#server = createServer({ noDelay: true }, (socket) => this.#welcome(socket));
  }

  /** @throws Error with code `EADDRINUSE` when someone else listens there. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.on('error', reject);
      this.#server.listen(gatePort, this.#options.address, resolve);
    });
  }

  /** Stop listening and break every connection. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #keep<Connection extends Duplex>(socket: Connection): Connection {
    this.#sockets.add(socket);
    // A broken connection concerns its own two ends only; its `close` follows.
    return socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket));
  }

  #welcome(socket: Socket): void {
    this.#keep(socket);
    if (socket.remoteAddress === undefined) {
      // Gone before we came to look.
      socket.destroy();
      return;
    }
    if (!this.#admits(socket) && this.#options.blocked === 'timeout') {
      // Swallowed: Azure's firewall drops the client's packets, so it never hears anything.
      socket.resume();
      return;
    }
    this.#await(socket);
    this.#negotiate(socket).catch(() => socket.destroy());
  }

  /** Give a client so long to go on; {@link #secure} and {@link #passSession} end the waiting. */
  #await(socket: Socket): void {
    socket.setTimeout(this.#patience, () => socket.destroy());
  }

  /** The public address by which the firewall knows this client. */
  #addressOf(socket: Socket): string {
    return this.#options.clients.publicAddressOf(socket.remoteAddress ?? '');
  }

  #admits(socket: Socket): boolean {
    return this.#options.firewall.admits(this.#addressOf(socket));
  }

  async #negotiate(socket: Socket): Promise<void> {
    const first = await take(socket, 1);
    if (!first) throw new Error('The client said nothing.');
    socket.unshift(first);
    if (first[0] === tlsHandshake) {
      this.#secure(socket, this.#direct);
      return;
    }
    for (;;) {
      const packet = await readPacket(socket);
      if (packet?.code === requestCodes.ssl) {
        // What already follows was sent in the clear and must not be taken for part of the secured session.
        if (socket.readableLength > 0) throw new Error('The client sent data before the handshake.');
        socket.write('S');
        this.#secure(socket, this.#negotiated);
        return;
      }
      if (packet?.code !== requestCodes.gssEncryption) return this.#begin(socket, packet, false);
      socket.write('N');
    }
  }

  #secure(socket: Socket, server: TlsServer): void {
    // From here on it is the secured socket on top of this one that sees the client's activity.
    socket.setTimeout(0);
    server.emit('connection', socket);
  }

  #beginSecured(socket: TLSSocket): void {
    this.#keep(socket);
    this.#await(socket);
    readPacket(socket)
      .then((packet) => this.#begin(socket, packet, true))
      .catch(() => socket.destroy());
  }

  #begin(socket: Socket, packet: StartupPacket | undefined, secured: boolean): void {
    if (!packet) throw new Error('The client went away, or speaks something else.');
    const admitted = this.#admits(socket);
    if (packet.code === requestCodes.cancel) {
      if (admitted) this.#passCancel(socket, packet);
      else socket.destroy();
    } else if (!admitted || (!secured && this.#options.requireSecureTransport())) {
      this.#refuse(socket, packet, secured);
    } else {
      this.#passSession(socket, packet);
    }
  }

  #refuse(socket: Socket, packet: StartupPacket, secured: boolean): void {
    const { user, database } = whoAndWhere(packet);
    const encryption = secured ? 'SSL' : 'no encryption';
    const client = `host "${this.#addressOf(socket)}", user "${user}", database "${database}", ${encryption}`;
    socket.end(fatal('28000', `no pg_hba.conf entry for ${client}`));
    socket.resume();
  }

  #passCancel(socket: Socket, packet: StartupPacket): void {
    const backend = this.#keep(connect(this.#options.socketPath));
    backend.end(packet.bytes);
    // PostgreSQL answers a cancellation by closing the connection, and so do we.
    backend.once('close', () => socket.end());
  }

  #passSession(socket: Socket, packet: StartupPacket): void {
    socket.setTimeout(0);
    const backend = this.#keep(connect(this.#options.socketPath));
    backend.write(packet.bytes);
    const { rules, holdOf, refusesScram } = this.#options;
    /** Of statements that have been passed on and whose answer has not ended. */
    let heldAnswers: Hold[] = [];
    const screen = new StatementScreen(rules, (statement) => {
      const hold = holdOf(statement);
      if (hold?.hold === 'answer') heldAnswers.push(hold);
      return hold?.hold === 'request' ? untilReleased(hold) : undefined;
    });
    const answers = new AnswerStream(
      () => {
        const holds = heldAnswers;
        heldAnswers = [];
        return holds.length === 0 ? undefined : Promise.all(holds.map(untilReleased)).then(() => {});
      },
      refusesScram() ? whoAndWhere(packet).user : undefined,
    );
    socket.pipe(screen).pipe(backend).pipe(answers).pipe(socket);
    // Neither side of a session outlives the other, but what was already said is passed on first. A client that ended
    // in order has had its end passed on by the pipes.
    backend.once('close', () => answers.end());
    answers.once('end', () => socket.destroySoon());
    socket.once('close', () => {
      if (!socket.readableEnded) backend.destroySoon();
    });
  }
}
