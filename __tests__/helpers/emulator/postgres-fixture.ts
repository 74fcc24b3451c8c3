import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { CertificateAuthority } from '../../../emulator/certificates.ts';
import { createPostgresFactory } from '../../../emulator/postgres/index.ts';
import type {
  PostgresFactory,
  PostgresServer,
  PostgresServerOptions,
} from '../../../emulator/postgres/types.ts';

/** The public address by which the emulator knows this process, unless a test says otherwise. */
export const runner = '203.0.113.9';

export const admin = { login: 'relecloud_admin', password: 'VerySecurePassword!1' } as const;

/** One emulator's data plane in a directory of its own. */
export interface Fixture extends AsyncDisposable {
  readonly directory: string;
  readonly factory: PostgresFactory;
  readonly authority: CertificateAuthority;
  /** Loopback source address → public address, for sources other than the usual one. */
  readonly sources: Map<string, string>;
  /** A started server that lets {@link runner} in. */
  server(options?: Partial<PostgresServerOptions>): Promise<PostgresServer>;
  /** A session over verified TLS; the administrator's in `postgres` unless said otherwise. */
  login(server: PostgresServer, config?: pg.ClientConfig): Promise<pg.Client>;
  /** Run one statement as {@link login} would. */
  ask(server: PostgresServer, sql: string, config?: pg.ClientConfig): Promise<Record<string, unknown>[]>;
}

/** A directory that PostgreSQL's account may traverse, removed when the test has finished. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await newDirectory();
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pge-'));
  await chmod(directory, 0o711);
  return directory;
}

export async function createFixture(): Promise<Fixture> {
  const directory = await newDirectory();
  const authority = await CertificateAuthority.create();
  const sources = new Map<string, string>();
  const factory = await createPostgresFactory({
    directory,
    certificates: authority,
    clients: { publicAddressOf: (source) => sources.get(source) ?? runner },
  });
  const login = async (server: PostgresServer, config: pg.ClientConfig = {}) => {
    const client = new pg.Client({
      host: server.address,
      port: 5432,
      user: admin.login,
      password: admin.password,
      database: 'postgres',
      ssl: { ca: authority.pem },
      ...config,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  return {
    directory,
    factory,
    authority,
    sources,
    async server(options = {}) {
      const server = await factory.create({ ...usual, ...options });
      server.setRules(only(runner));
      await server.start();
      return server;
    },
    login,
    async ask(server, sql, config) {
      const client = await login(server, config);
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    async [Symbol.asyncDispose]() {
      await factory.close();
      await rm(directory, { recursive: true });
    },
  };
}

export const usual: PostgresServerOptions = {
  name: 'demo-relecloud',
  major: '18',
  administratorLogin: admin.login,
  administratorLoginPassword: admin.password,
  blocked: 'reject',
  firewallDelay: 0,
};

/** Rules that admit one address. */
export function only(address: string) {
  return new Map([['runner', { startIpAddress: address, endIpAddress: address }]]);
}

/** Wait for a condition, for at most ten seconds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Still not so after ten seconds: ${condition}`);
    await delay(10);
  }
}

/** A bare connection to a server's gate. */
export function dial(server: { readonly address: string }, localAddress?: string): Socket {
  const socket = connect({ host: server.address, port: 5432, ...(localAddress ? { localAddress } : {}) });
  return socket.on('error', () => {});
}

/** Resolves when a session has ended, whatever ended it. */
export function ended(client: pg.Client): Promise<void> {
  return new Promise((resolve) => client.once('end', () => resolve()));
}

/** How a connection attempt to a server's address goes: `connected`, or the code of its error. */
export function knock(address: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 5432 }, () => {
      resolve('connected');
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** Everything that the other side says until it closes the connection, in order or not. */
export function everything(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    stream.on('error', () => {}).once('close', () => resolve(Buffer.concat(chunks)));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  });
}

/** The next bytes that the other side says. */
export function answer(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      resolve(chunk);
    });
    socket.once('close', () => reject(new Error('The connection was closed.')));
    socket.resume();
  });
}

/** A packet of the time before the session: length, code, payload. */
export function packet(code: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + payload.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, payload]);
}

export const sslRequest = packet(80877103);
export const gssEncryptionRequest = packet(80877104);
export const startup = packet(196608, Buffer.from('user\0u\0database\0d\0\0'));
