import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { SUPERUSER } from '../azure-model/role-model.ts';
import type { BackendListener, ClientConnection } from './backend-listener.ts';
import type { Installation } from './installation.ts';
import { type ServiceAccount, spawnOptions } from './run-command.ts';

/** Milliseconds for a start and for a stop. On a busy machine they can take minutes. */
const START_STOP_TIMEOUT_MS = 180_000;

/** Index of the status line in `postmaster.pid` (PostgreSQL's pidfile.h). */
const PID_FILE_STATUS_LINE = 7;

/** What all clusters of a factory share. */
export interface ClusterDeps {
  readonly account: ServiceAccount | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** The password of {@link SUPERUSER}. */
  readonly superuserPassword: string;
}

/**
 * A PostgreSQL data directory, and its postmaster while it runs. It listens on a Unix socket for the service, and with TLS on
 * a loopback address for the proxy.
 */
export class Cluster {
  readonly directory: string;
  readonly #listener: BackendListener;
  readonly #installation: Installation;
  readonly #deps: ClusterDeps;
  #postmaster: ChildProcess | undefined;
  /** A session of the service for the next {@link withSession}. */
  #idleClient: pg.Client | undefined;

  constructor(directory: string, listener: BackendListener, installation: Installation, deps: ClusterDeps) {
    this.directory = directory;
    this.#listener = listener;
    this.#installation = installation;
    this.#deps = deps;
  }

  /** A connection to PostgreSQL for a client of the proxy. */
  connectClient(client: ClientConnection): Socket {
    return this.#listener.connect(client);
  }

  /** The statement log, one JSON object a line. */
  get logPath(): string {
    return join(this.directory, 'log', 'postgresql.json');
  }

  /**
   * Start the postmaster. Resolves when it accepts logins.
   *
   * @throws Error with the standard error of PostgreSQL if it does not start.
   */
  async start(): Promise<void> {
    await this.#listener.writeCertificate(this.directory, this.#deps.account);
    const args = ['-D', this.directory, '-k', this.directory, ...this.#listener.settings];
    const postmaster = spawn(this.#installation.postgres, args, {
      ...spawnOptions(this.#deps),
      // In a separate session, so that Ctrl-C reaches only the emulator, which then stops its servers.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const stderrChunks: string[] = [];
    postmaster.stderr.setEncoding('utf8').on('data', (text: string) => stderrChunks.push(text));
    postmaster.on('error', (error) => stderrChunks.push(error.message));
    postmaster.once('close', () => {
      if (this.#postmaster === postmaster) this.#postmaster = undefined;
    });
    this.#postmaster = postmaster;
    try {
      await this.#waitUntilReady(postmaster);
    } catch (error) {
      await this.stop('immediate');
      throw new Error(`PostgreSQL did not start in ${this.directory}: ${stderrChunks.join('').trim()}`, {
        cause: error,
      });
    }
  }

  /** Reads postmaster.pid, because each login attempt would start a process. */
  async #waitUntilReady(postmaster: ChildProcess): Promise<void> {
    const deadline = performance.now() + START_STOP_TIMEOUT_MS;
    const pidFile = join(this.directory, 'postmaster.pid');
    for (;;) {
      const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
      if (Number(lines[0]) === postmaster.pid && lines[PID_FILE_STATUS_LINE]?.trim() === 'ready') return;
      if (this.#postmaster !== postmaster || postmaster.exitCode !== null)
        throw new Error('The postmaster has exited.');
      if (performance.now() > deadline)
        throw new Error(`The postmaster is not ready after ${START_STOP_TIMEOUT_MS / 1000} seconds.`);
      await delay(5);
    }
  }

  /**
   * Stop the postmaster, if it runs. `fast` writes a checkpoint and keeps the data; `immediate` does not. Resolves when no
   * process has open files.
   */
  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    const postmaster = this.#postmaster;
    if (!postmaster) return;
    this.#idleClient = undefined;
    // The log collector ends after the postmaster. It holds standard error open, so `close` waits for both.
    const closed = once(postmaster, 'close');
    const killTimer = setTimeout(() => postmaster.kill('SIGQUIT'), START_STOP_TIMEOUT_MS);
    postmaster.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await closed;
    clearTimeout(killTimer);
  }

  /** Stop, and remove the data directory. */
  async destroy(): Promise<void> {
    await this.stop('immediate');
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /** @throws Error if PostgreSQL is not running. */
  requireRunning(): void {
    if (!this.#postmaster) throw new Error(`PostgreSQL is not running in ${this.directory}.`);
  }

  /**
   * Run work in a session of the service ({@link SUPERUSER}). The session uses `azure_maintenance`, because a session in a
   * database of clients would block them from dropping or copying it. One session stays open for the next call, because
   * the start is most of the cost of a short session.
   *
   * @throws Error if PostgreSQL is not running.
   */
  async withSession<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    this.requireRunning();
    const client = this.#idleClient ?? this.createClient('azure_maintenance');
    const isNew = client !== this.#idleClient;
    this.#idleClient = undefined;
    try {
      if (isNew) await client.connect();
      const result = await work(client);
      if (this.#idleClient === undefined && this.#postmaster !== undefined) this.#idleClient = client;
      return result;
    } finally {
      // One idle session is enough, and a session with an error may be in an unknown state.
      if (this.#idleClient !== client) await client.end().catch(() => {});
    }
  }

  /** A client for a session of the service in a database. The caller connects and ends it. */
  createClient(database: string): pg.Client {
    const client = new pg.Client({
      host: this.directory,
      port: 5432,
      database,
      user: SUPERUSER,
      password: this.#deps.superuserPassword,
      ssl: false,
      // Overrides PGOPTIONS. The search path keeps the superuser from running functions of other roles.
      options: '-c search_path=pg_catalog',
      application_name: 'azure',
    });
    return client
      .on('error', () => {})
      .once('end', () => {
        if (this.#idleClient === client) this.#idleClient = undefined;
      });
  }
}
