import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Installation } from './installation.ts';
import { type ServiceAccount, spawnOptions } from './process.ts';
import { superuser } from './service-roles.ts';

/** How long PostgreSQL may take to come up, and to go down in order, in milliseconds: minutes, on a busy machine. */
const patience = 180_000;

/** Index of the line of `postmaster.pid` that says how far it is (PostgreSQL's pidfile.h). */
const statusLine = 7;

/** Everything that every cluster of one factory has in common. */
export interface Grounds {
  readonly account: ServiceAccount | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** {@link superuser}'s password, known to this process alone. */
  readonly superuserPassword: string;
}

/** One PostgreSQL: a data directory, and the postmaster on it while it runs. It listens on a Unix socket only. */
export class Cluster {
  readonly directory: string;
  readonly #installation: Installation;
  readonly #grounds: Grounds;
  #postmaster: ChildProcess | undefined;
  /** A session of the service that nobody uses just now. */
  #idle: pg.Client | undefined;

  constructor(directory: string, installation: Installation, grounds: Grounds) {
    this.directory = directory;
    this.#installation = installation;
    this.#grounds = grounds;
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
      ...spawnOptions(this.#grounds),
      // A session of its own: a Ctrl-C in the terminal is for the emulator, which stops its servers in order.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const complaint: string[] = [];
    postmaster.stderr.setEncoding('utf8').on('data', (text: string) => complaint.push(text));
    postmaster.on('error', (error) => complaint.push(error.message));
    postmaster.once('close', () => {
      if (this.#postmaster === postmaster) this.#postmaster = undefined;
    });
    this.#postmaster = postmaster;
    try {
      await this.#untilReady(postmaster);
    } catch (error) {
      await this.stop('immediate');
      throw new Error(`PostgreSQL did not start in ${this.directory}: ${complaint.join('').trim()}`, {
        cause: error,
      });
    }
  }

  /** By what the postmaster writes of itself: each login that comes too early would cost a process. */
  async #untilReady(postmaster: ChildProcess): Promise<void> {
    const deadline = performance.now() + patience;
    const pidFile = join(this.directory, 'postmaster.pid');
    for (;;) {
      const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
      if (Number(lines[0]) === postmaster.pid && lines[statusLine]?.trim() === 'ready') return;
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
    this.#idle = undefined;
    // The log collector outlives the postmaster by a moment; it holds standard error open, so `close` waits for both.
    const closed = once(postmaster, 'close');
    const impatient = setTimeout(() => postmaster.kill('SIGQUIT'), patience);
    postmaster.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await closed;
    clearTimeout(impatient);
  }

  /** Stop, and remove every file. */
  async destroy(): Promise<void> {
    await this.stop('immediate');
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /**
   * A session of the service itself ({@link superuser}), in the database where no client gets in and which none can drop
   * or copy: a superuser's session stands in the way of both. One is kept for the next use, since most of what a short
   * session costs is its start.
   */
  async session<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = this.#idle ?? this.client('azure_maintenance');
    const isNew = client !== this.#idle;
    this.#idle = undefined;
    try {
      if (isNew) await client.connect();
      const result = await work(client);
      if (this.#idle === undefined && this.#postmaster !== undefined) this.#idle = client;
      return result;
    } finally {
      // One is enough, and one that failed may have left something behind.
      if (this.#idle !== client) await client.end().catch(() => {});
    }
  }

  /** For a session of the service itself in some database: connect it, and end it. */
  client(database: string): pg.Client {
    const client = new pg.Client({
      host: this.directory,
      port: 5432,
      database,
      user: superuser,
      password: this.#grounds.superuserPassword,
      ssl: false,
      // Given here so that no PGOPTIONS of the environment is taken, and so that a superuser runs nobody's functions.
      options: '-c search_path=pg_catalog',
      application_name: 'azure',
    });
    return client
      .on('error', () => {})
      .once('end', () => {
        if (this.#idle === client) this.#idle = undefined;
      });
  }
}
