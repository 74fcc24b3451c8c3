import { connect } from 'node:net';
import pg from 'pg';
import type { Emulator } from '../../../emulator/emulator.ts';
import { type ArmClient, defaultServer } from './arm-client.ts';
import { valueAt } from './http-client.ts';

/** A server with the real PostgreSQL, and logins as its administrator. */
export class RealServer {
  readonly emulator: Emulator;
  readonly #arm: ArmClient;
  readonly #name: string;
  readonly #host: string;

  private constructor(arm: ArmClient, name: string, host: string) {
    this.emulator = arm.emulator;
    this.#arm = arm;
    this.#name = name;
    this.#host = host;
  }

  /** An existing server. */
  static async find(arm: ArmClient, name: string): Promise<RealServer> {
    const { json } = await arm.send('GET', arm.serverPath(name));
    return new RealServer(arm, name, String(valueAt(json, 'properties', 'fullyQualifiedDomainName')));
  }

  /** The path of the server, or of a child resource. */
  resourcePath(rest = ''): string {
    return this.#arm.serverPath(this.#name, rest);
  }

  /** Log in over verified TLS. The caller ends the session. */
  async connect(database = 'postgres', password?: string): Promise<pg.Client> {
    const client = new pg.Client({
      host: this.#host,
      database,
      user: defaultServer.properties.administratorLogin,
      password: password ?? defaultServer.properties.administratorLoginPassword,
      ssl: { ca: this.emulator.caCertificate },
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** Log in and run one statement. Returns its rows. */
  async query(text: string, database?: string, password?: string): Promise<unknown[]> {
    const client = await this.connect(database, password);
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Like {@link query}, for a statement with one value. */
  async queryValue(text: string, database?: string, password?: string): Promise<unknown> {
    const [row] = await this.query(text, database, password);
    return Object.values(row as object)[0];
  }

  /** Whether a process listens on the server's port. */
  isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(5432, this.#host, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  }

  /** Whether the administrator can log in. */
  async canLogIn(): Promise<boolean> {
    return this.query('SELECT 1').then(
      () => true,
      () => false,
    );
  }
}
