import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SUPERUSER } from '../azure-model/service-roles.ts';
import type { ExecutedStatement } from '../types.ts';
import type { Cluster } from './cluster.ts';

/** How long the log collector may take to write what it was sent, in milliseconds. */
const LOG_FLUSH_TIMEOUT_MS = 10_000;

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
const EXECUTED_STATEMENT = /^(?:statement|execute .*?): (?<statement>[\s\S]*)$/;

/** The statements that PostgreSQL itself says it executed for clients (`log_statement = all`), read as its log grows. */
export class StatementLog {
  readonly #server: string;
  readonly #cluster: Cluster;
  #statements: ExecutedStatement[] = [];
  #offset = 0;
  #partialLine: Buffer = Buffer.alloc(0);
  #seenMarkers = new Set<string>();
  #queue: Promise<void> = Promise.resolve();

  constructor(server: string, cluster: Cluster) {
    this.#server = server;
    this.#cluster = cluster;
  }

  /** Every statement since {@link clear} that PostgreSQL has executed for a client so far. */
  get all(): ExecutedStatement[] {
    return [...this.#statements];
  }

  clear(): void {
    this.#statements = [];
  }

  /**
   * Read all that PostgreSQL, which must be running, has logged until now. Its collector writes behind its sessions, but in
   * order: a mark that is logged now is written after everything that was logged before.
   */
  readNewEntries(): Promise<void> {
    const next = this.#queue.then(() => this.#readUntilMarker());
    this.#queue = next.catch(() => {});
    return next;
  }

  async #readUntilMarker(): Promise<void> {
    const marker = `azure mark ${randomUUID()}`;
    await this.#cluster.withSession((client) => client.query(`DO $$BEGIN RAISE LOG '${marker}'; END$$`));
    const deadline = performance.now() + LOG_FLUSH_TIMEOUT_MS;
    for (;;) {
      await this.#readAppended();
      if (this.#seenMarkers.delete(marker)) return;
      if (performance.now() > deadline)
        throw new Error(`PostgreSQL's log fell silent: ${this.#cluster.logPath}`);
      await delay(2);
    }
  }

  async #readAppended(): Promise<void> {
    const file = await open(this.#cluster.logPath);
    try {
      for await (const chunk of file.createReadStream({ start: this.#offset, autoClose: false })) {
        this.#offset += chunk.length;
        this.#partialLine = Buffer.concat([this.#partialLine, chunk]);
        const end = this.#partialLine.lastIndexOf('\n') + 1;
        const lines = this.#partialLine.toString('utf8', 0, end);
        this.#partialLine = this.#partialLine.subarray(end);
        for (const line of lines.split('\n')) if (line !== '') this.#addLine(JSON.parse(line));
      }
    } finally {
      await file.close();
    }
  }

  #addLine({ timestamp, user, dbname, backend_type, message = '', detail }: LogLine): void {
    if (user === SUPERUSER) {
      if (message.startsWith('azure mark ')) this.#seenMarkers.add(message);
      return;
    }
    const statement = EXECUTED_STATEMENT.exec(message)?.groups?.['statement'];
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
