import { expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';

// Facts from recorded traffic with Azure: statuses, headers, names, values and the order of members. Sources:
// ASO   Azure/azure-service-operator, v2/internal/controllers/recordings/Test_DBForPostgreSQL_FlexibleServer_CRUD.yaml,
//       at 5c82724fa04950738c6fff2e4b16b8122dfdca6a, traffic of 2022 with api-version 2021-06-01;
// PS    Azure/azure-powershell, src/PostgreSql/PostgreSql.Autorest/test/AzPostgreSqlFlexibleServerFirewallRule
//       .Recording.json, at 17eba1f13f15b57fc63172e02bc3941e13938d10, traffic of 2021 with api-version 2021-06-01;
// CLI   Azure/azure-cli, src/azure-cli/azure/cli/command_modules/rdbms/tests/latest/recordings/
//       test_postgres_flexible_server_stop.yaml, at 0e7c3dddaf6dd57df8271ad9cb2c16347d04a7eb, traffic of 2021 with
//       api-version 2020-02-14-preview, which the emulator handles like 2021-06-01.

/** An answer. recordings.test.ts replaces what differs between runs with `ARM`, `GUID` and `JOB`. */
export interface ExpectedResponse {
  readonly status: number;
  readonly headers: JsonObject;
  /** The members in Azure's order, or '' for an empty body. */
  readonly body: JsonObject | '';
}

export const groupName = 'recorded';
export const serverName = 'recorded-server';

export const API_VERSION = '2021-06-01';
export const GROUP_API_VERSION = '2020-06-01';
export const PROVIDER_NAMESPACE = 'Microsoft.DBforPostgreSQL';
export const anyString = expect.any(String);

/** The headers of every answer (ASO, PS). */
const gatewayHeaders = {
  'cache-control': 'no-cache',
  pragma: 'no-cache',
  expires: '-1',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
};

export const jsonHeaders = { ...gatewayHeaders, 'content-type': 'application/json; charset=utf-8' };
const providerHeaders = { ...jsonHeaders, server: 'Microsoft-HTTPAPI/2.0' };
export const compressibleHeaders = { ...providerHeaders, vary: 'Accept-Encoding' };

const operationUrl = (kind: string, location: string): string =>
  `ARM/subscriptions/GUID/providers/${PROVIDER_NAMESPACE}/locations/${location}/${kind}/GUID?api-version=${API_VERSION}`;

export function acceptedResponse(
  operation: string,
  retryAfter: string,
  location = 'eastus',
): ExpectedResponse {
  return {
    status: 202,
    headers: {
      ...providerHeaders,
      'azure-asyncoperation': operationUrl('azureAsyncOperation', location),
      location: operationUrl('operationResults', location),
      'retry-after': retryAfter,
      'content-length': anyString,
    },
    body: { operation, startTime: anyString },
  };
}

/** Every poll has the Retry-After of its operation, also the last one. */
export function pollResponse(status: string, retryAfter: string): ExpectedResponse {
  return {
    status: 200,
    headers: { ...compressibleHeaders, 'retry-after': retryAfter },
    body: { name: 'GUID', status, startTime: anyString },
  };
}

export const groupId = `/subscriptions/GUID/resourceGroups/${groupName}`;
export const serverId = `${groupId}/providers/${PROVIDER_NAMESPACE}/flexibleServers/${serverName}`;

export function childResponse(resourceType: string, name: string, properties: JsonObject): ExpectedResponse {
  const type = `${PROVIDER_NAMESPACE}/flexibleServers/${resourceType}`;
  return {
    status: 200,
    headers: providerHeaders,
    body: { properties, id: `${serverId}/${resourceType}/${name}`, name, type },
  };
}

/** The gateway's error for a missing server and its children. */
export const serverNotFoundBody: JsonObject = {
  error: {
    code: 'ResourceNotFound',
    message:
      `The Resource '${PROVIDER_NAMESPACE}/flexibleServers/${serverName}' under resource group '${groupName}' was not found. ` +
      'For more details please go to https://aka.ms/ARMResourceNotFoundFix',
  },
};

/** `GET …/configurations/pgaudit.log` after it was set to READ. */
export const auditConfiguration: JsonObject = {
  value: 'READ',
  description: 'Specifies which classes of statements will be logged by session audit logging.',
  defaultValue: 'none',
  dataType: 'Set',
  allowedValues: 'none,read,write,function,role,ddl,misc,all',
  source: 'user-override',
  isDynamicConfig: true,
  isReadOnly: false,
  isConfigPendingRestart: false,
  documentationLink: 'https://github.com/pgaudit/pgaudit/blob/master/README.md',
};

/** The properties of a database that was created with the charset `utf8` and no collation. */
export const utf8Database: JsonObject = { charset: 'UTF8', collation: 'en_US.utf8' };
