import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { type Emulator, startEmulator } from '../../emulator/emulator.ts';
import type { EmulatorOptions } from '../../emulator/options.ts';
import { adminLogin } from './step.ts';

/** A request in the emulator's record, see emulator/README.md. */
export interface RecordedRequest {
  readonly at: string;
  readonly answeredAt: string | null;
  readonly service: string;
  readonly method: string;
  readonly path: string;
}

/** A statement in the emulator's record. */
export interface RecordedStatement {
  readonly at: string;
  readonly server: string;
  readonly statement: string;
}

/** An emulator in this process, with its control API. */
export class BenchEmulator {
  readonly #emulator: Emulator;
  #lastHost = 0;

  private constructor(emulator: Emulator) {
    this.#emulator = emulator;
  }

  /** Starts an emulator whose servers have host names, as on Azure. Operations that no option delays end at once. */
  static async start(options: Partial<EmulatorOptions>): Promise<BenchEmulator> {
    const emulator = await startEmulator({
      hostNames: true,
      provisionMs: 100,
      firewallDelayMs: 0,
      throttlingScale: 0,
      ...options,
    });
    return new BenchEmulator(emulator);
  }

  close(): Promise<void> {
    return this.#emulator.close();
  }

  /** The variables with which a process uses this emulator. */
  get env(): Readonly<Record<string, string>> {
    return this.#emulator.readyLine.env;
  }

  get readyLine(): Emulator['readyLine'] {
    return this.#emulator.readyLine;
  }

  /** Calls the control API. @throws Error for a status of 300 or more */
  async control<T>(method: string, path: string, body?: object): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const url = `${this.#emulator.readyLine.control}/${path}`;
    const ca = this.#emulator.caCertificate;
    const outgoing = request(url, { method, ca, agent: false }, (response) => {
      text(response)
        .then((answer) => {
          if ((response.statusCode ?? 0) >= 300) throw new Error(`${method} ${path}: ${answer}`);
          resolve(JSON.parse(answer));
        })
        .catch(reject);
    });
    outgoing.on('error', reject).end(body && JSON.stringify(body));
    return await promise;
  }

  requests(): Promise<readonly RecordedRequest[]> {
    return this.control('GET', 'requests');
  }

  /** What clients have executed, in the order of PostgreSQL's log. */
  statements(): Promise<readonly RecordedStatement[]> {
    return this.control('GET', 'statements');
  }

  async clearRequests(): Promise<void> {
    await this.control('DELETE', 'requests');
  }

  /** Changes a server as if the change had been made without the action. */
  async patchServer(server: string, changes: object): Promise<void> {
    await this.control('PATCH', 'state', { server, ...changes });
  }

  /** Gives clients another public address, which no rule covers yet. @returns the address */
  async moveRunner(): Promise<string> {
    this.#lastHost += 1;
    const address = `203.0.113.${this.#lastHost}`;
    await this.control('PUT', 'client', { ip: address });
    return address;
  }

  /** Opens a session of the administrator on a server that admits this process. */
  async connect(server: string, database: string): Promise<pg.Client> {
    const { host, user, password } = adminLogin(server);
    const hosts = readFileSync(this.env['EMULATOR_HOSTS_FILE'] ?? '', 'utf8');
    const [address] =
      hosts
        .split('\n')
        .find((line) => line.endsWith(` ${host}`))
        ?.split(' ') ?? [];
    const ssl = { ca: this.#emulator.caCertificate, servername: host };
    const client = new pg.Client({ host: address ?? host, user, password, database, ssl });
    await client.connect();
    return client;
  }

  /** Executes SQL as the administrator in its own session. */
  async query(server: string, database: string, sql: string): Promise<void> {
    const client = await this.connect(server, database);
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  /** When the first PUT of a path arrived at Azure, at or after a moment. @throws Error without such a request */
  async firstPut(path: string, after = 0): Promise<number> {
    const put = (await this.requests()).find(
      (each) =>
        each.service === 'arm' &&
        each.method === 'PUT' &&
        each.path.includes(path) &&
        Date.parse(each.at) >= after,
    );
    if (put === undefined) throw new Error(`The emulator has received no PUT of ${path}.`);
    return Date.parse(put.at);
  }

  /**
   * The arrival time of the first statement of a client on a server after a moment: it is sent when the login has succeeded.
   * @throws Error without one
   */
  async firstStatementAt(server: string, after: number): Promise<string> {
    const first = (await this.statements()).find(
      (each) => each.server === server && Date.parse(each.at) >= after,
    );
    if (first === undefined) throw new Error(`No client has logged in to ${server}.`);
    return first.at;
  }
}
