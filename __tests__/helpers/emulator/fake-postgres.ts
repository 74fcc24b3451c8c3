import type {
  AddressRange,
  DatabaseRow,
  ParameterRow,
  PostgresFactory,
  PostgresServer,
  PostgresServerOptions,
} from '../../../emulator/postgres/types.ts';

function createParameter(name: string, value: string, overrides: Partial<ParameterRow> = {}): ParameterRow {
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
    ...overrides,
  };
}

const defaultDatabaseFields = { comment: null, acl: null, settings: null, connectionLimit: -1 } as const;

/** An operation that a test can hold. */
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

/** Resolves when the operation is not held. */
type WaitWhileHeld = (operation: HoldableOperation) => Promise<void>;

/** A server without PostgreSQL, for tests of ARM alone. Tests can read its state. */
export class FakePostgres implements PostgresServer {
  readonly name: string;
  readonly major: string;
  readonly address = '127.0.0.1';
  readonly host = this.address;
  readonly minor = '0';
  isRunning = false;
  destroyed = false;
  password: string;
  rules: ReadonlyMap<string, AddressRange> = new Map();
  #databaseRows: DatabaseRow[] = ['azure_maintenance', 'postgres', 'azure_sys'].map((name) => ({
    name,
    owner: 'azuresu',
    charset: 'UTF8',
    collation: 'en_US.utf8',
    ...defaultDatabaseFields,
  }));
  #parameterRows = [
    createParameter('max_connections', '50', { isDynamicConfig: false }),
    createParameter('work_mem', '4096', { dataType: 'Integer', unit: 'kB', allowedValues: '4096-2097151' }),
    createParameter('wal_level', 'replica', { dataType: 'Enumeration', allowedValues: 'replica,logical' }),
    createParameter('port', '5432', { isReadOnly: true }),
    createParameter('pgaudit.log', 'none', {
      description: 'Specifies which classes of statements will be logged by session audit logging.',
      dataType: 'Set',
      allowedValues: 'none,read,write,function,role,ddl,misc,all',
    }),
  ];

  readonly #waitWhileHeld: WaitWhileHeld;

  constructor(options: PostgresServerOptions, waitWhileHeld: WaitWhileHeld) {
    this.#waitWhileHeld = waitWhileHeld;
    this.name = options.name;
    this.major = options.major;
    this.password = options.administratorLoginPassword;
  }

  readonly firewall = {
    setRules: (rules: ReadonlyMap<string, AddressRange>) => {
      this.rules = rules;
    },
  };

  readonly databases = {
    list: async () => [...this.#databaseRows],
    create: async (name: string, charset: string, collation: string) => {
      await this.#waitWhileHeld('createDatabase');
      this.#databaseRows.push({
        name,
        owner: 'azure_pg_admin',
        charset: charset.toUpperCase(),
        collation,
        ...defaultDatabaseFields,
      });
    },
    drop: async (name: string) => {
      await this.#waitWhileHeld('dropDatabase');
      this.#databaseRows = this.#databaseRows.filter((row) => row.name !== name);
    },
  };

  readonly roles = { list: async () => ({ azuresu: { superuser: true } }) };

  readonly parameters = {
    list: async () => this.#parameterRows,
    set: async (name: string, value: string) => {
      await this.#waitWhileHeld('setParameter');
      this.#parameterRows = this.#parameterRows.map((row) =>
        row.name === name ? { ...row, value, source: 'user-override' } : row,
      );
      return { pendingRestart: false };
    },
  };

  readonly serviceSessions = { open: async () => {}, endAll: async () => {} };

  readonly statements = { list: async () => [], clear: async () => {} };

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
  async setAdministratorPassword(password: string) {
    await this.#waitWhileHeld('setAdministratorPassword');
    this.password = password;
  }
}

/** Creates {@link FakePostgres} servers. */
export class FakePostgresFactory implements PostgresFactory {
  readonly supportedMajors = ['17', '18'];
  readonly servers = new Map<string, FakePostgres>();
  readonly #held = new Map<HoldableOperation, PromiseWithResolvers<void>>();

  /**
   * Hold this operation of every server, so that the ARM operation keeps running.
   * @returns a function that releases it.
   */
  hold(operation: HoldableOperation): () => void {
    const held = Promise.withResolvers<void>();
    this.#held.set(operation, held);
    return () => {
      this.#held.delete(operation);
      held.resolve();
    };
  }

  async #waitWhileHeld(operation: HoldableOperation): Promise<void> {
    await this.#held.get(operation)?.promise;
  }

  async create(options: PostgresServerOptions) {
    await this.#waitWhileHeld('create');
    const server = new FakePostgres(options, (operation) => this.#waitWhileHeld(operation));
    this.servers.set(options.name, server);
    return server;
  }

  async close() {
    for (const held of this.#held.values()) held.resolve();
  }
}
