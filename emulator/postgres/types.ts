import type { Hold } from '../core/faults.ts';

/** A firewall rule: an inclusive IPv4 range. */
export interface AddressRange {
  readonly startIpAddress: string;
  readonly endIpAddress: string;
}

/** What happens to a client that no rule permits: its connection gets no answer, or an error over TLS. */
export type BlockedClientBehavior = 'timeout' | 'reject';

/**
 * How a new server stores passwords and which stored passwords it accepts. It sets the defaults of `password_encryption`
 * and `azure.accepted_password_auth_method`:
 * - `scram-sha-256`: a server created since about October 2024. It accepts passwords that are stored as MD5 too.
 * - `md5`: an older server. It accepts a stored SCRAM verifier too, as PostgreSQL's method `md5` does. Whether Azure does
 *   is unknown.
 * - `md5-strict`: an older server that refuses a stored SCRAM verifier (inferred).
 */
export const PASSWORD_STORAGES = ['scram-sha-256', 'md5', 'md5-strict'] as const;
export type PasswordStorage = (typeof PASSWORD_STORAGES)[number];

export interface PostgresServerOptions {
  /** Short name of the flexible server. It appears in statements and messages. */
  readonly name: string;
  /** The DNS name that the certificate is issued for; undefined for the address of the server. */
  readonly host?: string | undefined;
  /** PostgreSQL major, one of {@link PostgresFactory.supportedMajors}. */
  readonly major: string;
  readonly administratorLogin: string;
  readonly administratorLoginPassword: string;
  readonly passwordStorage: PasswordStorage;
  /** Whether clients can create databases; an elastic cluster has only the database of its creation. */
  readonly allowsDatabaseCreation: boolean;
  readonly blockedBehavior: BlockedClientBehavior;
  /** Milliseconds until an accepted rule works, and until a removed rule stops working. */
  readonly firewallDelayMs: number;
}

export interface ExecutedStatement {
  /** ISO 8601. */
  readonly at: string;
  readonly server: string;
  readonly database: string;
  readonly user: string;
  readonly statement: string;
  /** The bound values of a statement of the extended protocol, as PostgreSQL logs them. */
  readonly detail?: string;
}

export interface DatabaseRow {
  readonly name: string;
  readonly owner: string;
  /** Such as `UTF8`. */
  readonly charset: string;
  /** Such as `en_US.utf8`. */
  readonly collation: string;
  readonly comment: string | null;
  /** Privileges as `grantee=CTc/grantor`; null for the default privileges. */
  readonly acl: readonly string[] | null;
  /** `name=value` of `ALTER DATABASE … SET`; null for none. */
  readonly settings: readonly string[] | null;
  /** -1 for no limit. */
  readonly connectionLimit: number;
}

export interface ParameterRow {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly defaultValue: string;
  /** ARM's names of the types: `Boolean`, `Integer`, `Numeric`, `Enumeration`, `Set`, `String`. */
  readonly dataType: string;
  /** Of `value` and of the range in `allowedValues`, as ARM spells it: `kB`, `8KB`, `megabytes`, `ms`. */
  readonly unit?: string;
  readonly allowedValues: string;
  readonly isDynamicConfig: boolean;
  readonly isReadOnly: boolean;
  /** True if `value` is a new value that needs a restart. */
  readonly isConfigPendingRestart: boolean;
  /** `user-override` after {@link ServerParameters.set}. */
  readonly source: 'user-override' | 'system-default';
}

/** The firewall of a server. */
export interface ServerFirewall {
  /**
   * Replace the rules. Each difference works after `firewallDelayMs`, immediately for 0.
   * @throws Error for an invalid range.
   */
  setRules(rules: ReadonlyMap<string, AddressRange>): void;
}

/** The databases of a server, as ARM reads and writes them. Errors of PostgreSQL have their SQLSTATE in `code`. */
export interface ServerDatabases {
  /** Every database without the two templates, in the order in which Azure lists them. */
  list(): Promise<DatabaseRow[]>;
  /** The service runs `CREATE DATABASE`. Charset and collation can have any spelling that PostgreSQL knows. */
  create(name: string, charset: string, collation: string): Promise<void>;
  /** The service runs `DROP DATABASE … WITH (FORCE)`, which ends all sessions, also those of superusers. */
  drop(name: string): Promise<void>;
}

