import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { SUPERUSER } from '../azure-model/service-roles.ts';
import type { Installation } from './installation.ts';
import { type ServiceAccount, spawnOptions } from './run-command.ts';

/** How long PostgreSQL may take to come up, and to go down in order, in milliseconds: minutes, on a busy machine. */
const START_STOP_TIMEOUT_MS = 180_000;

/** Index of the line of `postmaster.pid` that says how far it is (PostgreSQL's pidfile.h). */
const PID_FILE_STATUS_LINE = 7;

/** Everything that every cluster of one factory has in common. */
export interface ClusterDeps {
  readonly account: ServiceAccount | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** {@link SUPERUSER}'s password, known to this process alone. */
  readonly superuserPassword: string;
}

/** One PostgreSQL: a data directory, and the postmaster on it while it runs. It listens on a Unix socket only. */
export class Cluster {
  readonly directory: string;
  readonly #installation: Installation;
  readonly #deps: ClusterDeps;
  #postmaster: ChildProcess | undefined;
  /** A session of the service that nobody uses just now. */
  #idleClient: pg.Client | undefined;

  constructor(directory: string, installation: Installation, deps: ClusterDeps) {
    this.directory = directory;
    this.#installation = installation;
    this.#deps = deps;
  }

  /** Where clients that passed the gate are connected to. */
  get socketPath(): string {
    return join(this.directory, '.s.PGSQL.5432');
  }

  /** The statement log, one JSON object a line. */
  get logPath(): string {
    return join(this.directory, 'log', 'postgresql.json');
  }

  /**
   * Start the postmaster; resolves when it accepts logins.
   *
   * @throws Error with PostgreSQL's own words when it does not come up.
   */
  async start(): Promise<void> {
    const args = ['-D', this.directory, '-k', this.directory, '-c', 'listen_addresses='];
    const postmaster = spawn(this.#installation.postgres, args, {
      ...spawnOptions(this.#deps),
      // A session of its own: a Ctrl-C in the terminal is for the emulator, which stops its servers in order.
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

  /** By what the postmaster writes of itself: each login that comes too early would cost a process. */
  async #waitUntilReady(postmaster: ChildProcess): Promise<void> {
    const deadline = performance.now() + START_STOP_TIMEOUT_MS;
    const pidFile = join(this.directory, 'postmaster.pid');
    for (;;) {
      const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
      if (Number(lines[0]) === postmaster.pid && lines[PID_FILE_STATUS_LINE]?.trim() === 'ready') return;
      if (this.#postmaster !== postmaster || postmaster.exitCode !== null) throw new Error('It has ended.');
      if (performance.now() > deadline) throw new Error('It does not become ready.');
      await delay(5);
    }
  }

  /**
   * Stop the postmaster, if it runs: `fast` writes a checkpoint, so that the data stay; `immediate` is for data that
   * nobody needs any more. Resolves when its last process has let go of its files.
   */
  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    const postmaster = this.#postmaster;
    if (!postmaster) return;
    this.#idleClient = undefined;
    // The log collector outlives the postmaster by a moment; it holds standard error open, so `close` waits for both.
    const closed = once(postmaster, 'close');
    const killTimer = setTimeout(() => postmaster.kill('SIGQUIT'), START_STOP_TIMEOUT_MS);
    postmaster.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await closed;
    clearTimeout(killTimer);
  }

  /** Stop, and remove every file. */
  async destroy(): Promise<void> {
    await this.stop('immediate');
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /**
   * A session of the service itself ({@link SUPERUSER}), in the database where no client gets in and which none can drop
   * or copy: a superuser's session stands in the way of both. One is kept for the next use, since most of what a short
   * session costs is its start.
   */
  async withSession<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = this.#idleClient ?? this.createClient('azure_maintenance');
    const isNew = client !== this.#idleClient;
    this.#idleClient = undefined;
    try {
      if (isNew) await client.connect();
      const result = await work(client);
      if (this.#idleClient === undefined && this.#postmaster !== undefined) this.#idleClient = client;
      return result;
    } finally {
      // One is enough, and one that failed may have left something behind.
      if (this.#idleClient !== client) await client.end().catch(() => {});
    }
  }

  /** For a session of the service itself in some database: connect it, and end it. */
  createClient(database: string): pg.Client {
    const client = new pg.Client({
      host: this.directory,
      port: 5432,
      database,
      user: SUPERUSER,
      password: this.#deps.superuserPassword,
      ssl: false,
      // Given here so that no PGOPTIONS of the environment is taken, and so that a superuser runs nobody's functions.
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
