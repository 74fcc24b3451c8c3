import { Socket } from 'node:net';
import pg from 'pg';
import { PasswordRequestError } from './login-errors.ts';

/** Host, database, role and password of a session. */
export interface SessionTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Undefined: the login ends when the server asks for a password. */
  readonly password: string | undefined;
  /** `application_name` in `pg_stat_activity`; PostgreSQL cuts it to 63 bytes. */
  readonly applicationName: string;
}

/** Milliseconds for the server to end a session, before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * Settings that override those of the server, the database and the role. Nothing in a database can shadow pg_catalog,
 * the settings of a template cannot end a statement, and a lock is not awaited without a limit. Times are in
 * milliseconds; 0 means no limit.
 */
const SESSION_SETTINGS = {
  search_path: 'pg_catalog',
  default_transaction_read_only: 'off',
  statement_timeout: 0,
  idle_in_transaction_session_timeout: 0,
  lock_timeout: 5000,
} as const;

/** The driver's events for each kind of password that a server can ask for. */
const PASSWORD_REQUEST_EVENTS = {
  'clear text': 'authenticationCleartextPassword',
  MD5: 'authenticationMD5Password',
  SASL: 'authenticationSASL',
} as const;

/**
 * A session with verified TLS, whose `search_path` is `pg_catalog` from the start. Every query ends with the run, so a
 * server that stops answering cannot delay a timeout or a cancellation. The password is never sent in clear text, only
 * in an MD5 or SCRAM exchange.
 */
export class Session {
  readonly #client: pg.Client;
  readonly #socket = new Socket();
  readonly #signal: AbortSignal;
  /** The password requests that end the login. */
  readonly #rejectedRequests: readonly (keyof typeof PASSWORD_REQUEST_EVENTS)[];
  #isLost = false;

  /**
   * @param timeoutMs milliseconds for the login
   * @param signal ends the login and every query with its reason
   */
  constructor(
    { applicationName, password, ...connection }: SessionTarget,
    timeoutMs: number,
    signal: AbortSignal,
  ) {
    this.#signal = signal;
    this.#rejectedRequests = password === undefined ? ['clear text', 'MD5', 'SASL'] : ['clear text'];
    this.#client = new pg.Client({
      ...connection,
      // A function, so that the driver does not read a password from PGPASSWORD or ~/.pgpass.
      password: () => password ?? '',
      application_name: applicationName,
      options: Object.entries(SESSION_SETTINGS)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
      ssl: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      connectionTimeoutMillis: timeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      stream: () => this.#socket,
    });
    // Without a listener, a session that ends unexpectedly would end the process. The next query reports it.
    this.#client.on('error', () => {
      this.#isLost = true;
    });
  }

  /** Whether the server has sent at least one byte, which a firewall that drops packets does not. */
  get serverResponded(): boolean {
    return this.#socket.bytesRead > 0;
  }

  /** Whether the session has ended unexpectedly, so that every further query fails. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** @throws `PasswordRequestError` when the server asks for a password that must not be sent; the driver's errors */
  connect(): Promise<unknown> {
    const connected = this.#client.connect();
    const { connection } = this.#client;
    // The driver has just added its own listeners, which would answer. Nothing has arrived yet.
    for (const request of this.#rejectedRequests)
      connection
        .removeAllListeners(PASSWORD_REQUEST_EVENTS[request])
        .on(PASSWORD_REQUEST_EVENTS[request], () =>
          connection.emit(
            'error',
            new PasswordRequestError(this.#rejectedRequests.length > 1 ? 'any' : 'clear text'),
          ),
        );
    return this.#unlessAborted(connected);
  }

  /** Runs one statement and returns its rows. */
  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    const { rows } = await this.#unlessAborted(this.#client.query<Row>(text, [...values]));
    return rows;
  }

  /** Runs `work` in one transaction. An error rolls it back. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query('BEGIN');
    try {
      const result = await work();
      await this.query('COMMIT');
      return result;
    } catch (error) {
      // When the session is lost, the server rolls back.
      await this.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  /** Calls back when the session is lost. @returns a function that removes the listener */
  onLost(callback: (error?: Error) => void): () => void {
    this.#client.on('error', callback);
    this.#client.once('end', callback);
    return () => {
      this.#client.off('error', callback);
      this.#client.off('end', callback);
    };
  }

  /** Ends the session, after two seconds also without an answer of the server. Never throws. */
  async close(): Promise<void> {
    const { promise: timedOut, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    await Promise.race([this.#client.end().catch(() => {}), timedOut]);
    clearTimeout(timer);
    this.#socket.destroy();
  }

  async #unlessAborted<T>(work: Promise<T>): Promise<T> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(this.#signal.reason);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#signal.throwIfAborted();
      return await Promise.race([work, aborted]);
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
      work.catch(() => {});
    }
  }
}