export interface ServerRoles {
  /** Attributes, memberships, settings and comment by role, without PostgreSQL's own `pg_*` roles. */
  list(): Promise<Record<string, Record<string, unknown>>>;
}

/** The server parameters, which ARM calls configurations. */
export interface ServerParameters {
  /** Every parameter, by name. */
  list(): Promise<ParameterRow[]>;
  /**
   * Set a parameter to a value in its plain form (`on`, `4096`, `a,b`). Rejects with the error of PostgreSQL: 42704 for an
   * unknown name, 22023 for a value out of range, 55P02 for a read-only parameter.
   */
  set(name: string, value: string): Promise<{ readonly pendingRestart: boolean }>;
}

/** Sessions of the service in databases. They block clients that drop or copy the database. */
export interface ServerServiceSessions {
  /** Open a session that stays until {@link endAll} or the stop of the server. Rejects with the error of PostgreSQL. */
  open(database: string): Promise<void>;
  /** Resolves when the sessions no longer block anything. */
  endAll(): Promise<void>;
}

/** Statements that were executed for clients, without those of the service. */
export interface ServerStatements {
  /** The statements since the last {@link clear}. */
  list(): Promise<ExecutedStatement[]>;
  clear(): Promise<void>;
}

/** The PostgreSQL of one flexible server with its proxy. The ARM part of the emulator controls it. */
export interface PostgresServer {
  readonly name: string;
  /** The loopback address whose port 5432 the proxy listens on. */
  readonly address: string;
  /** The `fullyQualifiedDomainName`: the name of the options, or else the address. */
  readonly host: string;
  readonly major: string;
  /** `4` for 18.4. */
  readonly minor: string;
  /** True between a completed {@link start} and the next {@link stop}. */
  readonly isRunning: boolean;
  readonly firewall: ServerFirewall;
  readonly statements: ServerStatements;
  readonly serviceSessions: ServerServiceSessions;
  /** Needs a running server, as {@link roles}, {@link parameters} and {@link setAdministratorPassword} do. */
  readonly databases: ServerDatabases;
  readonly roles: ServerRoles;
  readonly parameters: ServerParameters;
  /** Start PostgreSQL and open the proxy. Resolves when a login can succeed. */
  start(): Promise<void>;
  /** Close the proxy, end every session and stop PostgreSQL. The data stays. */
  stop(): Promise<void>;
  /** Stop and start. Parameters that need a restart take effect. */
  restart(): Promise<void>;
  /** Stop and remove every file. Idempotent. */
  destroy(): Promise<void>;
  setAdministratorPassword(password: string): Promise<void>;
}

/** Maps the source of a connection to the public address that the firewall checks. */
export interface PublicAddressLookup {
  /** The public IPv4 address of a client with this loopback source address. */
  getPublicAddress(loopbackSource: string): string;
}

export interface CertificateIssuer {
  /** A server certificate for these DNS names and IP addresses: chain and private key as PEM. */
  issue(names: string[]): Promise<{ readonly cert: string; readonly key: string }>;
}

export interface PostgresFactoryOptions {
  /**
   * An existing directory for the directory of the factory, which `close()` removes. The account of PostgreSQL must be able
   * to traverse it (0711 is enough, from `/` down), and its path can have at most 70 bytes. If it does not fit, the factory
   * uses the system's temporary directories. If `/dev/shm` has enough space, the factory uses it first (see
   * cluster/data-directory.ts).
   */
  readonly directory: string;
  readonly certificates: CertificateIssuer;
  readonly clientAddresses: PublicAddressLookup;
  /** The hold for a statement, or undefined. The default holds nothing. */
  readonly findHold?: (statement: string) => Hold | undefined;
  /** A directory from `prepareTemplates` (cluster/template-cluster.ts). Without it the factory creates its own templates. */
  readonly preparedTemplateDirectory?: string | undefined;
}

export interface PostgresFactory {
  /** Majors that can be created, such as `['17', '18']`. */
  readonly supportedMajors: readonly string[];
  /** Create a server with Azure's role model, without starting it. */
  create(options: PostgresServerOptions): Promise<PostgresServer>;
  /** Destroy every server and remove every file of this factory. */
  close(): Promise<void>;
}
