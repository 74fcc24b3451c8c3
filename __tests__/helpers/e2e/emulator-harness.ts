import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Emulator, startEmulator } from '../../../emulator/index.ts';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { send } from '../emulator/http-client.ts';

/** A request as the emulator recorded it (contract.md, control/requests). */
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
  readonly properties: Readonly<Record<string, unknown>>;
  readonly rules: Readonly<Record<string, unknown>>;
  readonly databases: Readonly<Record<string, unknown>>;
  readonly roles: Readonly<Record<string, unknown>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The emulated Azure of a test file, and what tests do behind the action's back. */
export class Azure {
  readonly emulator: Emulator;

  constructor(emulator: Emulator) {
    this.emulator = emulator;
  }

  get env(): Readonly<Record<string, string>> {
    return this.emulator.ready.env;
  }

  async control<T>(method: string, what: string, body?: unknown): Promise<T> {
    const answer = await send(this.emulator, method, `${this.emulator.ready.control}/${what}`, { body });
    if (answer.status >= 300) throw new Error(`control ${method} ${what}: ${answer.status} ${answer.text}`);
    return (answer.text === '' ? undefined : JSON.parse(answer.text)) as T;
  }

  requests(): Promise<readonly RecordedRequest[]> {
    return this.control('GET', 'requests');
  }

  /** ARM's requests that are not reads, those for temporary firewall rules apart (design.md, law 1). */
  async writes(): Promise<readonly RecordedRequest[]> {
    const all = await this.requests();
    return all.filter(
      ({ service, method, path }) =>
        service === 'arm' &&
        !['GET', 'HEAD'].includes(method) &&
        !path.includes('/firewallRules/gha-temporary-'),
    );
  }

  statements(): Promise<readonly ExecutedStatement[]> {
    return this.control('GET', 'statements');
  }

  async server(name: string): Promise<ServerState> {
    const { servers } = await this.control<{ servers: Record<string, ServerState> }>('GET', 'state');
    const server = servers[name];
    if (server === undefined) throw new Error(`no server '${name}' among ${Object.keys(servers).join(', ')}`);
    return server;
  }

  async rules(name: string): Promise<readonly string[]> {
    return Object.keys((await this.server(name)).rules);
  }

  fault(
    match: Record<string, string>,
    then: Record<string, unknown>,
    more: Record<string, number> = {},
  ): Promise<unknown> {
    return this.control('POST', 'faults', { match, skip: 0, times: 1, ...more, then });
  }

  patch(server: string, change: Record<string, unknown>): Promise<unknown> {
    return this.control('PATCH', 'state', { server, ...change });
  }

  /** Forgets requests, statements and faults. */
  async forget(): Promise<void> {
    await Promise.all(['requests', 'statements', 'faults'].map((what) => this.control('DELETE', what)));
  }
}

/** One emulator for a test file; the log of requests and the faults are empty before each test. */
export function useAzure(options: Partial<EmulatorOptions> = {}): { readonly azure: Azure } {
  const held: { azure?: Azure } = {};
  beforeAll(async () => {
    held.azure = new Azure(await startEmulator({ provision: 300, firewallDelay: 150, ...options }));
  });
  beforeEach(() => held.azure?.forget());
  afterAll(() => held.azure?.emulator.close());
  return {
    get azure() {
      if (held.azure === undefined) throw new Error('the emulator has not been started yet');
      return held.azure;
    },
  };
}
