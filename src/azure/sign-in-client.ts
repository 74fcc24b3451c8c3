import type { HttpClient, PipelineResponse } from '@azure/core-rest-pipeline';
import { createHttpClient } from '../common/http-client.ts';
import { parseJsonObject } from '../common/json.ts';
import { findNetworkFailure, foreignAnswerHint } from '../common/network-failure.ts';

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
  /** The last refusal of Entra, with its AADSTS number: MSAL replaces one of the discovery by `endpoints_resolution_error`. */
  refusal: string | undefined;

  /** @param debug gets a line for each request */
  constructor(debug: (text: string) => void) {
    this.#client = createHttpClient(debug);
  }

  /** Forgets what earlier requests ended with. */
  reset(): void {
    this.obstacle = undefined;
    this.refusal = undefined;
  }

  async sendRequest(request: Parameters<HttpClient['sendRequest']>[0]): Promise<PipelineResponse> {
    try {
      const response = await this.#client.sendRequest(request);
      this.obstacle = findAnswerObstacle(response);
      this.refusal = findRefusal(response);
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

function findRefusal({ status, bodyAsText }: PipelineResponse): string | undefined {
  const description = status < 400 ? undefined : parseJsonObject(bodyAsText ?? '')?.['error_description'];
  return typeof description === 'string' && /AADSTS\d/.test(description) ? description : undefined;
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
