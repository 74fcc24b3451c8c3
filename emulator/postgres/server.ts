import type { Client } from 'pg';
import type { Hold } from '../hold.ts';
import type { Cluster } from './cluster.ts';
import { Firewall } from './firewall.ts';
import { Gate } from './gate.ts';
import { Parameters } from './parameters.ts';
import * as roles from './roles.ts';
import { refuseRestrictedRole } from './screen.ts';
import { ServiceSessions } from './service-sessions.ts';
import { StatementLog } from './statements.ts';
import type {
  AddressRange,
  ClientAddresses,
  DatabaseRow,
  ExecutedStatement,
  ParameterRow,
  PostgresServer,
  PostgresServerOptions,
} from './types.ts';

/** What the factory has prepared for one server. */
export interface Premises {
  readonly address: string;
  readonly minor: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly clients: ClientAddresses;
  readonly holdOf: (statement: string) => Hold | undefined;
  /** On a copy of the template, not started. */
  readonly cluster: Cluster;
}

/** One flexible server's data plane: a cluster, its gate, and what ARM asks of them. */
export class FlexibleServer implements PostgresServer {
  readonly name: string;
  readonly address: string;
  readonly major: string;
  readonly minor: string;
  readonly #options: PostgresServerOptions;
  readonly #premises: Premises;
  readonly #cluster: Cluster;
  readonly #firewall: Firewall;
  readonly #log: StatementLog;
  readonly #parameters: Parameters;
  readonly #sessions: ServiceSessions;
  /** Open exactly while the server runs. */
  #gate: Gate | undefined;
  #hasAdministrator = false;
  #destroyed = false;
  /** Start, stop and destroy come one after the other, in the order in which they were asked for. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: PostgresServerOptions, premises: Premises) {
    this.name = options.name;
    this.address = premises.address;
    this.major = options.major;
    this.minor = premises.minor;
    this.#options = options;
    this.#premises = premises;
    this.#cluster = premises.cluster;
    this.#firewall = new Firewall(options.firewallDelay);
    this.#log = new StatementLog(options.name, premises.cluster);
    this.#parameters = new Parameters(premises.cluster, options.passwordStorage);
    this.#sessions = new ServiceSessions(premises.cluster);
  }

  get running(): boolean {
    return this.#gate !== undefined;
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  stop(): Promise<void> {
    return this.#inTurn(() => this.#stop());
  }

  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#stop();
      await this.#start();
    });
  }

  destroy(): Promise<void> {
    return this.#inTurn(async () => {
      this.#destroyed = true;
      await this.#closeGate();
      await this.#sessions.end().catch(() => {});
      await this.#cluster.destroy();
    });
  }

  setRules(rules: ReadonlyMap<string, AddressRange>): void {
    this.#firewall.set(rules);
  }

  async setAdministratorPassword(password: string): Promise<void> {
    await this.#service((client) => roles.setPassword(client, this.#options.administratorLogin, password));
  }

  databases(): Promise<DatabaseRow[]> {
    return this.#service(roles.listDatabases);
  }

  async createDatabase(name: string, charset: string, collation: string): Promise<void> {
    await this.#service((client) => roles.createDatabase(client, name, charset, collation));
  }

  async dropDatabase(name: string): Promise<void> {
    await this.#service((client) => roles.dropDatabase(client, name));
  }

  roles(): Promise<Record<string, Record<string, unknown>>> {
    return this.#service(roles.listRoles);
  }

  parameters(): Promise<ParameterRow[]> {
    this.#requireRunning();
    return this.#parameters.list();
  }

  setParameter(name: string, value: string): Promise<{ readonly pendingRestart: boolean }> {
    this.#requireRunning();
    return this.#parameters.set(name, value);
  }

  async openServiceSession(database: string): Promise<void> {
    this.#requireRunning();
    await this.#sessions.open(database);
  }

  endServiceSessions(): Promise<void> {
    return this.#sessions.end();
  }

  async statements(): Promise<ExecutedStatement[]> {
    if (this.running) await this.#log.catchUp();
    return this.#log.all;
  }

  async forgetStatements(): Promise<void> {
    if (this.running) await this.#log.catchUp();
    this.#log.forget();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.#turn.then(work);
    this.#turn = next.catch(() => {});
    return next;
  }

  async #start(): Promise<void> {
    if (this.running) return;
    if (this.#destroyed) throw new Error(`Server ${this.name} has been destroyed.`);
    await this.#cluster.start();
    try {
      await this.#addAdministrator();
      const gate = new Gate({
        ...this.#premises,
        socketPath: this.#cluster.socketPath,
        firewall: this.#firewall,
        blocked: this.#options.blocked,
        requireSecureTransport: () => this.#parameters.requireSecureTransport,
        refusesScram: () =>
          this.#options.passwordStorage === 'md5-strict' && this.#parameters.acceptedMethods === 'md5',
        rules: [refuseRestrictedRole],
      });
      await gate.open();
      this.#gate = gate;
    } catch (error) {
      await this.#cluster.stop('fast');
      throw error;
    }
    this.#parameters.restarted();
  }

  async #addAdministrator(): Promise<void> {
    if (this.#hasAdministrator) return;
    const { administratorLogin, administratorLoginPassword } = this.#options;
    await this.#cluster.session((client) =>
      roles.createAdministrator(client, administratorLogin, administratorLoginPassword),
    );
    this.#hasAdministrator = true;
  }

  async #stop(): Promise<void> {
    await this.#closeGate();
    await this.#sessions.end().catch(() => {});
    await this.#cluster.stop('fast');
  }

  async #closeGate(): Promise<void> {
    const gate = this.#gate;
    if (!gate) return;
    this.#gate = undefined;
    await gate.close();
    // What was executed can be asked for also after PostgreSQL, or its log, has gone.
    await this.#log.catchUp().catch(() => {});
  }

  #service<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.#requireRunning();
    return this.#cluster.session(work);
  }

  #requireRunning(): void {
    if (!this.running) throw new Error(`Server ${this.name} is not running.`);
  }
}
