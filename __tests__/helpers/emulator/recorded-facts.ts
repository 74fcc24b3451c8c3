import { expect } from 'vitest';
import type { JsonObject } from '../../../emulator/json.ts';

// What recorded traffic with Azure shows, as facts: statuses, headers, names, values, the order of members. Sources:
// [ASO] Azure/azure-service-operator, v2/internal/controllers/recordings/Test_DBForPostgreSQL_FlexibleServer_CRUD.yaml,
//       at 5c82724fa04950738c6fff2e4b16b8122dfdca6a, traffic of 2022 with api-version 2021-06-01;
// [PS]  Azure/azure-powershell, src/PostgreSql/PostgreSql.Autorest/test/AzPostgreSqlFlexibleServerFirewallRule
//       .Recording.json, at 17eba1f13f15b57fc63172e02bc3941e13938d10, traffic of 2021 with api-version 2021-06-01;
// [CLI] Azure/azure-cli, src/azure-cli/azure/cli/command_modules/rdbms/tests/latest/recordings/
//       test_postgres_flexible_server_stop.yaml, at 0e7c3dddaf6dd57df8271ad9cb2c16347d04a7eb, traffic of 2021 with
//       api-version 2020-02-14-preview, which the emulator answers as 2021-06-01.

/** An answer. Text that differs from run to run is normalised: `ARM`, `GUID`, `JOB`; see recordings.test.ts. */
export interface Fact {
  readonly status: number;
  readonly headers: JsonObject;
  /** The members are in Azure's order; an empty text where there is no body. */
  readonly body: JsonObject | '';
}

export const groupName = 'recorded';
export const serverName = 'recorded-server';

export const version = '2021-06-01';
export const groupVersion = '2020-06-01';
export const provider = 'Microsoft.DBforPostgreSQL';
export const varies = expect.any(String);

/** [ASO] on every answer; [PS] shows the same. */
const gateway = {
  'cache-control': 'no-cache',
  pragma: 'no-cache',
  expires: '-1',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
};

export const json = { ...gateway, 'content-type': 'application/json; charset=utf-8' };
const fromProvider = { ...json, server: 'Microsoft-HTTPAPI/2.0' };
export const compressible = { ...fromProvider, vary: 'Accept-Encoding' };

const operationUrl = (kind: string, location: string): string =>
  `ARM/subscriptions/GUID/providers/${provider}/locations/${location}/${kind}/GUID?api-version=${version}`;

export function accepted(operation: string, retryAfter: string, location = 'eastus'): Fact {
  return {
    status: 202,
    headers: {
      ...fromProvider,
      'azure-asyncoperation': operationUrl('azureAsyncOperation', location),
      location: operationUrl('operationResults', location),
      'retry-after': retryAfter,
      'content-length': varies,
    },
    body: { operation, startTime: varies },
  };
}

/** Retry-After is on every poll, also on the last; it is that of the operation. */
export function polled(status: string, retryAfter: string): Fact {
  return {
    status: 200,
    headers: { ...compressible, 'retry-after': retryAfter },
    body: { name: 'GUID', status, startTime: varies },
  };
}

export const groupId = `/subscriptions/GUID/resourceGroups/${groupName}`;
export const serverId = `${groupId}/providers/${provider}/flexibleServers/${serverName}`;

export function child(kind: string, name: string, properties: JsonObject): Fact {
  const type = `${provider}/flexibleServers/${kind}`;
  return {
    status: 200,
    headers: fromProvider,
    body: { properties, id: `${serverId}/${kind}/${name}`, name, type },
  };
}

/** A missing server, and everything below it, is the gateway's to refuse, which names the server. */
export const notFound: JsonObject = {
  error: {
    code: 'ResourceNotFound',
    message:
      `The Resource '${provider}/flexibleServers/${serverName}' under resource group '${groupName}' was not found. ` +
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

/** What a database shows that was made with the charset `utf8` and no collation. */
export const utf8Database: JsonObject = { charset: 'UTF8', collation: 'en_US.utf8' };
