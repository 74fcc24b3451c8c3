import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  isRestError,
  type PipelineResponse,
  RestError,
} from '@azure/core-rest-pipeline';
import { HttpsProxyAgent } from 'https-proxy-agent';
import {
  describeNetworkFailure,
  findNetworkFailure,
  NetworkError,
  proxyTunnelError,
} from './network-failure.ts';
import { withAbortGrace } from './polling.ts';
import { findProxy } from './proxy.ts';
import { describeExchange } from './request-log.ts';

/** Shared by all clients, so that their requests to a host use the same connections. */
const directAgents = {
  'http:': new HttpAgent({ keepAlive: true }),
  'https:': new Agent({ keepAlive: true }),
};
const proxyAgents = new Map<string, HttpsProxyAgent<string>>();

function selectAgent(url: string): HttpAgent {
  const proxy = findProxy(url, process.env);
  if (proxy === undefined) return directAgents[url.startsWith('https:') ? 'https:' : 'http:'];
  const { href } = proxy.url;
  const agent = proxyAgents.get(href) ?? new TunnelAgent(href);
  proxyAgents.set(href, agent);
  return agent;
}

/**
 * The HTTP client of the SDK, with the proxy of {@link findProxy} instead of the SDK's own. It sends all requests except
 * those of Octokit. A request without a response fails with a `RestError` whose message has the innermost cause, and whose
 * `cause` is a {@link NetworkError}.
 * @param debug gets a line for each request
 */
export function createHttpClient(debug: (text: string) => void = () => {}): HttpClient {
  const client = createDefaultHttpClient();
  return {
    async sendRequest(request) {
      // Replaces the agent that the SDK's own proxy policy has set.
      request.agent = selectAgent(request.url);
      const start = performance.now();
      const logResult = (response: PipelineResponse | undefined): void => {
        const durationMs = performance.now() - start;
        debug(describeExchange(request.method, request.url, { response, durationMs }));
      };
      try {
        const response = await client.sendRequest(request);
        logResult(response);
        return response;
      } catch (error) {
        logResult(undefined);
        const failure = describeNetworkFailure(error, request.url);
        if (failure === undefined) throw error;
        const code = (isRestError(error) && error.code) || failure.code;
        throw Object.assign(new RestError(failure.text, { code, request }), {
          cause: new NetworkError(failure),
        });
      }
    },
  };
}

export interface TextRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the request; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Bytes of the largest response that is read. */
  readonly maxBytes: number;
}

/** A response with its complete body. */
export interface TextResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
  readonly text: string;
}

/** The response to a GET has more bytes than allowed. */
export class ResponseTooLargeError extends Error {
  override readonly name = 'ResponseTooLargeError';
}

/**
 * Reads a URL. The global `fetch` is not used, because it uses no proxy, and Node.js needs longer to load it than for the
 * whole request.
 * @throws NetworkError if there is no response; {@link ResponseTooLargeError}; the reason of the signal
 */
export async function getText(
  url: string,
  { headers = {}, signal, maxBytes }: TextRequest,
): Promise<TextResponse> {
  const tooLarge = new AbortController();
  const abortSignal = AbortSignal.any([signal, tooLarge.signal]);
  const request = createPipelineRequest({
    url,
    headers: createHttpHeaders(headers),
    // The caller decides which URL it trusts.
    allowInsecureConnection: true,
    abortSignal,
    onDownloadProgress: ({ loadedBytes }) => {
      if (loadedBytes > maxBytes)
        tooLarge.abort(new ResponseTooLargeError(`the response has more than ${maxBytes} bytes`));
    },
  });
  try {
    // The client does not settle if the request is aborted while it reads the body.
    const response = await withAbortGrace(abortSignal, 0, createHttpClient().sendRequest(request));
    return { status: response.status, headers: response.headers, text: response.bodyAsText ?? '' };
  } catch (error) {
    signal.throwIfAborted();
    tooLarge.signal.throwIfAborted();
    const failure = findNetworkFailure(error);
    throw failure === undefined ? error : new NetworkError(failure);
  }
}

/** Without this, the agent returns the refusal of a proxy as if the host of the request had sent it. */
class TunnelAgent extends HttpsProxyAgent<string> {
  override async connect(
    ...[request, options]: Parameters<HttpsProxyAgent<string>['connect']>
  ): ReturnType<HttpsProxyAgent<string>['connect']> {
    let status = 0;
    request.once('proxyConnect', ({ statusCode }: { readonly statusCode: number }) => {
      status = statusCode;
    });
    const socket = await super.connect(request, options);
    if (status === 200) return socket;
    socket.destroy();
    throw proxyTunnelError(status);
  }
}
