import { Socket } from 'node:net';
import pg from 'pg';
import type { LoginTarget, PasswordlessTarget } from './login.ts';
import { PasswordRequestError } from './login-errors.ts';

/** Milliseconds for a session to say goodbye, before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * What our sessions start with, whatever a database, a role or the server says: nothing in a database can shadow
 * pg_catalog, nothing that a template's settings say can end our statements, and who holds a lock is not waited for
 * without end. In milliseconds, 0 for no limit.
 */
const SESSION_SETTINGS = {
  search_path: 'pg_catalog',
  default_transaction_read_only: 'off',
  statement_timeout: 0,
  idle_in_transaction_session_timeout: 0,
  lock_timeout: 5000,
} as const;

/** The driver's events for the requests of a server, by what the server asks for. */
const PASSWORD_REQUEST_EVENTS = {
  'clear text': 'authenticationCleartextPassword',
  MD5: 'authenticationMD5Password',
  SASL: 'authenticationSASL',
} as const;

/**
 * A session of the action. `search_path` is `pg_catalog` from the start, so nothing in a database can shadow it; TLS is
 * always verified, with Node's roots. Nothing on it outlasts the run: a server that stops answering must not hold
 * what a time limit or a cancellation ends. The password is never sent in clear text, only as an answer to MD5 or SCRAM.
 */
export class Session {
  readonly #client: pg.Client;
  readonly #socket = new Socket();
  readonly #signal: AbortSignal;
  /** The password requests of a server that end the login. */
  readonly #rejectedRequests: readonly (keyof typeof PASSWORD_REQUEST_EVENTS)[];
  #isLost = false;

  /**
   * @param target without a password, every request for one ends the login, and nothing is sent in answer
   * @param timeout milliseconds for connecting
   * @param signal ends every query with its reason
   */
  constructor(
    { applicationName, password, ...connection }: LoginTarget | PasswordlessTarget,
    timeout: number,
    signal: AbortSignal,
  ) {
    this.#signal = signal;
    this.#rejectedRequests = password === undefined ? ['clear text', 'MD5', 'SASL'] : ['clear text'];
    this.#client = new pg.Client({
      ...connection,
      // A function, so that the driver never looks for another password, in PGPASSWORD or ~/.pgpass.
      password: () => password ?? '',
      application_name: applicationName,
      options: Object.entries(SESSION_SETTINGS)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
      ssl: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      connectionTimeoutMillis: timeout,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      stream: () => this.#socket,
    });
    // A session that ends unexpectedly shows in its next query; without a listener it would end the process.
    this.#client.on('error', () => {
      this.#isLost = true;
    });
  }

  /** Whether the server has answered with a single byte: then it is no firewall that keeps us waiting. */
  get serverResponded(): boolean {
    return this.#socket.bytesRead > 0;
  }

  /** Whether it has ended unexpectedly, so that nothing more can be asked. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** @throws `PasswordRequestError` where the server asks for a password that is not to be sent, and what the driver throws */
  connect(): Promise<unknown> {
    const connected = this.#client.connect();
    const { connection } = this.#client;
    // The driver has just added its own listeners, which would answer; nothing has arrived yet.
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

  /** The rows of one statement. */
  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    const { rows } = await this.#unlessAborted(this.#client.query<Row>(text, [...values]));
    return rows;
  }

  /** Does something in one transaction; what throws rolls it back. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query('BEGIN');
    try {
      const result = await work();
      await this.query('COMMIT');
      return result;
    } catch (error) {
      // Where the session itself is lost, so is the transaction.
      await this.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  /** Calls back once when the session is lost; returns how to stop listening. */
  onLost(callback: (error?: Error) => void): () => void {
    this.#client.on('error', callback);
    this.#client.once('end', callback);
    return () => {
      this.#client.off('error', callback);
      this.#client.off('end', callback);
    };
  }

  /** Ends the session, politely if the server listens, in two seconds in any case. Never throws. */
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
