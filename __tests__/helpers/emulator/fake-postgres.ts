import type {
  AddressRange,
  DatabaseRow,
  ParameterRow,
  PostgresFactory,
  PostgresServer,
  PostgresServerOptions,
} from '../../../emulator/postgres/types.ts';

function parameter(name: string, value: string, more: Partial<ParameterRow> = {}): ParameterRow {
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

const unadorned = { comment: null, acl: null, settings: null, connectionLimit: -1 } as const;

/** Work of a server that a test can hold. */
export type Work =
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
type WaitUntilReleased = (work: Work) => Promise<void>;

/** A data plane that only remembers, for tests of ARM alone: its state is open to tests. */
export class FakePostgres implements PostgresServer {
  readonly name: string;
  readonly major: string;
  readonly address = '127.0.0.1';
  readonly minor = '0';
  running = false;
  destroyed = false;
  password: string;
  rules: ReadonlyMap<string, AddressRange> = new Map();
  #databases: DatabaseRow[] = ['azure_sys', 'template1', 'azure_maintenance', 'postgres'].map((name) => ({
    name,
    owner: 'azuresu',
    charset: 'UTF8',
    collation: 'en_US.utf8',
    ...unadorned,
  }));
  #parameters = [
    parameter('max_connections', '50', { isDynamicConfig: false }),
    parameter('work_mem', '4096'),
    parameter('wal_level', 'replica', { dataType: 'Enumeration', allowedValues: 'replica,logical' }),
    parameter('port', '5432', { isReadOnly: true }),
    parameter('pgaudit.log', 'none', {
      description: 'Specifies which classes of statements will be logged by session audit logging.',
      dataType: 'Set',
      allowedValues: 'none,read,write,function,role,ddl,misc,all',
    }),
  ];

  readonly #whileHeld: WaitUntilReleased;

  constructor(options: PostgresServerOptions, whileHeld: WaitUntilReleased) {
    this.#whileHeld = whileHeld;
    this.name = options.name;
    this.major = options.major;
    this.password = options.administratorLoginPassword;
  }

  async start() {
    await this.#whileHeld('start');
    this.running = true;
  }
  async stop() {
    await this.#whileHeld('stop');
    this.running = false;
  }
  async restart() {
    await this.#whileHeld('restart');
    this.running = true;
  }
  async destroy() {
    await this.#whileHeld('destroy');
    this.running = false;
    this.destroyed = true;
  }
  setRules(rules: ReadonlyMap<string, AddressRange>) {
    this.rules = rules;
  }
  async setAdministratorPassword(password: string) {
    await this.#whileHeld('setAdministratorPassword');
    this.password = password;
  }
  async databases() {
    return [...this.#databases];
  }
  async createDatabase(name: string, charset: string, collation: string) {
    await this.#whileHeld('createDatabase');
    const owner = 'azure_pg_admin';
    this.#databases.push({ name, owner, charset: charset.toUpperCase(), collation, ...unadorned });
  }
  async dropDatabase(name: string) {
    await this.#whileHeld('dropDatabase');
    this.#databases = this.#databases.filter((row) => row.name !== name);
  }
  async roles() {
    return { azuresu: { superuser: true } };
  }
  async parameters() {
    return this.#parameters;
  }
  async setParameter(name: string, value: string) {
    await this.#whileHeld('setParameter');
    this.#parameters = this.#parameters.map((row) =>
      row.name === name ? { ...row, value, source: 'user-override' } : row,
    );
    return { pendingRestart: false };
  }
  async openServiceSession() {}
  async endServiceSessions() {}
  async statements() {
    return [];
  }
  async forgetStatements() {}
}

/** A factory of these, and what it has made by name. */
export class FakePostgresFactory implements PostgresFactory {
  readonly supportedMajors = ['17', '18'];
  readonly made = new Map<string, FakePostgres>();
  readonly #held = new Map<Work, PromiseWithResolvers<void>>();

  /**
   * Hold this work of every server, so that the operation that it belongs to stays under way.
   * @returns what releases it.
   */
  hold(work: Work): () => void {
    const held = Promise.withResolvers<void>();
    this.#held.set(work, held);
    return () => {
      this.#held.delete(work);
      held.resolve();
    };
  }

  async #whileHeld(work: Work): Promise<void> {
    await this.#held.get(work)?.promise;
  }

  async create(options: PostgresServerOptions) {
    await this.#whileHeld('create');
    const server = new FakePostgres(options, (work) => this.#whileHeld(work));
    this.made.set(options.name, server);
    return server;
  }

  async close() {
    for (const held of this.#held.values()) held.resolve();
  }
}
