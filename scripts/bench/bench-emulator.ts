import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { type Emulator, startEmulator } from '../../emulator/emulator.ts';
import type { EmulatorOptions } from '../../emulator/options.ts';

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

  async clearRequests(): Promise<void> {
    await this.control('DELETE', 'requests');
  }

  /** Changes a server as if the change had been made without the action. */
  async patchServer(server: string, changes: object): Promise<void> {
    await this.control('PATCH', 'state', { server, ...changes });
  }

  /** Removes every firewall rule of a server. */
  async removeRules(server: string): Promise<void> {
    const { servers } = await this.control<{ servers: Record<string, { rules: object }> }>(
      'GET',
      `state?server=${server}`,
    );
    const names = Object.keys(servers[server]?.rules ?? {});
    await this.patchServer(server, { rules: Object.fromEntries(names.map((name) => [name, null])) });
  }

  /** The seconds from the arrival of the newest PUT of a path to a moment. @throws Error without such a request */
  async secondsSincePut(path: string, end: string | number): Promise<number> {
    const put = (await this.requests()).findLast(
      (each) => each.service === 'arm' && each.method === 'PUT' && each.path.includes(path),
    );
    if (put === undefined) throw new Error(`The emulator has received no PUT of ${path}.`);
    return (new Date(end).getTime() - Date.parse(put.at)) / 1000;
  }

  /**
   * The arrival time of the first statement of a client on a server after a moment: it is sent when the login has succeeded.
   * @throws Error without one
   */
  async firstStatementAt(server: string, after: number): Promise<string> {
    const statements = await this.control<readonly RecordedStatement[]>('GET', 'statements');
    const first = statements.find((each) => each.server === server && Date.parse(each.at) >= after);
    if (first === undefined) throw new Error(`No client has logged in to ${server}.`);
    return first.at;
  }
}
