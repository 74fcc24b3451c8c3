import type { JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
import { type HttpResponse, pollUntilAccepted, type SendOptions, send, valueAt } from './http-client.ts';

export const CURRENT_API_VERSION = '2025-08-01';

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

/** An access token from the client secret flow. */
export async function accessToken(emulator: Emulator, scope = 'https://management.azure.com/.default') {
  const { env, clientSecret } = emulator.readyLine;
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
export class ArmClient {
  readonly emulator: Emulator;
  readonly token: string;

  private constructor(emulator: Emulator, token: string) {
    this.emulator = emulator;
    this.token = token;
  }

  static async signIn(emulator: Emulator): Promise<ArmClient> {
    return new ArmClient(emulator, await accessToken(emulator));
  }

  get endpoint(): string {
    return this.emulator.readyLine.env['AZURE_RESOURCE_MANAGER_ENDPOINT'] ?? '';
  }

  get subscriptionPath(): string {
    return `/subscriptions/${this.emulator.readyLine.env['AZURE_SUBSCRIPTION_ID']}`;
  }

  /** The path of a server, or of a child resource. */
  serverPath(name: string, rest = '', group = 'rg'): string {
    return `${this.subscriptionPath}/resourceGroups/${group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${name}${rest}`;
  }

  /** Send a request to a path or a URL, with the current api-version unless it has one. */
  async send(method: string, path: string, body?: unknown, options: SendOptions = {}): Promise<HttpResponse> {
    const url = path.startsWith('https:') ? path : `${this.endpoint}${path}`;
    const versioned = url.includes('api-version=')
      ? url
      : `${url}${url.includes('?') ? '&' : '?'}api-version=${CURRENT_API_VERSION}`;
    return send(this.emulator, method, versioned, {
      ...options,
      body,
      headers: { authorization: `Bearer ${this.token}`, ...options.headers },
    });
  }

  /** Poll an accepted operation until it ends. Returns the last poll. */
  async waitForOperation(accepted: HttpResponse): Promise<HttpResponse> {
    const url = String(accepted.headers['azure-asyncoperation']);
    return pollUntilAccepted(
      () => this.send('GET', url),
      (poll) => poll.json['status'] !== 'InProgress',
    );
  }

  /** Send a request, expect 202, and poll until the operation ends. Returns the last poll. */
  async sendAndWait(method: string, path: string, body?: unknown): Promise<HttpResponse> {
    const accepted = await this.send(method, path, body);
    if (accepted.status !== 202) throw new Error(`${method} ${path}: ${accepted.status} ${accepted.text}`);
    return this.waitForOperation(accepted);
  }

  /** Create the group `rg` with a server, and wait until it is Ready. */
  async createServer(name: string, changes: JsonObject = {}): Promise<void> {
    await this.send('PUT', `${this.subscriptionPath}/resourceGroups/rg?api-version=2025-04-01`, {
      location: 'westeurope',
    });
    const ended = await this.sendAndWait('PUT', this.serverPath(name), { ...defaultServer, ...changes });
    if (ended.json['status'] !== 'Succeeded') throw new Error(ended.text);
  }

  /** The state of a server as GET shows it. */
  async serverState(name: string): Promise<unknown> {
    return valueAt((await this.send('GET', this.serverPath(name))).json, 'properties', 'state');
  }
}

/** The code of an error answer. */
export function errorCode(answer: HttpResponse): unknown {
  return valueAt(answer.json, 'error', 'code');
}

/** The message of an error answer. */
export function errorMessage(answer: HttpResponse): unknown {
  return valueAt(answer.json, 'error', 'message');
}

/** A control call. */
export function sendControl(
  emulator: Emulator,
  method: string,
  path: string,
  body?: unknown,
): Promise<HttpResponse> {
  return send(emulator, method, `${emulator.readyLine.control}/${path}`, { body });
}

/** Call `POST control/faults`. `count` has `skip` and `times`. */
export function postFault(
  emulator: Emulator,
  match: JsonObject,
  effect: unknown,
  count: JsonObject = {},
): Promise<HttpResponse> {
  // biome-ignore lint/suspicious/noThenProperty: the control API uses this name for the effect
  return sendControl(emulator, 'POST', 'faults', { match, ...count, then: effect });
}

export interface AddedFault {
  /** Resolves when the fault has been triggered. For a hold: when the hold has started. */
  triggered(): Promise<HttpResponse>;
  /** Remove the fault and release what it holds. */
  remove(): Promise<HttpResponse>;
}

/** Add a fault. Throws if the emulator refuses it. */
export async function addFault(
  emulator: Emulator,
  match: JsonObject,
  effect: unknown,
  count: JsonObject = {},
): Promise<AddedFault> {
  const { status, text, json } = await postFault(emulator, match, effect, count);
  if (status !== 200) throw new Error(text);
  const call = `faults/${json['id']}`;
  return {
    triggered: () => sendControl(emulator, 'GET', call),
    remove: () => sendControl(emulator, 'DELETE', call),
  };
}
