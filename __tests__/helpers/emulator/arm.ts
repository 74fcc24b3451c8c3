import type { Emulator } from '../../../emulator/index.ts';
import type { JsonObject } from '../../../emulator/json.ts';
import { type Answer, at, type Sending, send, until } from './http-client.ts';

export const currentVersion = '2025-08-01';

/** The values of the server in the action's tutorial. */
export const defaultServer = {
  location: 'westeurope',
  sku: { name: 'Standard_B1ms', tier: 'Burstable' },
  properties: {
    administratorLogin: 'relecloud_admin',
    administratorLoginPassword: 'VerySecurePassword!1',
    version: '18',
    storage: { storageSizeGB: 32 },
  },
};

/** A token by the client-secret flow. */
export async function accessToken(emulator: Emulator, scope = 'https://management.azure.com/.default') {
  const { env, clientSecret } = emulator.ready;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: env['AZURE_CLIENT_ID'] ?? '',
    client_secret: clientSecret,
    scope,
  });
  const url = `${env['AZURE_AUTHORITY_HOST']}/${env['AZURE_TENANT_ID']}/oauth2/v2.0/token`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await send(emulator, 'POST', url, { body: String(form), headers });
  return String(answer.json['access_token']);
}

/** A signed-in client of the emulated ARM. */
export class Arm {
  readonly emulator: Emulator;
  readonly token: string;

  private constructor(emulator: Emulator, token: string) {
    this.emulator = emulator;
    this.token = token;
  }

  static async signIn(emulator: Emulator): Promise<Arm> {
    return new Arm(emulator, await accessToken(emulator));
  }

  get endpoint(): string {
    return this.emulator.ready.env['AZURE_RESOURCE_MANAGER_ENDPOINT'] ?? '';
  }

  get subscription(): string {
    return `/subscriptions/${this.emulator.ready.env['AZURE_SUBSCRIPTION_ID']}`;
  }

  /** The path of a server, or of something below it. */
  server(name: string, rest = '', group = 'rg'): string {
    return `${this.subscription}/resourceGroups/${group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${name}${rest}`;
  }

  /** A request to a path (with the current api-version unless it has one) or to a whole URL. */
  async send(method: string, path: string, body?: unknown, sending: Sending = {}): Promise<Answer> {
    const url = path.startsWith('https:') ? path : `${this.endpoint}${path}`;
    const versioned = url.includes('api-version=')
      ? url
      : `${url}${url.includes('?') ? '&' : '?'}api-version=${currentVersion}`;
    return send(this.emulator, method, versioned, {
      ...sending,
      body,
      headers: { authorization: `Bearer ${this.token}`, ...sending.headers },
    });
  }

  /** Poll an accepted operation to its end. */
  async finish(accepted: Answer): Promise<Answer> {
    const url = String(accepted.headers['azure-asyncoperation']);
    return until(
      () => this.send('GET', url),
      (poll) => poll.json['status'] !== 'InProgress',
    );
  }

  /** Send, expect 202, and poll to the end: the last poll. */
  async complete(method: string, path: string, body?: unknown): Promise<Answer> {
    const accepted = await this.send(method, path, body);
    if (accepted.status !== 202) throw new Error(`${method} ${path}: ${accepted.status} ${accepted.text}`);
    return this.finish(accepted);
  }

  /** The group `rg` with a server of that name, Ready. */
  async makeServer(name: string, changes: JsonObject = {}): Promise<void> {
    await this.send('PUT', `${this.subscription}/resourceGroups/rg?api-version=2025-04-01`, {
      location: 'westeurope',
    });
    const ended = await this.complete('PUT', this.server(name), { ...defaultServer, ...changes });
    if (ended.json['status'] !== 'Succeeded') throw new Error(ended.text);
  }

  /** The state of a server as GET shows it. */
  async state(name: string): Promise<unknown> {
    return at((await this.send('GET', this.server(name))).json, 'properties', 'state');
  }
}

/** The code of an error answer. */
export function codeOf(answer: Answer): unknown {
  return at(answer.json, 'error', 'code');
}

/** The message of an error answer. */
export function messageOf(answer: Answer): unknown {
  return at(answer.json, 'error', 'message');
}

/** A control call. */
export function control(emulator: Emulator, method: string, call: string, body?: unknown): Promise<Answer> {
  return send(emulator, method, `${emulator.ready.control}/${call}`, { body });
}

/** `POST control/faults`: what is matched, the effect, and how often (`skip`, `times`). */
export function postFault(
  emulator: Emulator,
  match: JsonObject,
  effect: unknown,
  often: JsonObject = {},
): Promise<Answer> {
  // biome-ignore lint/suspicious/noThenProperty: the control call's own name for the effect
  return control(emulator, 'POST', 'faults', { match, ...often, then: effect });
}

/** A fault that was added: it can be waited for and removed. */
export interface Fault {
  /** Resolves when it has struck; where it holds something, when that is held. */
  struck(): Promise<Answer>;
  /** Removes it, and so releases what it holds. */
  remove(): Promise<Answer>;
}

/** Adds a fault, which must be taken. */
export async function addFault(
  emulator: Emulator,
  match: JsonObject,
  effect: unknown,
  often: JsonObject = {},
): Promise<Fault> {
  const { status, text, json } = await postFault(emulator, match, effect, often);
  if (status !== 200) throw new Error(text);
  const call = `faults/${json['id']}`;
  return {
    struck: () => control(emulator, 'GET', call),
    remove: () => control(emulator, 'DELETE', call),
  };
}
