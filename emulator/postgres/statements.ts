import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { superuser } from './service-roles.ts';
import type { ExecutedStatement } from './types.ts';

/** How long the log collector may take to write what it was sent, in milliseconds. */
const patience = 10_000;

/** The fields of one line of PostgreSQL's jsonlog that matter here. */
interface LogLine {
  readonly timestamp: string;
  readonly user?: string;
  readonly dbname?: string;
  readonly backend_type?: string;
  readonly message?: string;
  readonly detail?: string;
}

/** `statement: …` of the simple protocol, `execute NAME: …` (or `execute fetch from NAME: …`) of the extended one. */
const executed = /^(?:statement|execute .*?): (?<statement>[\s\S]*)$/;

/** The statements that PostgreSQL itself says it executed for clients (`log_statement = all`), read as its log grows. */
export class StatementLog {
  readonly #server: string;
  readonly #cluster: Cluster;
  #statements: ExecutedStatement[] = [];
  #offset = 0;
  #partial: Buffer = Buffer.alloc(0);
  #seen = new Set<string>();
  #turn: Promise<void> = Promise.resolve();

  constructor(server: string, cluster: Cluster) {
    this.#server = server;
    this.#cluster = cluster;
  }

  /** Every statement since {@link forget} that PostgreSQL has executed for a client so far. */
  get all(): ExecutedStatement[] {
    return [...this.#statements];
  }

  forget(): void {
    this.#statements = [];
  }

  /**
   * Read all that PostgreSQL, which must be running, has logged until now. Its collector writes behind its sessions, but in
   * order: a mark that is logged now is written after everything that was logged before.
   */
  catchUp(): Promise<void> {
    const next = this.#turn.then(() => this.#readToMark());
    this.#turn = next.catch(() => {});
    return next;
  }

  async #readToMark(): Promise<void> {
    const mark = `azure mark ${randomUUID()}`;
    await this.#cluster.session((client) => client.query(`DO $$BEGIN RAISE LOG '${mark}'; END$$`));
    const deadline = performance.now() + patience;
    for (;;) {
      await this.#readOn();
      if (this.#seen.delete(mark)) return;
      if (performance.now() > deadline)
        throw new Error(`PostgreSQL's log fell silent: ${this.#cluster.logPath}`);
      await delay(2);
    }
  }

  async #readOn(): Promise<void> {
    const file = await open(this.#cluster.logPath);
    try {
      for await (const chunk of file.createReadStream({ start: this.#offset, autoClose: false })) {
        this.#offset += chunk.length;
        this.#partial = Buffer.concat([this.#partial, chunk]);
        const end = this.#partial.lastIndexOf('\n') + 1;
        const lines = this.#partial.toString('utf8', 0, end);
        this.#partial = this.#partial.subarray(end);
        for (const line of lines.split('\n')) if (line !== '') this.#take(JSON.parse(line));
      }
    } finally {
      await file.close();
    }
  }

  #take({ timestamp, user, dbname, backend_type, message = '', detail }: LogLine): void {
    if (user === superuser) {
      if (message.startsWith('azure mark ')) this.#seen.add(message);
      return;
    }
    const statement = executed.exec(message)?.groups?.['statement'];
    if (backend_type !== 'client backend' || statement === undefined) return;
    this.#statements.push({
      // `2026-01-31 12:00:00.123 UTC`, for log_timezone is UTC.
      at: new Date(timestamp.replace(' ', 'T').replace(' UTC', 'Z')).toISOString(),
      server: this.#server,
      database: dbname ?? '',
      user: user ?? '',
      statement,
      ...(detail === undefined ? {} : { detail }),
    });
  }
}
