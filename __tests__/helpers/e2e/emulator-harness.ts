import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { type Emulator, startEmulator } from '../../../emulator/emulator.ts';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { send } from '../emulator/http-client.ts';
import { trustRootCertificate } from '../process-context.ts';

/** A request as the emulator recorded it (`GET control/requests`). */
export interface RecordedRequest {
  readonly at: string;
  readonly service: 'arm' | 'entra' | 'github' | 'oidc' | 'echo';
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

export interface ExecutedStatement {
  readonly server: string;
  readonly database: string;
  readonly user: string;
  readonly statement: string;
}

/** A server as `control/state` shows it. */
export interface ServerState {
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly rules: Readonly<Record<string, unknown>>;
  readonly databases: Readonly<Record<string, unknown>>;
  readonly roles: Readonly<Record<string, unknown>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What a fault strikes: regular expressions, but for service and method. */
export interface FaultMatch {
  readonly service?: 'arm' | 'entra' | 'github' | 'oidc' | 'echo' | 'postgres';
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  /** Of a PostgreSQL client, with `service: 'postgres'`. */
  readonly statement?: string;
}

/** How many that match pass before the first that is struck (default 0), and how many are struck then (default 1). */
export interface FaultCount {
  readonly skip?: number;
  readonly times?: number;
}

/** A request or a statement that the emulator holds as soon as it comes. */
export interface HeldExchange {
  /** Resolves when something is being held; rejects when the fault is removed before. */
  readonly triggered: Promise<void>;
  /** Lets it go on, and holds no more. */
  release(): Promise<void>;
}

/** The emulated Azure of a test file, and what tests do behind the action's back. */
export class EmulatorHarness {
  readonly instance: Emulator;
  /** For the files of jobs; removed with the emulator. */
  readonly tempDirectory = mkdtempSync(join(tmpdir(), 'e2e-'));

  /** How a client that the firewall blocks is treated. */
  readonly blocked: EmulatorOptions['blockedBehavior'];
  readonly #removeTrust: () => void;

  private constructor(emulator: Emulator, blocked: EmulatorOptions['blockedBehavior']) {
    this.instance = emulator;
    this.blocked = blocked;
    this.#removeTrust = trustRootCertificate(emulator.caCertificate);
  }

  /**
   * Starts an emulator on the templates of the global setup, which TLS connections of this process trust. A client that
   * is blocked by the firewall is refused at once; tests of swallowed connections ask for `blocked: 'timeout'`.
   */
  static async start(options: Partial<EmulatorOptions> = {}): Promise<EmulatorHarness> {
    const { blockedBehavior = 'reject' } = options;
    const emulator = await startEmulator({
      provisionMs: 100,
      firewallDelayMs: 50,
      postgresTemplateDirectory: inject('postgresTemplates'),
      ...options,
      blockedBehavior,
    });
    return new EmulatorHarness(emulator, blockedBehavior);
  }

  async close(): Promise<void> {
    this.#removeTrust();
    await this.instance.close();
    rmSync(this.tempDirectory, { recursive: true, force: true });
  }

  get env(): Readonly<Record<string, string>> {
    return this.instance.readyLine.env;
  }

  async control<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await send(this.instance, method, `${this.instance.readyLine.control}/${path}`, { body });
    if (answer.status >= 300) throw new Error(`control ${method} ${path}: ${answer.status} ${answer.text}`);
    return (answer.text === '' ? undefined : JSON.parse(answer.text)) as T;
  }

  requests(): Promise<readonly RecordedRequest[]> {
    return this.control('GET', 'requests');
  }

  /** ARM's requests that are not reads, except those for temporary firewall rules. */
  async writesExceptTemporaryRules(): Promise<readonly RecordedRequest[]> {
    const all = await this.armWrites();
    return all.filter(({ path }) => !path.includes('/firewallRules/gha-temporary-'));
  }

  /** ARM's requests that are not reads, temporary firewall rules included. */
  async armWrites(): Promise<readonly RecordedRequest[]> {
    const all = await this.requests();
    return all.filter(({ service, method }) => service === 'arm' && !['GET', 'HEAD'].includes(method));
  }

  statements(): Promise<readonly ExecutedStatement[]> {
    return this.control('GET', 'statements');
  }

  async serverState(name: string): Promise<ServerState> {
    const { servers } = await this.control<{ servers: Record<string, ServerState> }>(
      'GET',
      `state?server=${encodeURIComponent(name)}`,
    );
    const server = servers[name];
    if (server === undefined) throw new Error(`There is no server '${name}'.`);
    return server;
  }

  async ruleNames(name: string): Promise<readonly string[]> {
    return Object.keys((await this.serverState(name)).rules);
  }

  /** Adds a fault that strikes once, unless said otherwise. */
  addFault(
    match: FaultMatch,
    then: Readonly<Record<string, unknown>> | 'hold' | 'holdAnswer',
    count: FaultCount = {},
  ): Promise<unknown> {
    return this.control('POST', 'faults', { match, ...count, then });
  }

  /** Holds the next request or statement that matches, or only its answer; with `times`, so many of them. */
  async hold(
    match: FaultMatch,
    target: 'request' | 'answer' = 'request',
    count: FaultCount = {},
  ): Promise<HeldExchange> {
    const then = target === 'request' ? 'hold' : 'holdAnswer';
    const { id } = await this.control<{ id: number }>('POST', 'faults', { match, ...count, then });
    const triggered = this.control<void>('GET', `faults/${id}`);
    // A test that ends before need not have waited for it.
    triggered.catch(() => {});
    return { triggered, release: () => this.control('DELETE', `faults/${id}`) };
  }

  patchServer(server: string, changes: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.control('PATCH', 'state', { server, ...changes });
  }

  /** Forgets requests, statements and faults. */
  async clearRecords(): Promise<void> {
    await Promise.all(
      ['requests', 'statements', 'faults'].map((collection) => this.control('DELETE', collection)),
    );
  }
}
