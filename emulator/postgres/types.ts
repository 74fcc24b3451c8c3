import type { Hold } from '../core/hold.ts';
import type { PasswordStorage } from './azure-model/password-storage.ts';

/** A stored firewall rule, as ARM holds it: an inclusive IPv4 range. */
export interface AddressRange {
  readonly startIpAddress: string;
  readonly endIpAddress: string;
}

/** How the gate treats a client that no rule admits (facts.md §5): swallow the connection, or refuse it over TLS. */
export type BlockedClientBehavior = 'timeout' | 'reject';

export interface PostgresServerOptions {
  /** Short name of the flexible server; appears in statements and in messages. */
  readonly name: string;
  /** PostgreSQL major, one of {@link supportedMajors}. */
  readonly major: string;
  readonly administratorLogin: string;
  readonly administratorLoginPassword: string;
  readonly passwordStorage: PasswordStorage;
  readonly blockedBehavior: BlockedClientBehavior;
  /** Milliseconds that an accepted rule takes to work, or a removed one to stop working. */
  readonly firewallDelayMs: number;
}

export interface ExecutedStatement {
  /** ISO 8601. */
  readonly at: string;
  readonly server: string;
  readonly database: string;
  readonly user: string;
  readonly statement: string;
  /** The bound values of a statement of the extended protocol, as PostgreSQL logs them; absent where there are none. */
  readonly detail?: string;
}

export interface DatabaseRow {
  readonly name: string;
  readonly owner: string;
  /** `UTF8` and the like. */
  readonly charset: string;
  /** `en_US.utf8` and the like. */
  readonly collation: string;
  readonly comment: string | null;
  /** Privileges as `grantee=CTc/grantor`; null where they are those that every database begins with. */
  readonly acl: readonly string[] | null;
  /** `name=value` of `ALTER DATABASE … SET`; null where there are none. */
  readonly settings: readonly string[] | null;
  /** -1 where there is none. */
  readonly connectionLimit: number;
}

/**
 * One real PostgreSQL behind its gate: the data plane of one flexible server. The ARM side of the emulator
 * owns the life of it (create, start, stop, destroy) and pushes the stored firewall rules into it.
 */
export interface PostgresServer {
  readonly name: string;
  /** The loopback address on whose port 5432 the gate listens; doubles as `fullyQualifiedDomainName`. */
  readonly address: string;
  readonly major: string;
  /** `4` for 18.4. */
  readonly minor: string;
  /** Between a completed {@link start} and the next {@link stop}; the methods that ask PostgreSQL need it. */
  readonly isRunning: boolean;
  /** Start PostgreSQL and open the gate; resolves when a login can succeed. */
  start(): Promise<void>;
  /** Close the gate, end every session, stop PostgreSQL; data stays. */
  stop(): Promise<void>;
  /** Stop and start, as `POST …/restart` does: parameters that wait for a restart take effect. */
  restart(): Promise<void>;
  /** Stop and remove every file. Idempotent. */
  destroy(): Promise<void>;
  /** The stored rules from now on; each difference takes effect `firewallDelayMs` ms later (0 = at once). Throws on a range that is none. */
  setFirewallRules(rules: ReadonlyMap<string, AddressRange>): void;
  setAdministratorPassword(password: string): Promise<void>;
  listDatabases(): Promise<DatabaseRow[]>;
  /** As ARM does it (`CREATE DATABASE` by the service). Rejects with the PostgreSQL error (`code` = SQLSTATE). */
  createDatabase(name: string, charset: string, collation: string): Promise<void>;
  /** As ARM does it (`DROP DATABASE … WITH (FORCE)` by the service). */
  dropDatabase(name: string): Promise<void>;
  /** Every role but PostgreSQL's own `pg_*`, with attributes and memberships, for `control/state`. */
  listRoles(): Promise<Record<string, Record<string, unknown>>>;
  /** Rows of `pg_settings` as ARM shows them as configurations. */
  listParameters(): Promise<ParameterRow[]>;
  /**
   * Set one server parameter as ARM does, in the value's plain form (`on`, `4096`, `a,b`). Rejects with the PostgreSQL
   * error: 42704 for a name that does not exist, 22023 for a value that is out of range, 55P02 for a read-only one.
   */
  setParameter(name: string, value: string): Promise<{ readonly pendingRestart: boolean }>;
  /**
   * Open a session of the service itself in a database, and keep it until {@link endServiceSessions} or the server's
   * stop: it is in the way of clients that would drop or copy the database. Rejects with the PostgreSQL error (3D000).
   */
  openServiceSession(database: string): Promise<void>;
  /** End every such session; resolves when none is in anybody's way any more. */
  endServiceSessions(): Promise<void>;
  /** Statements executed for clients (not for the service itself) since the last {@link clearStatements}. */
  listStatements(): Promise<ExecutedStatement[]>;
  clearStatements(): Promise<void>;
}

export interface ParameterRow {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly defaultValue: string;
  /** ARM's words: `Boolean`, `Integer`, `Numeric`, `Enumeration`, `Set`, `String`. */
  readonly dataType: string;
  readonly allowedValues: string;
  readonly isDynamicConfig: boolean;
  readonly isReadOnly: boolean;
  /** A changed value that a restart has yet to bring into force; `value` is the new one. */
  readonly isConfigPendingRestart: boolean;
  /** Set by {@link PostgresServer.setParameter}, or as the server came. */
  readonly source: 'user-override' | 'system-default';
}

/** What all gates of one emulator share: who a connection from a loopback address is taken for. */
export interface PublicAddressLookup {
  /** The public IPv4 address by which a connection from this loopback source address is known. */
  getPublicAddress(loopbackSource: string): string;
}

/** The emulator's own certificate authority, as far as a gate needs it. */
export interface CertificateIssuer {
  /** A server certificate for these DNS names and IP addresses: PEM chain and PEM private key. */
  issue(names: string[]): Promise<{ readonly cert: string; readonly key: string }>;
}

export interface PostgresFactoryOptions {
  /**
   * An existing directory in which the factory makes one of its own, removed by `close()`. PostgreSQL refuses to run as
   * root, so for root it must be traversable by everyone (0711 is enough, from `/` down), and a Unix socket's path has
   * at most 107 bytes, so it should have at most 70. Where it is neither, the factory goes to the system's temporary
   * directories instead; where `/dev/shm` has plenty of room it goes there in the first place (see place.ts).
   */
  readonly directory: string;
  readonly certificates: CertificateIssuer;
  readonly clientAddresses: PublicAddressLookup;
  /** Whether a statement, or its answer, is to be held; by default none is. */
  readonly findHold?: (statement: string) => Hold | undefined;
  /** A directory of templates that were made before (see template.ts); without it the factory makes its own. */
  readonly preparedTemplateDirectory?: string | undefined;
}

export interface PostgresFactory {
  /** Majors that can be created here, e.g. `['17', '18']`. */
  readonly supportedMajors: readonly string[];
  /** A new cluster with Azure's role model, not yet started. */
  create(options: PostgresServerOptions): Promise<PostgresServer>;
  /** Destroy every server and remove every file that this factory made. */
  close(): Promise<void>;
}
