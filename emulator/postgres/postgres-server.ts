import type { Client } from 'pg';
import type { Hold } from '../core/hold.ts';
import * as roles from './azure-model/role-model.ts';
import { ServerParameters } from './azure-model/server-parameters.ts';
import type { Cluster } from './cluster/cluster.ts';
import { ServiceSessions } from './cluster/service-sessions.ts';
import { StatementLog } from './cluster/statement-log.ts';
import { Firewall } from './proxy/firewall.ts';
import { PostgresProxy } from './proxy/postgres-proxy.ts';
import { rejectRestrictedRoleGrant } from './proxy/request-filter.ts';
import type {
  AddressRange,
  DatabaseRow,
  ExecutedStatement,
  ParameterRow,
  PostgresServer,
  PostgresServerOptions,
  PublicAddressLookup,
} from './types.ts';

/** What the factory has prepared for one server. */
export interface ServerDeps {
  readonly address: string;
  readonly minor: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly clientAddresses: PublicAddressLookup;
  readonly findHold: (statement: string) => Hold | undefined;
  /** On a copy of the template, not started. */
  readonly cluster: Cluster;
}

/** One flexible server's data plane: a cluster, its gate, and what ARM asks of them. */
export class EmbeddedPostgresServer implements PostgresServer {
  readonly name: string;
  readonly address: string;
  readonly major: string;
  readonly minor: string;
  readonly #options: PostgresServerOptions;
  readonly #deps: ServerDeps;
  readonly #cluster: Cluster;
  readonly #firewall: Firewall;
  readonly #statementLog: StatementLog;
  readonly #parameters: ServerParameters;
  readonly #serviceSessions: ServiceSessions;
  /** Open exactly while the server runs. */
  #proxy: PostgresProxy | undefined;
  #hasAdministrator = false;
  #destroyed = false;
  /** Start, stop and destroy come one after the other, in the order in which they were asked for. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: PostgresServerOptions, deps: ServerDeps) {
    this.name = options.name;
    this.address = deps.address;
    this.major = options.major;
    this.minor = deps.minor;
    this.#options = options;
    this.#deps = deps;
    this.#cluster = deps.cluster;
    this.#firewall = new Firewall(options.firewallDelayMs);
    this.#statementLog = new StatementLog(options.name, deps.cluster);
    this.#parameters = new ServerParameters(deps.cluster, options.passwordStorage);
    this.#serviceSessions = new ServiceSessions(deps.cluster);
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
      await this.#serviceSessions.endAll().catch(() => {});
      await this.#cluster.destroy();
    });
  }

  setFirewallRules(rules: ReadonlyMap<string, AddressRange>): void {
    this.#firewall.setRules(rules);
  }

  async setAdministratorPassword(password: string): Promise<void> {
    await this.#withServiceSession((client) =>
      roles.setPassword(client, this.#options.administratorLogin, password),
    );
  }

  listDatabases(): Promise<DatabaseRow[]> {
    return this.#withServiceSession(roles.listDatabases);
  }

  async createDatabase(name: string, charset: string, collation: string): Promise<void> {
    await this.#withServiceSession((client) => roles.createDatabase(client, name, charset, collation));
  }

  async dropDatabase(name: string): Promise<void> {
    await this.#withServiceSession((client) => roles.dropDatabase(client, name));
  }

  listRoles(): Promise<Record<string, Record<string, unknown>>> {
    return this.#withServiceSession(roles.listRoles);
  }

  listParameters(): Promise<ParameterRow[]> {
    this.#requireRunning();
    return this.#parameters.list();
  }

  setParameter(name: string, value: string): Promise<{ readonly pendingRestart: boolean }> {
    this.#requireRunning();
    return this.#parameters.set(name, value);
  }

  async openServiceSession(database: string): Promise<void> {
    this.#requireRunning();
    await this.#serviceSessions.open(database);
  }

  endServiceSessions(): Promise<void> {
    return this.#serviceSessions.endAll();
  }

  async listStatements(): Promise<ExecutedStatement[]> {
    if (this.isRunning) await this.#statementLog.readNewEntries();
    return this.#statementLog.all;
  }

  async clearStatements(): Promise<void> {
    if (this.isRunning) await this.#statementLog.readNewEntries();
    this.#statementLog.clear();
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
        socketPath: this.#cluster.socketPath,
        firewall: this.#firewall,
        blockedBehavior: this.#options.blockedBehavior,
        requireSecureTransport: () => this.#parameters.requireSecureTransport,
        rejectsScram: () =>
          this.#options.passwordStorage === 'md5-strict' && this.#parameters.acceptedMethods === 'md5',
        statementRewriters: [rejectRestrictedRoleGrant],
      });
      await proxy.open();
      this.#proxy = proxy;
    } catch (error) {
      await this.#cluster.stop('fast');
      throw error;
    }
    this.#parameters.clearPendingRestarts();
  }

  async #addAdministrator(): Promise<void> {
    if (this.#hasAdministrator) return;
    const { administratorLogin, administratorLoginPassword } = this.#options;
    await this.#cluster.withSession((client) =>
      roles.createAdministrator(client, administratorLogin, administratorLoginPassword),
    );
    this.#hasAdministrator = true;
  }

  async #stop(): Promise<void> {
    await this.#closeProxy();
    await this.#serviceSessions.endAll().catch(() => {});
    await this.#cluster.stop('fast');
  }

  async #closeProxy(): Promise<void> {
    const proxy = this.#proxy;
    if (!proxy) return;
    this.#proxy = undefined;
    await proxy.close();
    // What was executed can be asked for also after PostgreSQL, or its log, has gone.
    await this.#statementLog.readNewEntries().catch(() => {});
  }

  #withServiceSession<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.#requireRunning();
    return this.#cluster.withSession(work);
  }

  #requireRunning(): void {
    if (!this.isRunning) throw new Error(`Server ${this.name} is not running.`);
  }
}
