import { PostgreSQLManagementFlexibleServerClient } from '@azure/arm-postgresql-flexible';
import { ResourceManagementClient } from '@azure/arm-resources';
import { createHttpHeaders, type HttpClient } from '@azure/core-rest-pipeline';
import type { AzureClients } from '../../../src/azure/clients.ts';
import { someGuid } from './inputs.ts';

/** One answer of ARM. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The vendor's real clients over answers that are given one after another; `asked` tells what they asked. */
export function clientsAnswering(answers: readonly Answer[]): {
  readonly clients: AzureClients;
  readonly asked: string[];
} {
  const asked: string[] = [];
  const queue = [...answers];
  const httpClient: HttpClient = {
    async sendRequest(request) {
      asked.push(`${request.method} ${request.url}`);
      const answer = queue.shift();
      if (answer === undefined) throw new Error(`no answer left for ${request.method} ${request.url}`);
      const { status, headers = {}, body } = answer;
      const bodyAsText = body === undefined ? '' : JSON.stringify(body);
      return { request, status, headers: createHttpHeaders({ ...headers }), bodyAsText };
    },
  };
  const credential = {
    getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }),
  };
  const clients = {
    postgresql: new PostgreSQLManagementFlexibleServerClient(credential, someGuid, { httpClient }),
    resources: new ResourceManagementClient(credential, someGuid, { httpClient }),
  };
  return { clients, asked };
}

export const correlationId = 'c0ffee00-0000-4000-8000-000000000001';

/** As recorded since 2024, with its signature: clients must keep the URL whole. */
export const operationUrl = `https://management.azure.com/subscriptions/${someGuid}/providers/Microsoft.DBforPostgreSQL/locations/eastus/azureAsyncOperation/0b6?api-version=2025-08-01&t=638&c=MIIH${'x'.repeat(300)}&s=a&h=b`;

/** 202 as ARM answers to a write. */
export const accepted: Answer = {
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
export const polled = (status: string, error?: unknown): Answer => ({
  status: 200,
  headers: { 'retry-after': '60' },
  body: {
    name: '0b6',
    status,
    startTime: '2026-04-16T21:27:02.297Z',
    ...(error === undefined ? {} : { error }),
  },
});
