import { AbortError } from '@azure/abort-controller';
import { createHttpHeaders, type HttpClient, RestError } from '@azure/core-rest-pipeline';
import { type AzureClients, createClients } from '../../../src/azure/clients.ts';
import { resolveEndpoints } from '../../../src/azure/clouds.ts';
import { exampleGuid } from './test-configs.ts';

/** One answer of ARM: with a body as JSON, or as it is given; or none, as a broken or a silent connection. */
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
 * @param responses given one after another, or by what was asked so far, `METHOD URL` each
 */
export function createFakeArmClients(
  responses: readonly ArmResponse[] | ((asked: readonly string[]) => ArmResponse),
): {
  readonly clients: AzureClients;
  /** What they asked. */
  readonly asked: string[];
  /** What they logged. */
  readonly said: string[];
} {
  const asked: string[] = [];
  const said: string[] = [];
  const queue = typeof responses === 'function' ? [] : [...responses];
  const httpClient: HttpClient = {
    async sendRequest(request) {
      if (request.abortSignal?.aborted) throw new AbortError('The operation was aborted.');
      asked.push(`${request.method} ${request.url}`);
      const response = typeof responses === 'function' ? responses(asked) : queue.shift();
      if (response === undefined) throw new Error(`no answer left for ${request.method} ${request.url}`);
      // Whatever it is told: a silent proxy does not listen to signals either.
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
  const log = (text: string): void => void said.push(text);
  const clients = createClients(resolveEndpoints('AzureCloud', {}), credential, exampleGuid, log, httpClient);
  return { clients, asked, said };
}

export const correlationId = 'c0ffee00-0000-4000-8000-000000000001';

/** As recorded since 2024, with its signature: clients must keep the URL whole. */
export const operationUrl = `https://management.azure.com/subscriptions/${exampleGuid}/providers/Microsoft.DBforPostgreSQL/locations/eastus/azureAsyncOperation/0b6?api-version=2025-08-01&t=638&c=MIIH${'x'.repeat(300)}&s=a&h=b`;

/** 202 as ARM answers to a write. */
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

/** A poll's answer: always 200 with Retry-After. */
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
