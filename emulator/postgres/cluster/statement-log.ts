import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SUPERUSER } from '../azure-model/role-model.ts';
import type { ExecutedStatement, ServerStatements } from '../types.ts';
import type { Cluster } from './cluster.ts';

/** Milliseconds that the log collector can take to write its input. */
const LOG_FLUSH_TIMEOUT_MS = 10_000;

/** Begins the log entries that {@link StatementLog.readNewEntries} waits for. */
const MARKER_PREFIX = 'azure statement log marker ';

/** Fields of a line in PostgreSQL's jsonlog. */
interface LogLine {
  readonly timestamp: string;
  readonly user?: string;
  readonly dbname?: string;
  readonly backend_type?: string;
  readonly message?: string;
  readonly detail?: string;
}

/** `statement: …` in the simple protocol, `execute NAME: …` or `execute fetch from NAME: …` in the extended protocol. */
const EXECUTED_STATEMENT = /^(?:statement|execute .*?): (?<statement>[\s\S]*)$/;

/** The statements in PostgreSQL's log (`log_statement = all`), read as the log grows. */
export class StatementLog implements ServerStatements {
  readonly #server: string;
  readonly #cluster: Cluster;
  readonly #isRunning: () => boolean;
  #statements: ExecutedStatement[] = [];
  #offset = 0;
  #partialLine: Buffer = Buffer.alloc(0);
  #loggedMarkers = new Set<string>();
  #queue: Promise<void> = Promise.resolve();

  /** @param isRunning whether the log can be read now. Otherwise the calls use the statements that were read before. */
  constructor(server: string, cluster: Cluster, isRunning: () => boolean) {
    this.#server = server;
    this.#cluster = cluster;
    this.#isRunning = isRunning;
  }

  async list(): Promise<ExecutedStatement[]> {
    if (this.#isRunning()) await this.readNewEntries();
    return [...this.#statements];
  }

  async clear(): Promise<void> {
    if (this.#isRunning()) await this.readNewEntries();
    this.#statements = [];
  }

  /**
   * Read everything that PostgreSQL, which must be running, has logged until now. Its log collector writes with a delay, but
   * in order: when a new marker is in the log, all earlier entries are in it too.
   */
  readNewEntries(): Promise<void> {
    const next = this.#queue.then(() => this.#readUntilMarker());
    this.#queue = next.catch(() => {});
    return next;
  }

  async #readUntilMarker(): Promise<void> {
    const marker = `${MARKER_PREFIX}${randomUUID()}`;
    await this.#cluster.withSession((client) => client.query(`DO $$BEGIN RAISE LOG '${marker}'; END$$`));
    const deadline = performance.now() + LOG_FLUSH_TIMEOUT_MS;
    for (;;) {
      await this.#readAppended();
      if (this.#loggedMarkers.delete(marker)) return;
      if (performance.now() > deadline)
        throw new Error(`PostgreSQL did not write its log entry in time: ${this.#cluster.logPath}`);
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
      if (message.startsWith(MARKER_PREFIX)) this.#loggedMarkers.add(message);
      return;
    }
    const statement = EXECUTED_STATEMENT.exec(message)?.groups?.['statement'];
    if (backend_type !== 'client backend' || statement === undefined) return;
    this.#statements.push({
      // Such as `2026-01-31 12:00:00.123 UTC`, because log_timezone is UTC.
      at: new Date(timestamp.replace(' ', 'T').replace(' UTC', 'Z')).toISOString(),
      server: this.#server,
      database: dbname ?? '',
      user: user ?? '',
      statement,
      ...(detail === undefined ? {} : { detail }),
    });
  }
}
