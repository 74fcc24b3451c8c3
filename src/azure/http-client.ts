import {
  createDefaultHttpClient,
  type HttpClient,
  isRestError,
  type PipelineResponse,
  RestError,
} from '@azure/core-rest-pipeline';
import { selectAgent } from '../common/http-agents.ts';
import { describeNetworkFailure, NetworkError } from '../common/network-failure.ts';
import { describeExchange } from '../common/request-log.ts';

/**
 * The HTTP client of the SDK, with the proxy of {@link findProxy} instead of the SDK's own. A request without a response fails with a `RestError` whose message has the innermost cause, and whose
 * `cause` is a {@link NetworkError}.
 * @param debug gets a line for each request
 */
export function createHttpClient(debug: (text: string) => void = () => {}): HttpClient {
  const client = createDefaultHttpClient();
  return {
    async sendRequest(request) {
      // Replaces the agent that the SDK's own proxy policy has set.
      request.agent = await selectAgent(request.url);
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
