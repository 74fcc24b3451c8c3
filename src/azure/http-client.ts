import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';
import {
  createDefaultHttpClient,
  type HttpClient,
  isRestError,
  type PipelineResponse,
  RestError,
} from '@azure/core-rest-pipeline';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { describeNetworkFailure, NetworkError, proxyTunnelError } from '../common/network-failure.ts';
import { findProxy } from '../common/proxy.ts';
import { describeExchange } from '../common/request-log.ts';

/**
 * The HTTP client of the SDK for Azure Resource Manager, Entra and managed identities, with the proxy of
 * {@link findProxy} instead of the SDK's own. A request without a response fails with a `RestError` whose message has the
 * innermost cause, and whose `cause` is a {@link NetworkError}.
 * @param debug gets a line for each request
 */
export function createHttpClient(debug: (text: string) => void = () => {}): HttpClient {
  const client = createDefaultHttpClient();
  const proxyAgents = new Map<string, HttpsProxyAgent<string>>();
  const directAgents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new Agent({ keepAlive: true }),
  };
  const selectAgent = (url: string): HttpAgent => {
    const proxy = findProxy(url, process.env);
    if (proxy === undefined) return directAgents[url.startsWith('https:') ? 'https:' : 'http:'];
    const { href } = proxy.url;
    const agent = proxyAgents.get(href) ?? new TunnelAgent(href);
    proxyAgents.set(href, agent);
    return agent;
  };
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
