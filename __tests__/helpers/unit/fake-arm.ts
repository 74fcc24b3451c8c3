import { AbortError } from '@azure/abort-controller';
import { createHttpHeaders, type HttpClient, RestError } from '@azure/core-rest-pipeline';
import { type AzureClients, createClients } from '../../../src/azure/clients.ts';
import { resolveEndpoints } from '../../../src/azure/clouds.ts';
import { exampleGuid } from './test-configs.ts';

/** One response of ARM: with a JSON body or a text; or none, from a broken or a silent connection. */
export type ArmResponse =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
      readonly text?: string;
    }
  | 'broken'
  | 'silent';

/**
 * The action's own clients over a fake ARM.
 * @param responses in order, or a function of the requests so far (see `requests`) and of the body of the last one
 */
export function createFakeArmClients(
  responses: readonly ArmResponse[] | ((requests: readonly string[], body?: string) => ArmResponse),
): {
  readonly clients: AzureClients;
  /** `METHOD URL` of each request. */
  readonly requests: string[];
  readonly logLines: string[];
} {
  const requests: string[] = [];
  const logLines: string[] = [];
  const queue = typeof responses === 'function' ? [] : [...responses];
  const httpClient: HttpClient = {
    async sendRequest(request) {
      if (request.abortSignal?.aborted) throw new AbortError('The operation was aborted.');
      requests.push(`${request.method} ${request.url}`);
      const response =
        typeof responses === 'function' ? responses(requests, request.body as string) : queue.shift();
      if (response === undefined) throw new Error(`no response left for ${request.method} ${request.url}`);
      // Ignores the signal, as a connection to a silent proxy does.
      if (response === 'silent') return await new Promise<never>(() => {});
      if (response === 'broken') throw new RestError('socket hang up', { code: 'ECONNRESET', request });
      const { status, headers = {}, body, text } = response;
      const bodyAsText = text ?? (body === undefined ? '' : JSON.stringify(body));
      const type = text === undefined ? 'application/json' : 'text/html';
      return {
        request,
        status,
        headers: createHttpHeaders({ 'content-type': type, ...headers }),
        bodyAsText,
      };
    },
  };
  const credential = {
    getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }),
  };
  const log = (text: string): void => void logLines.push(text);
  const clients = createClients(resolveEndpoints('AzureCloud', {}), credential, exampleGuid, log, httpClient);
  return { clients, requests, logLines };
}

export const correlationId = 'c0ffee00-0000-4000-8000-000000000001';

/** As recorded since 2024, with a signature: clients must keep the whole URL. */
export const operationUrl = `https://management.azure.com/subscriptions/${exampleGuid}/providers/Microsoft.DBforPostgreSQL/locations/eastus/azureAsyncOperation/0b6?api-version=2025-08-01&t=638&c=MIIH${'x'.repeat(300)}&s=a&h=b`;

/** ARM's 202 response to a write. */
export const acceptedResponse: ArmResponse = {
  status: 202,
  headers: {
    'azure-asyncoperation': operationUrl,
    location: operationUrl.replace('azureAsyncOperation', 'operationResults'),
    'retry-after': '60',
    'x-ms-correlation-request-id': correlationId,
  },
  body: { operation: 'UpsertServerFirewallRulesManagementOperation', startTime: '2026-04-16T21:27:02.297Z' },
};

/** The response to a poll: always 200 with Retry-After. */
export const pollResponse = (status: string, error?: unknown): ArmResponse => ({
  status: 200,
  headers: { 'retry-after': '60' },
  body: {
    name: '0b6',
    status,
    startTime: '2026-04-16T21:27:02.297Z',
    ...(error === undefined ? {} : { error }),
  },
});
