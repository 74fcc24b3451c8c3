import { Socket } from 'node:net';
import pg from 'pg';
import { actionError } from '../common/errors.ts';
import { withTimeout } from '../common/polling.ts';
import type { ServerFacts } from '../common/server-facts.ts';
import { PasswordRequestError } from './login-errors.ts';
import { formatPgError, getSqlState, isFatal, recordStatement, SessionLostError } from './pg-errors.ts';
import { explainWriteProtection, READ_ONLY_TRANSACTION, type WriteProtection } from './write-protection.ts';

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
  /** What Azure reports about the server. Without the version, the login takes one more statement. */
  readonly serverFacts?: ServerFacts;
  /** Whether only SCRAM is answered, with which the server proves that it knows the password too. */
  readonly requiresScram?: true;
  /**
   * Whether statements also write to a server that has made itself read-only, such as one whose storage is almost full.
   * Only for a session that frees storage.
   */
  readonly writesToReadOnlyServer?: boolean;
}

/** Milliseconds for the server to end a session, before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000;

/** A setting of every session, from the start. */
interface SessionSetting {
  readonly name: string;
  readonly value: string;
  /** PostgreSQL's first major version that has it; an older one refuses a login that names it. */
  readonly since?: number;
}

/**
 * Settings that override what a server, a database or a role presets, because a preset could change what a statement
 * means or end the session (docs/azure-behavior.md#presets-of-sessions). `default_transaction_read_only` is not one of
 * them: see {@link Session.writeProtection}.
 */
const SESSION_SETTINGS: readonly SessionSetting[] = [
  // Against objects that the owner of a database puts into another schema under a name of pg_catalog.
  { name: 'search_path', value: 'pg_catalog' },
  // Against a preset SET ROLE, with which statements have other privileges and owners.
  { name: 'role', value: 'none' },
  // Against values that the driver cannot parse, or that another session reads differently.
  { name: 'DateStyle', value: 'ISO' },
  { name: 'TimeZone', value: 'UTC' },
  { name: 'standard_conforming_strings', value: 'on' },
  // Against transactions that do not see what other jobs have committed meanwhile, or that fail with 40001.
  { name: 'default_transaction_isolation', value: 'read committed' },
  { name: 'default_transaction_deferrable', value: 'off' },
  // Against a preset membership of the administrator in each role that it creates.
  { name: 'createrole_self_grant', value: '', since: 16 },
  // Against an end of the session by an error that is handled here.
  { name: 'exit_on_error', value: 'off' },
  // Against an end of the session while a migration runs, and of a statement that takes long; 0 means no limit.
  { name: 'statement_timeout', value: '0' },
  { name: 'idle_in_transaction_session_timeout', value: '0' },
  { name: 'idle_session_timeout', value: '0', since: 14 },
  { name: 'transaction_timeout', value: '0', since: 17 },
  // Milliseconds. Against a lock that is awaited without a limit, or not at all.
  { name: 'lock_timeout', value: '5000' },
];

