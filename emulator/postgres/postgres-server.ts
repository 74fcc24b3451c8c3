import type { Hold } from '../core/faults.ts';
import { Databases, Roles } from './azure-model/databases-and-roles.ts';
import { Parameters } from './azure-model/server-parameters.ts';
import type { Cluster } from './cluster/cluster.ts';
import { ServiceSessions } from './cluster/service-sessions.ts';
import { StatementLog } from './cluster/statement-log.ts';
import { Firewall } from './proxy/firewall.ts';
import { PostgresProxy } from './proxy/postgres-proxy.ts';
import { rejectDatabaseCreation, rejectRestrictedRoleGrant } from './proxy/request-filter.ts';
import type { PostgresServer, PostgresServerOptions, PublicAddressLookup } from './types.ts';

/** What the factory prepares for one server. */
export interface ServerDeps {
  readonly address: string;
  readonly host: string;
  readonly minor: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly clientAddresses: PublicAddressLookup;
  readonly findHold: (statement: string) => Hold | undefined;
  /** A copy of the template, not started. */
  readonly cluster: Cluster;
}

/** The PostgreSQL of one flexible server: a cluster from the npm package, and the proxy in front of it. */
export class EmbeddedPostgresServer implements PostgresServer {
  readonly name: string;
  readonly address: string;
  readonly host: string;
  readonly major: string;
  readonly minor: string;
  readonly firewall: Firewall;
  readonly databases: Databases;
  readonly roles: Roles;
  readonly parameters: Parameters;
  readonly serviceSessions: ServiceSessions;
  readonly statements: StatementLog;
  readonly #options: PostgresServerOptions;
  readonly #deps: ServerDeps;
  readonly #cluster: Cluster;
  /** Defined while the server runs. */
  #proxy: PostgresProxy | undefined;
  #hasAdministrator = false;
  #destroyed = false;
  /** Runs start, stop and destroy in the order of the calls. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: PostgresServerOptions, deps: ServerDeps) {
    const { cluster } = deps;
    this.name = options.name;
    this.address = deps.address;
    this.host = deps.host;
    this.major = options.major;
    this.minor = deps.minor;
    this.firewall = new Firewall(options.firewallDelayMs);
    this.databases = new Databases(cluster);
    this.roles = new Roles(cluster);
    this.parameters = new Parameters(cluster, options.passwordStorage);
    this.serviceSessions = new ServiceSessions(cluster);
    this.statements = new StatementLog(options.name, cluster, () => this.isRunning);
    this.#options = options;
    this.#deps = deps;
    this.#cluster = cluster;
  }

  get isRunning(): boolean {
    return this.#proxy !== undefined;
  }

  start(): Promise<void> {
    return this.#enqueue(() => this.#start());
  }

  stop(): Promise<void> {
    return this.#enqueue(() => this.#stop());
  }

  restart(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#stop();
      await this.#start();
    });
  }

  destroy(): Promise<void> {
    return this.#enqueue(async () => {
      this.#destroyed = true;
      await this.#closeProxy();
      await this.serviceSessions.endAll().catch(() => {});
      await this.#cluster.destroy();
    });
  }

  setAdministratorPassword(password: string): Promise<void> {
    return this.roles.setPassword(this.#options.administratorLogin, password);
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#queue.then(work);
    this.#queue = next.catch(() => {});
    return next;
  }

  async #start(): Promise<void> {
    if (this.isRunning) return;
    if (this.#destroyed) throw new Error(`Server ${this.name} has been destroyed.`);
    await this.#cluster.start();
    try {
      await this.#addAdministrator();
      const proxy = new PostgresProxy({
        ...this.#deps,
        connectToPostgres: (client) => this.#cluster.connectClient(client),
        firewall: this.firewall,
        blockedBehavior: this.#options.blockedBehavior,
        requireSecureTransport: () => this.parameters.requireSecureTransport,
        rejectsScram: () =>
          this.#options.passwordStorage === 'md5-strict' && this.parameters.acceptedMethods === 'md5',
        statementRewriters: [
          rejectRestrictedRoleGrant,
          ...(this.#options.allowsDatabaseCreation ? [] : [rejectDatabaseCreation]),
        ],
      });
      await proxy.open();
      this.#proxy = proxy;
    } catch (error) {
      await this.#cluster.stop('fast');
      throw error;
    }
    this.parameters.clearPendingRestarts();
  }

  async #addAdministrator(): Promise<void> {
    if (this.#hasAdministrator) return;
    await this.roles.addAdministrator(
      this.#options.administratorLogin,
      this.#options.administratorLoginPassword,
    );
    this.#hasAdministrator = true;
  }

  async #stop(): Promise<void> {
    await this.#closeProxy();
    await this.serviceSessions.endAll().catch(() => {});
    await this.#cluster.stop('fast');
  }

  async #closeProxy(): Promise<void> {
    const proxy = this.#proxy;
    if (!proxy) return;
    this.#proxy = undefined;
    await proxy.close();
    // Read now, because the log cannot be read after PostgreSQL has stopped.
    await this.statements.readNewEntries().catch(() => {});
  }
}
