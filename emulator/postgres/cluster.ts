import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Installation } from './installation.ts';
import { type ServiceAccount, spawnOptions } from './process.ts';
import { superuser } from './service-roles.ts';

/** How long PostgreSQL may take to come up, and to go down in order, in milliseconds. */
const patience = 30_000;

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

  async #untilReady(postmaster: ChildProcess): Promise<void> {
    const deadline = performance.now() + patience;
    for (;;) {
      try {
        return await this.session(async () => {});
      } catch (error) {
        const ended = this.#postmaster !== postmaster || postmaster.exitCode !== null;
        if (ended || performance.now() > deadline) throw error;
      }
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
   * A short session of the service itself ({@link superuser}), in the database where no client gets in and which none
   * can drop or copy: a superuser's session stands in the way of both (facts.md §5).
   */
  async session<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = this.client('azure_maintenance');
    try {
      await client.connect();
      return await work(client);
    } finally {
      await client.end().catch(() => {});
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
    return client.on('error', () => {});
  }
}
