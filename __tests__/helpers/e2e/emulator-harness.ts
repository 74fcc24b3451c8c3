import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { inject } from 'vitest';
import { type Emulator, startEmulator } from '../../../emulator/emulator.ts';
import '../../../emulator/core/resolve-host-names.cjs';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { send } from '../emulator/http-client.ts';
import { trustRootCertificate } from '../process-context.ts';

/** A request that the emulator recorded (`GET control/requests`). */
export interface RecordedRequest {
  readonly at: string;
  readonly service: 'arm' | 'entra' | 'github' | 'oidc' | 'echo';
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

/** A statement of a PostgreSQL client that the emulator recorded (`GET control/statements`). */
export interface ExecutedStatement {
  readonly server: string;
  readonly database: string;
  readonly user: string;
  readonly statement: string;
}

/** A server in the response of `control/state`. */
export interface ServerState {
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly rules: Readonly<Record<string, unknown>>;
  readonly databases: Readonly<Record<string, unknown>>;
  readonly roles: Readonly<Record<string, unknown>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Selects the requests or statements that a fault applies to; all but `service` and `method` are regular expressions. */
export interface FaultMatch {
  readonly service?: 'arm' | 'entra' | 'github' | 'oidc' | 'echo' | 'postgres';
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  /** SQL of a PostgreSQL client, with `service: 'postgres'`. */
  readonly statement?: string;
}

/** How many matches a fault skips (default 0), and to how many it then applies (default 1). */
export interface FaultCount {
  readonly skip?: number;
  readonly times?: number;
}

/** A request or a statement that the emulator holds back. */
export interface HeldExchange {
  /** Resolves when the emulator holds a match; rejects if the fault is removed before that. */
  readonly triggered: Promise<void>;
  /** Continues what is held, and holds nothing more. */
  release(): Promise<void>;
}

/** The emulator of a test file, with its control API. */
export class EmulatorHarness {
  readonly instance: Emulator;
  /** The folder for the files of jobs; removed by {@link close}. */
  readonly tempDirectory = mkdtempSync(join(tmpdir(), 'e2e-'));

  /** Trusts the emulator's root certificate. Reading it for each connection takes longer than the connection. */
  readonly secureContext: SecureContext;
  /** What happens to a client that the firewall blocks. */
  readonly blocked: EmulatorOptions['blockedBehavior'];
  readonly #removeTrust: () => void;

  private constructor(emulator: Emulator, blocked: EmulatorOptions['blockedBehavior']) {
    this.instance = emulator;
    this.blocked = blocked;
    this.secureContext = createSecureContext({ ca: emulator.caCertificate });
    this.#removeTrust = trustRootCertificate(emulator.caCertificate);
    // For clients of the test itself. A step has it in its own environment.
    const { EMULATOR_HOSTS_FILE } = emulator.readyLine.env;
    if (EMULATOR_HOSTS_FILE !== undefined) process.env['EMULATOR_HOSTS_FILE'] = EMULATOR_HOSTS_FILE;
  }

  /**
   * Starts an emulator with the PostgreSQL templates of the global setup. TLS connections of this process trust it. By
   * default it rejects blocked clients at once; `blockedBehavior: 'timeout'` drops their packets, as Azure does.
   */
  static async start(options: Partial<EmulatorOptions> = {}): Promise<EmulatorHarness> {
    const { blockedBehavior = 'reject' } = options;
    const emulator = await startEmulator({
      provisionMs: 100,
      firewallDelayMs: 50,
      hostNames: true,
      postgresTemplateDirectory: inject('postgresTemplates'),
      ...options,
      blockedBehavior,
    });
    return new EmulatorHarness(emulator, blockedBehavior);
  }

  async close(): Promise<void> {
    this.#removeTrust();
    delete process.env['EMULATOR_HOSTS_FILE'];
    await this.instance.close();
    rmSync(this.tempDirectory, { recursive: true, force: true });
  }

  get env(): Readonly<Record<string, string>> {
    return this.instance.readyLine.env;
  }

  /** Sends a request to the control API. Throws for a status of 300 or more. */
  async control<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await send(this.instance, method, `${this.instance.readyLine.control}/${path}`, {
      body,
    });
    if (response.status >= 300)
      throw new Error(`control ${method} ${path}: ${response.status} ${response.text}`);
    return (response.text === '' ? undefined : JSON.parse(response.text)) as T;
  }

  requests(): Promise<readonly RecordedRequest[]> {
    return this.control('GET', 'requests');
  }

  /** The write requests to ARM, except those for temporary firewall rules. */
  async writesExceptTemporaryRules(): Promise<readonly RecordedRequest[]> {
    const writes = await this.armWrites();
    return writes.filter(({ path }) => !path.includes('/firewallRules/gha-temporary-'));
  }

  /** The write requests to ARM. */
  async armWrites(): Promise<readonly RecordedRequest[]> {
    const requests = await this.requests();
    return requests.filter(({ service, method }) => service === 'arm' && !['GET', 'HEAD'].includes(method));
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
    if (server === undefined) throw new Error(`Server '${name}' does not exist in the emulator.`);
    return server;
  }

  async ruleNames(name: string): Promise<readonly string[]> {
    return Object.keys((await this.serverState(name)).rules);
  }

  /** Adds a fault. It applies to the first match unless `count` selects others. */
  addFault(
    match: FaultMatch,
    then: Readonly<Record<string, unknown>> | 'hold' | 'holdAnswer',
    count: FaultCount = {},
  ): Promise<unknown> {
    return this.control('POST', 'faults', { match, ...count, then });
  }

  /** Holds the next request or statement that matches, or its answer; with `times` that many of them. */
  async hold(
    match: FaultMatch,
    target: 'request' | 'answer' = 'request',
    count: FaultCount = {},
  ): Promise<HeldExchange> {
    const then = target === 'request' ? 'hold' : 'holdAnswer';
    const { id } = await this.control<{ id: number }>('POST', 'faults', { match, ...count, then });
    const triggered = this.control<void>('GET', `faults/${id}`);
    // A test can end without awaiting it.
    triggered.catch(() => {});
    return { triggered, release: () => this.control('DELETE', `faults/${id}`) };
  }

  /** Holds the next match of each; triggered when all of them are held at the same time. */
  async holdAll(matches: readonly FaultMatch[]): Promise<HeldExchange> {
    const held = await Promise.all(matches.map((match) => this.hold(match)));
    const triggered = Promise.all(held.map((each) => each.triggered)).then(() => {});
    triggered.catch(() => {});
    return {
      triggered,
      release: async () => void (await Promise.all(held.map((each) => each.release()))),
    };
  }

  /** Changes a server without the action, as a user can in the Azure portal. */
  patchServer(server: string, changes: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.control('PATCH', 'state', { server, ...changes });
  }

  /** Clears recorded requests, recorded statements and faults. */
  async clearRecords(): Promise<void> {
    await Promise.all(
      ['requests', 'statements', 'faults'].map((collection) => this.control('DELETE', collection)),
    );
  }
}
