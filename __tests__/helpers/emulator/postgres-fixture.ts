import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { test as base, inject, onTestFinished } from 'vitest';
import { CertificateAuthority } from '../../../emulator/core/certificates.ts';
import { createPostgresFactory } from '../../../emulator/postgres/postgres-factory.ts';
import type {
  PostgresFactory,
  PostgresServer,
  PostgresServerOptions,
} from '../../../emulator/postgres/types.ts';

/** The public address of this process, unless a test sets another one. */
export const runnerAddress = '203.0.113.9';

export const administrator = { login: 'relecloud_admin', password: 'VerySecurePassword!1' } as const;

/** A PostgreSQL factory in its own directory. */
export interface PostgresFixture {
  readonly directory: string;
  readonly factory: PostgresFactory;
  readonly authority: CertificateAuthority;
  /** Public addresses by loopback source address. Other sources have {@link runnerAddress}. */
  readonly publicAddressBySource: Map<string, string>;
  /** Start a server that permits {@link runnerAddress}. */
  startServer(options?: Partial<PostgresServerOptions>): Promise<PostgresServer>;
  /**
   * A session over verified TLS, by default of the administrator in `postgres`.
   * @param watch called with the client before it connects.
   */
  openSession(
    server: PostgresServer,
    config?: pg.ClientConfig,
    watch?: (client: pg.Client) => void,
  ): Promise<pg.Client>;
  /** Run one statement in a new session. */
  query(server: PostgresServer, sql: string, config?: pg.ClientConfig): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/**
 * The `test` of the PostgreSQL tests. Each file has one factory and a server of each major, which starts for the first test
 * that uses it. `server` has the newer major.
 */
export const test = base
  .extend('preparedTemplates', { scope: 'file' }, async () => inject('postgresTemplates'))
  .extend('postgres', { scope: 'file' }, async ({ preparedTemplates }, { onCleanup }) => {
    const postgres = await createPostgresFixture(preparedTemplates);
    onCleanup(() => postgres.close());
    return postgres;
  })
  .extend('serverOf', { scope: 'file' }, async ({ postgres }) => {
    const servers = new Map<string, Promise<PostgresServer>>();
    return (major: string): Promise<PostgresServer> => {
      const server = servers.get(major) ?? postgres.startServer({ major });
      servers.set(major, server);
      return server;
    };
  })
  .extend('server', { scope: 'file' }, async ({ serverOf }) => serverOf('18'));

/** A directory that PostgreSQL's account can traverse, removed at the end of the test. */
export async function createTemporaryDirectory(): Promise<string> {
  const directory = await createTraversableDirectory();
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

async function createTraversableDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pge-'));
  await chmod(directory, 0o711);
  return directory;
}

/**
 * A factory for a test that needs a second one. The caller closes it.
 * @param preparedTemplateDirectory undefined: the factory creates its own templates.
 */
export async function createPostgresFixture(
  preparedTemplateDirectory: string | undefined,
): Promise<PostgresFixture> {
  const directory = await createTraversableDirectory();
  const authority = await CertificateAuthority.create();
  const publicAddressBySource = new Map<string, string>();
  const factory = await createPostgresFactory({
    directory,
    certificates: authority,
    clientAddresses: { getPublicAddress: (source) => publicAddressBySource.get(source) ?? runnerAddress },
    preparedTemplateDirectory,
  });
  const openSession = async (
    server: PostgresServer,
    config: pg.ClientConfig = {},
    watch: (client: pg.Client) => void = () => {},
  ) => {
    const client = new pg.Client({
      host: server.address,
      port: 5432,
      user: administrator.login,
      password: administrator.password,
      database: 'postgres',
      ssl: { ca: authority.pem },
      ...config,
    });
    client.on('error', () => {});
    watch(client);
    await client.connect();
    return client;
  };
  return {
    directory,
    factory,
    authority,
    publicAddressBySource,
    async startServer(options = {}) {
      const server = await factory.create({ ...defaultServerOptions, ...options });
      server.firewall.setRules(rulesAllowing(runnerAddress));
      await server.start();
      return server;
    },
    openSession,
    async query(server, sql, config) {
      const client = await openSession(server, config);
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    async close() {
      await factory.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export const defaultServerOptions: PostgresServerOptions = {
  name: 'demo-relecloud',
  major: '18',
  administratorLogin: administrator.login,
  administratorLoginPassword: administrator.password,
  passwordStorage: 'scram-sha-256',
  allowsDatabaseCreation: true,
  blockedBehavior: 'reject',
  firewallDelayMs: 0,
};

/** Rules that permit one address. */
export function rulesAllowing(address: string) {
  return new Map([['runner', { startIpAddress: address, endIpAddress: address }]]);
}

/** Start kill-target.ts with these arguments, and wait for the line that it prints. */
export async function startKillTarget(...args: readonly string[]): Promise<KillTarget> {
  const script = join(import.meta.dirname, 'kill-target.ts');
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  const [line] = await once(createInterface(child.stdout), 'line');
  return { pid: child.pid ?? 0, line, kill };
}

interface KillTarget {
  readonly pid: number;
  readonly line: string;
  /** Kill the process, and wait for its end. */
  kill(): Promise<void>;
}

export function pathExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Wait for a condition. The timeout only ends a test that hangs. */
export async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`The condition is not true after two minutes: ${condition}`);
    await delay(10);
  }
}

/** A TCP connection to a server's proxy. */
export function openSocket(server: { readonly address: string }, localAddress?: string): Socket {
  const socket = connect({ host: server.address, port: 5432, ...(localAddress ? { localAddress } : {}) });
  return socket.on('error', () => {});
}

/** Resolves when a session has ended. */
export function waitForSessionEnd(client: pg.Client): Promise<void> {
  return new Promise((resolve) => client.once('end', () => resolve()));
}

/** Try to connect to a server's address. Returns `connected`, or the code of the error. */
export function tryConnect(address: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 5432 }, () => {
      resolve('connected');
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** Everything that the other side sends until the connection is closed. */
export function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    stream.on('error', () => {}).once('close', () => resolve(Buffer.concat(chunks)));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  });
}

/** The next bytes that the other side sends. */
export function readNext(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      resolve(chunk);
    });
    socket.once('close', () => reject(new Error('The connection was closed.')));
    socket.resume();
  });
}

/** A packet before the session: length, code, payload. */
export function startupPacket(code: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + payload.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, payload]);
}

export const sslRequest = startupPacket(80877103);
export const gssEncryptionRequest = startupPacket(80877104);
export const startupMessage = startupPacket(196608, Buffer.from('user\0u\0database\0d\0\0'));