/** The option of the startup message that sets them. White space in a value ends it, unless it is escaped. */
function startupOptions({ serverFacts, writesToReadOnlyServer }: SessionTarget): string {
  const { majorVersion = 0 } = serverFacts ?? {};
  const settings = SESSION_SETTINGS.filter(({ since = 0 }) => since <= majorVersion);
  if (writesToReadOnlyServer) settings.push({ name: 'default_transaction_read_only', value: 'off' });
  return settings.map(({ name, value }) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`).join(' ');
}

/**
 * Sets what a startup message without a version leaves out, in a server of this version. Reads the client's address too,
 * which saves a statement later.
 */
function firstStatementSql(majorVersion: number): string {
  const settings = SESSION_SETTINGS.filter(({ since }) => since !== undefined && since <= majorVersion);
  const calls = settings.map(({ name, value }) => `set_config('${name}', '${value}', false)`);
  return `SELECT ${[...calls, 'host(inet_client_addr()) AS address'].join(', ')}`;
}

/** Where a role, a database or both set a value, in the words of pg_settings.source. */
const PRESET_SOURCES = ['database', 'user', 'database user'];

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
  readonly #responded = Promise.withResolvers<void>();
  readonly #signal: AbortSignal;
  /** The password requests that end the login. */
  readonly #rejectedRequests: readonly (keyof typeof PASSWORD_REQUEST_EVENTS)[];
  readonly #target: SessionTarget;
  #serverFacts: ServerFacts | undefined;
  /** Milliseconds for the login. */
  readonly #timeoutMs: number;
  /** Settings that the server reports, also when they change. */
  readonly #reported = new Map<string, string>();
  #isLoggedIn = false;
  /** The end of the last statement. */
  #idle: Promise<unknown> = Promise.resolve();
  #clientAddress: string | undefined;
  #writeProtection: WriteProtection | undefined;
  /** The first error with which the session ended. */
  #lossCause: unknown;
  /** The error that ended the current transaction. */
  #transactionError: unknown;

  /**
   * @param timeoutMs milliseconds for the login
   * @param signal ends the login and every query with its reason
   */
  constructor(target: SessionTarget, timeoutMs: number, signal: AbortSignal) {
    const { host, port, database, user, password, applicationName } = target;
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#serverFacts = target.serverFacts;
    this.#rejectedRequests =
      password === undefined
        ? ['clear text', 'MD5', 'SASL']
        : target.requiresScram
          ? ['clear text', 'MD5']
          : ['clear text'];
    this.#client = new pg.Client({
      host,
      port,
      database,
      user,
      // A function, so that the driver does not read a password from PGPASSWORD or ~/.pgpass.
      password: () => password ?? '',
      application_name: applicationName,
      options: startupOptions(target),
      ssl: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      connectionTimeoutMillis: timeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      stream: () => this.#socket,
    });
    this.#socket.once('data', () => this.#responded.resolve());
    // Without a listener, a session that ends unexpectedly would end the process. The next query reports it.
    this.#client.on('error', (error) => {
      this.#lossCause ??= error;
    });
    this.#client.connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      this.#reported.set(parameterName, parameterValue);
    });
  }

  /** Whether the server has sent at least one byte, which a firewall that drops packets does not. */
  get serverResponded(): boolean {
    return this.#socket.bytesRead > 0;
  }

  /** Whether PostgreSQL has accepted the login, also if the session has ended since. */
  get isLoggedIn(): boolean {
    return this.#isLoggedIn;
  }

  /** Resolves with the server's first byte; never without one. */
  get responded(): Promise<void> {
    return this.#responded.promise;
  }

  /** Whether the session has ended unexpectedly, so that every further query fails. */
  get isLost(): boolean {
    return this.#lossCause !== undefined;
  }

  /** Adds what Azure reports, for the errors of a session that began before Azure had answered. */
  addServerFacts(serverFacts: ServerFacts | undefined): void {
    this.#serverFacts = serverFacts;
  }

  /** The address of this client as PostgreSQL sees it; empty if it has none. */
  async readClientAddress(): Promise<string> {
    if (this.#clientAddress === undefined) {
      const [row] = await this.query<{ address: string | null }>(
        'SELECT host(inet_client_addr()) AS address',
      );
      this.#clientAddress = row?.address ?? '';
    }
    return this.#clientAddress;
  }

  /** What kept the session from writing when it began; undefined if nothing did. */
  get writeProtection(): WriteProtection | undefined {
    return this.#writeProtection;
  }

  /** @throws `PasswordRequestError` when the server asks for a password that must not be sent; the driver's errors */
  async connect(): Promise<void> {
    const connected = this.#client.connect();
    const { connection } = this.#client;
    // The driver has just added its own listeners, which would answer. Nothing has arrived yet.
    for (const request of this.#rejectedRequests)
      connection
        .removeAllListeners(PASSWORD_REQUEST_EVENTS[request])
        .on(PASSWORD_REQUEST_EVENTS[request], () =>
          connection.emit(
            'error',
            new PasswordRequestError(this.#target.password === undefined ? 'any' : request),
          ),
        );
    await this.#unlessAborted(connected);
    this.#isLoggedIn = true;
    // The driver's timeout ends with the login itself.
    await withTimeout(this.#timeoutMs, () => new Error('timeout expired'), this.#completeSettings());
  }

  /** Sets what the startup message could not, because it depends on the server. */
  async #completeSettings(): Promise<void> {
    const majorVersion = Number.parseInt(this.#reported.get('server_version') ?? '', 10);
    if (this.#serverFacts?.majorVersion === undefined && !Number.isNaN(majorVersion)) {
      const [row] = await this.query<{ address: string | null }>(firstStatementSql(majorVersion));
      this.#clientAddress = row?.address ?? '';
    }
    await this.#liftPreset();
  }

  /**
   * Overrides a read-only default of the database or the role. That of the server stays, because it protects a server
   * whose storage is almost full: a clone would fill it completely.
   */
  async #liftPreset(): Promise<void> {
    // PostgreSQL reports both settings since version 14.
    const isReplica = this.#reported.get('in_hot_standby');
    if (this.#reported.get('default_transaction_read_only') === 'off' && isReplica === 'off') return;
    const [row] = await this.query<{ readonly isReplica: boolean; readonly setting: string; source: string }>(
      `SELECT pg_is_in_recovery() AS "isReplica", setting, source FROM pg_settings
       WHERE name = 'default_transaction_read_only'`,
    );
    if (row?.isReplica) this.#writeProtection = 'replica';
    else if (row?.setting !== 'on') return;
    else if (!PRESET_SOURCES.includes(row.source)) this.#writeProtection = 'server';
    else {
      this.#writeProtection = 'preset';
      await this.query('SET default_transaction_read_only = off');
    }
  }

  /**
   * Runs one statement, after those that this session already runs, and returns its rows.
   * @throws `server-read-only`; `SessionLostError` with the first cause; PostgreSQL's errors
   */
  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    // The driver itself will not accept a statement during another one.
    const executed = this.#idle.then(() => this.#client.query<Row>(text, [...values]));
    this.#idle = executed.catch(() => {});
    try {
      const { rows } = await this.#unlessAborted(executed);
      return rows;
    } catch (error) {
      throw this.#signal.aborted ? error : this.#toQueryError(error, text);
    }
  }

  #toQueryError(error: unknown, text: string): unknown {
    const { database, user } = this.#target;
    if (getSqlState(error) === '') {
      // The driver reports only that the session has ended, but has received the cause before.
      if (!this.isLost) return error;
      const lost = new SessionLostError(this.#lossCause);
      recordStatement(lost, text, { database, user });
      return lost;
    }
    if (isFatal(error)) this.#lossCause ??= error;
    // PostgreSQL reports 25P02 for every statement between the failed one and ROLLBACK.
    if (getSqlState(error) === '25P02' && this.#transactionError !== undefined) return this.#transactionError;
    recordStatement(error, text, { database, user });
    const queryError = getSqlState(error) === READ_ONLY_TRANSACTION ? this.#toReadOnlyError(error) : error;
    this.#transactionError ??= queryError;
    return queryError;
  }

  #toReadOnlyError(error: unknown): Error {
    const { host } = this.#target;
    const isReplica = this.#writeProtection === 'replica' || this.#reported.get('in_hot_standby') === 'on';
    const explained = explainWriteProtection(isReplica ? 'replica' : 'server', this.#serverFacts);
    return actionError(
      'server-read-only',
      { host, reason: formatPgError(error), ...explained },
      { cause: error },
    );
  }

  /** Runs `work` in one transaction. An error rolls it back; the first one is thrown, also if `work` goes on after it. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query('BEGIN');
    this.#transactionError = undefined;
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

  /** Ends the session, after two seconds also without an answer of the server, or its login. Never throws. */
  async close(): Promise<void> {
    if (!this.#isLoggedIn) this.#socket.destroy();
    const { promise: timedOut, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    await Promise.race([this.#client.end().catch(() => {}), timedOut]);
    clearTimeout(timer);
    this.#socket.destroy();
  }

  /** Ends the connection at once, also while it is being opened, without a message to the server. */
  destroy(): void {
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
