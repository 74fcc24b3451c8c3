import { createHttpHeaders, type HttpClient, type PipelineResponse } from '@azure/core-rest-pipeline';
import { parseJsonObject } from '../common/json.ts';
import { findNetworkFailure, foreignAnswerHint } from '../common/network-failure.ts';
import { createHttpClient } from './http-client.ts';

/** Why a sign-in failed before Entra could decide about it. */
export interface SignInObstacle {
  readonly text: string;
  /** What to do. */
  readonly hint: string;
  readonly cause: unknown;
}

/**
 * The HTTP client of a credential. It keeps the last failure of a request, because @azure/identity replaces each by
 * `network_error` (docs/azure-behavior.md#entra-sign-in).
 */
export class SignInClient implements HttpClient {
  readonly #client: HttpClient;
  /** The last failure; undefined if Entra has answered since. */
  obstacle: SignInObstacle | undefined;
  readonly #authorityHost: string;

  /** @param debug gets a line for each request */
  constructor(authorityHost: string, debug: (text: string) => void) {
    this.#client = createHttpClient(debug);
    this.#authorityHost = authorityHost;
  }

  /** Forgets what earlier requests ended with. */
  reset(): void {
    this.obstacle = undefined;
  }

  async sendRequest(request: Parameters<HttpClient['sendRequest']>[0]): Promise<PipelineResponse> {
    const discovered = answerDiscovery(this.#authorityHost, request);
    if (discovered !== undefined) return discovered;
    try {
      const response = await this.#client.sendRequest(request);
      this.obstacle = findAnswerObstacle(response);
      return response;
    } catch (error) {
      // A managed identity has its endpoint on this machine; that none exists is the usual case.
      if (request.url.startsWith('https:')) this.obstacle = toObstacle(error) ?? this.obstacle;
      throw error;
    }
  }

  /** Keeps a failure of GitHub's OIDC token. */
  keep(error: unknown): void {
    this.obstacle = toObstacle(error);
  }
}

/** The obstacle that an error describes with its own hint; undefined for other errors. */
export function toObstacle(error: unknown): SignInObstacle | undefined {
  const { message, hint } = Object(error) as { readonly message?: unknown; readonly hint?: unknown };
  if (typeof message === 'string' && typeof hint === 'string') return { text: message, hint, cause: error };
  const failure = findNetworkFailure(error);
  return failure && { text: failure.text, hint: failure.hint, cause: error };
}

/**
 * The endpoints of a tenant, which have the same form in every cloud. MSAL knows those of the largest clouds, and would
 * request those of the others before each sign-in (docs/azure-behavior.md#entra-sign-in).
 */
function answerDiscovery(
  authorityHost: string,
  request: Parameters<HttpClient['sendRequest']>[0],
): PipelineResponse | undefined {
  const [, tenant] = /\/([^/?]+)\/v2\.0\/\.well-known\/openid-configuration(\?|$)/.exec(request.url) ?? [];
  if (tenant === undefined || new URL(request.url).origin !== new URL(authorityHost).origin) return undefined;
  const base = `${new URL(authorityHost).origin}/${tenant}`;
  const endpoints = {
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
  };
  return { request, status: 200, headers: createHttpHeaders(), bodyAsText: JSON.stringify(endpoints) };
}

/** Entra answers every request with a JSON object, an error with an AADSTS number. */
function findAnswerObstacle({ request, status, bodyAsText }: PipelineResponse): SignInObstacle | undefined {
  if (!request.url.startsWith('https:')) return undefined;
  const { host } = new URL(request.url);
  const body = bodyAsText ?? '';
  if (parseJsonObject(body) === undefined)
    return {
      text: `${host} answered HTTP ${status} with a page instead of the JSON of Entra`,
      hint: foreignAnswerHint(request.url),
      cause: undefined,
    };
  if (status < 500 || /AADSTS\d/.test(body)) return undefined;
  return {
    text: `${host} answered HTTP ${status}`,
    hint: 'Run the workflow again. https://azure.status.microsoft reports outages of Entra.',
    cause: undefined,
  };
}
