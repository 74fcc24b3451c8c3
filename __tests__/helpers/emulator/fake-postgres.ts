import type {
  AddressRange,
  DatabaseRow,
  ParameterRow,
  PostgresFactory,
  PostgresServer,
  PostgresServerOptions,
} from '../../../emulator/postgres/types.ts';

function createParameter(name: string, value: string, more: Partial<ParameterRow> = {}): ParameterRow {
  return {
    name,
    value,
    description: `About ${name}.`,
    defaultValue: value,
    dataType: 'Integer',
    allowedValues: '1-1000',
    isDynamicConfig: true,
    isReadOnly: false,
    isConfigPendingRestart: false,
    source: 'system-default',
    ...more,
  };
}

const defaultDatabaseFields = { comment: null, acl: null, settings: null, connectionLimit: -1 } as const;

/** Work of a server that a test can hold. */
export type HoldableOperation =
  | 'create'
  | 'start'
  | 'stop'
  | 'restart'
  | 'destroy'
  | 'setAdministratorPassword'
  | 'createDatabase'
  | 'dropDatabase'
  | 'setParameter';

/** Resolves when the work may be done. */
type WaitWhileHeld = (work: HoldableOperation) => Promise<void>;

/** A data plane that only remembers, for tests of ARM alone: its state is open to tests. */
export class FakePostgres implements PostgresServer {
  readonly name: string;
  readonly major: string;
  readonly address = '127.0.0.1';
  readonly minor = '0';
  isRunning = false;
  destroyed = false;
  password: string;
  rules: ReadonlyMap<string, AddressRange> = new Map();
  #databases: DatabaseRow[] = ['azure_sys', 'template1', 'azure_maintenance', 'postgres'].map((name) => ({
    name,
    owner: 'azuresu',
    charset: 'UTF8',
    collation: 'en_US.utf8',
    ...defaultDatabaseFields,
  }));
  #parameters = [
    createParameter('max_connections', '50', { isDynamicConfig: false }),
    createParameter('work_mem', '4096'),
    createParameter('wal_level', 'replica', { dataType: 'Enumeration', allowedValues: 'replica,logical' }),
    createParameter('port', '5432', { isReadOnly: true }),
    createParameter('pgaudit.log', 'none', {
      description: 'Specifies which classes of statements will be logged by session audit logging.',
      dataType: 'Set',
      allowedValues: 'none,read,write,function,role,ddl,misc,all',
    }),
  ];

  readonly #waitWhileHeld: WaitWhileHeld;

  constructor(options: PostgresServerOptions, whileHeld: WaitWhileHeld) {
    this.#waitWhileHeld = whileHeld;
    this.name = options.name;
    this.major = options.major;
    this.password = options.administratorLoginPassword;
  }

  async start() {
    await this.#waitWhileHeld('start');
    this.isRunning = true;
  }
  async stop() {
    await this.#waitWhileHeld('stop');
    this.isRunning = false;
  }
  async restart() {
    await this.#waitWhileHeld('restart');
    this.isRunning = true;
  }
  async destroy() {
    await this.#waitWhileHeld('destroy');
    this.isRunning = false;
    this.destroyed = true;
  }
  setFirewallRules(rules: ReadonlyMap<string, AddressRange>) {
    this.rules = rules;
  }
  async setAdministratorPassword(password: string) {
    await this.#waitWhileHeld('setAdministratorPassword');
    this.password = password;
  }
  async listDatabases() {
    return [...this.#databases];
  }
  async createDatabase(name: string, charset: string, collation: string) {
    await this.#waitWhileHeld('createDatabase');
    const owner = 'azure_pg_admin';
    this.#databases.push({
      name,
      owner,
      charset: charset.toUpperCase(),
      collation,
      ...defaultDatabaseFields,
    });
  }
  async dropDatabase(name: string) {
    await this.#waitWhileHeld('dropDatabase');
    this.#databases = this.#databases.filter((row) => row.name !== name);
  }
  async listRoles() {
    return { azuresu: { superuser: true } };
  }
  async listParameters() {
    return this.#parameters;
  }
  async setParameter(name: string, value: string) {
    await this.#waitWhileHeld('setParameter');
    this.#parameters = this.#parameters.map((row) =>
      row.name === name ? { ...row, value, source: 'user-override' } : row,
    );
    return { pendingRestart: false };
  }
  async openServiceSession() {}
  async endServiceSessions() {}
  async listStatements() {
    return [];
  }
  async clearStatements() {}
}

/** A factory of these, and what it has made by name. */
export class FakePostgresFactory implements PostgresFactory {
  readonly supportedMajors = ['17', '18'];
  readonly servers = new Map<string, FakePostgres>();
  readonly #held = new Map<HoldableOperation, PromiseWithResolvers<void>>();

  /**
   * Hold this work of every server, so that the operation that it belongs to stays under way.
   * @returns what releases it.
   */
  hold(operation: HoldableOperation): () => void {
    const held = Promise.withResolvers<void>();
    this.#held.set(operation, held);
    return () => {
      this.#held.delete(operation);
      held.resolve();
    };
  }

  async #waitWhileHeld(work: HoldableOperation): Promise<void> {
    await this.#held.get(work)?.promise;
  }

  async create(options: PostgresServerOptions) {
    await this.#waitWhileHeld('create');
    const server = new FakePostgres(options, (work) => this.#waitWhileHeld(work));
    this.servers.set(options.name, server);
    return server;
  }

  async close() {
    for (const held of this.#held.values()) held.resolve();
  }
}
