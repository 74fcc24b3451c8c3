import type { JsonObject } from '../../../emulator/core/json.ts';
import type { HoldableOperation } from './fake-postgres.ts';
import {
  API_VERSION,
  acceptedResponse,
  anyString,
  auditConfiguration,
  childResponse,
  compressibleHeaders,
  type ExpectedResponse,
  GROUP_API_VERSION,
  groupId,
  groupName,
  jsonHeaders,
  PROVIDER_NAMESPACE,
  pollResponse,
  serverId,
  serverName,
  serverNotFoundBody,
  utf8Database,
} from './recorded-responses.ts';

// The requests of the recordings and their answers, in the recorded order. recorded-responses.ts lists the sources.

/** One request of a recording and its answer. */
export interface RecordedExchange {
  readonly label: string;
  readonly method: string;
  /** The path of the group, a path below the server, or the poll of the operation that an earlier exchange started. */
  readonly path: { readonly group: '' } | { readonly server: string } | { readonly poll: string };
  readonly apiVersion: string;
  readonly body?: JsonObject;
  readonly expected: ExpectedResponse;
  /** The operation to hold from this request on, so that a poll shows it as running. */
  readonly holdBefore?: HoldableOperation;
  /** Releases the held operation before this request. */
  readonly releaseBefore?: true;
  /** The operation ended before the next request of the recording. */
  readonly waitForEnd?: true;
}

// The recorded major is 13, which the emulator does not have.
const major = '17';
const sku = { name: 'Standard_D4s_v3', tier: 'GeneralPurpose' };
const sentProperties = {
  administratorLogin: 'myadmin',
  administratorLoginPassword: 'VerySecurePassword!1',
  storage: { storageSizeGB: 128 },
  version: major,
};

const returnedServer: JsonObject = {
  sku,
  properties: {
    fullyQualifiedDomainName: anyString,
    version: major,
    minorVersion: anyString,
    administratorLogin: 'myadmin',
    state: 'Ready',
    availabilityZone: '1',
    storage: { storageSizeGB: 128 },
    // The recorded server also had an earliestRestoreDate. New servers do not have it (recordings of 2025).
    backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
    network: { publicNetworkAccess: 'Enabled' },
    highAvailability: { mode: 'Disabled', state: 'NotEnabled' },
    maintenanceWindow: { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 },
  },
  // The request contains eastus.
  location: 'East US',
  id: serverId,
  name: serverName,
  type: `${PROVIDER_NAMESPACE}/flexibleServers`,
};

const putServer = (properties: JsonObject): JsonObject => ({
  location: 'eastus',
  name: serverName,
  properties,
  sku,
});

const serverRequest = (rest: string) => ({ path: { server: rest }, apiVersion: API_VERSION });
const pollRequest = (label: string) => ({ method: 'GET', path: { poll: label }, apiVersion: API_VERSION });

/** A server, its children and its group, from creation to deletion (ASO). */
export const serverLifecycle: readonly RecordedExchange[] = [
  {
    label: 'new group',
    ...{ method: 'PUT', path: { group: '' }, apiVersion: GROUP_API_VERSION },
    body: { name: groupName, location: 'westus2', tags: { CreatedAt: '2001-02-03T04:05:06Z' } },
    expected: {
      status: 201,
      headers: { ...jsonHeaders, 'content-length': anyString },
      body: {
        id: groupId,
        name: groupName,
        type: 'Microsoft.Resources/resourceGroups',
        location: 'westus2',
        tags: { CreatedAt: '2001-02-03T04:05:06Z' },
        properties: { provisioningState: 'Succeeded' },
      },
    },
  },
  {
    label: 'creation',
    ...{ method: 'PUT', ...serverRequest(''), body: putServer(sentProperties), holdBefore: 'create' },
    expected: acceptedResponse('UpsertServerManagementOperationV2', '60'),
  },
  { label: 'running creation', ...pollRequest('creation'), expected: pollResponse('InProgress', '60') },
  {
    label: 'end of the creation',
    ...pollRequest('creation'),
    releaseBefore: true,
    expected: pollResponse('Succeeded', '60'),
  },
  {
    label: 'server',
    ...{ method: 'GET', ...serverRequest('') },
    expected: { status: 200, headers: compressibleHeaders, body: returnedServer },
  },
  {
    label: 'update',
    ...{ method: 'PUT', ...serverRequest(''), waitForEnd: true },
    body: putServer({ ...sentProperties, maintenanceWindow: { customWindow: 'enabled', dayOfWeek: 5 } }),
    expected: acceptedResponse('UpsertServerManagementOperationV2', '60'),
  },
  // These three run at the same time.
  {
    label: 'configuration',
    ...{ method: 'PUT', ...serverRequest('/configurations/pgaudit.log'), holdBefore: 'setParameter' },
    body: { name: 'pgaudit.log', properties: { source: 'user-override', value: 'READ' } },
    expected: acceptedResponse('UpdateConfigurationManagementOperation', '10'),
  },
  {
    label: 'database',
    ...{ method: 'PUT', ...serverRequest('/databases/stars') },
    body: { name: 'stars', properties: { charset: 'utf8' } },
    expected: acceptedResponse('UpsertServerDatabaseManagementOperation', '10'),
  },
  {
    label: 'rule',
    ...{ method: 'PUT', ...serverRequest('/firewallRules/office') },
    body: { name: 'office', properties: { endIpAddress: '1.2.3.4', startIpAddress: '1.2.3.4' } },
    expected: acceptedResponse('UpsertServerFirewallRulesManagementOperation', '60'),
  },
  {
    label: 'running configuration',
    ...pollRequest('configuration'),
    expected: pollResponse('InProgress', '10'),
  },
  {
    label: 'end of the database operation',
    ...pollRequest('database'),
    releaseBefore: true,
    expected: pollResponse('Succeeded', '10'),
  },
  { label: 'end of the rule operation', ...pollRequest('rule'), expected: pollResponse('Succeeded', '60') },
  {
    label: 'rule as shown',
    ...{ method: 'GET', ...serverRequest('/firewallRules/office') },
    expected: childResponse('firewallRules', 'office', {
      startIpAddress: '1.2.3.4',
      endIpAddress: '1.2.3.4',
    }),
  },
  {
    label: 'database as shown',
    ...{ method: 'GET', ...serverRequest('/databases/stars') },
    expected: childResponse('databases', 'stars', utf8Database),
  },
  {
    label: 'deletion of the rule',
    ...{ method: 'DELETE', ...serverRequest('/firewallRules/office') },
    expected: acceptedResponse('DropServerFirewallRulesManagementOperation', '60'),
  },
  {
    label: 'deletion of the database',
    ...{ method: 'DELETE', ...serverRequest('/databases/stars') },
    expected: acceptedResponse('DropServerDatabaseManagementOperation', '10'),
  },
  {
    label: 'configuration as shown',
    ...{ method: 'GET', ...serverRequest('/configurations/pgaudit.log') },
    expected: childResponse('configurations', 'pgaudit.log', auditConfiguration),
  },
  {
    label: 'deletion of the server',
    ...{ method: 'DELETE', ...serverRequest(''), holdBefore: 'destroy' },
    // Only this operation has the display name of the region.
    expected: acceptedResponse('DropServerManagementOperation', '15', 'East%20US'),
  },
  {
    label: 'running deletion',
    ...pollRequest('deletion of the server'),
    expected: pollResponse('InProgress', '15'),
  },
  {
    label: 'end of the deletion',
    ...{ ...pollRequest('deletion of the server'), releaseBefore: true },
    expected: pollResponse('Succeeded', '15'),
  },
  {
    label: 'deleted server',
    ...{ method: 'GET', ...serverRequest('') },
    expected: {
      status: 404,
      headers: { ...jsonHeaders, 'x-ms-failure-cause': 'gateway', 'content-length': anyString },
      body: serverNotFoundBody,
    },
  },
  {
    label: 'child of a deleted server',
    ...{ method: 'DELETE', ...serverRequest('/configurations/pgaudit.log') },
    expected: { status: 404, headers: {}, body: serverNotFoundBody },
  },
  {
    label: 'deletion of the group',
    ...{ method: 'DELETE', path: { group: '' }, apiVersion: GROUP_API_VERSION },
    expected: {
      status: 202,
      headers: {
        ...{ 'cache-control': 'no-cache', pragma: 'no-cache', expires: '-1', 'content-length': '0' },
        'retry-after': '15',
        location: `ARM/subscriptions/GUID/operationresults/JOB?api-version=${GROUP_API_VERSION}`,
      },
      body: '',
    },
  },
];

const ruleAccepted = acceptedResponse('UpsertServerFirewallRulesManagementOperation', '60');

/** A firewall rule from creation to deletion, with all headers of ARM (PS). */
export const ruleLifecycle: readonly RecordedExchange[] = [
  {
    label: 'rule',
    ...{ method: 'PUT', ...serverRequest('/firewallRules/office') },
    body: { properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.1' } },
    expected: {
      ...ruleAccepted,
      headers: {
        ...ruleAccepted.headers,
        date: anyString,
        'x-ms-request-id': anyString,
        'x-ms-correlation-request-id': anyString,
        'x-ms-routing-request-id': anyString,
        'x-ms-ratelimit-remaining-subscription-writes': anyString,
      },
    },
  },
  {
    label: 'end of the rule operation',
    ...pollRequest('rule'),
    expected: {
      ...pollResponse('Succeeded', '60'),
      headers: {
        'retry-after': '60',
        date: anyString,
        'x-ms-ratelimit-remaining-subscription-reads': anyString,
      },
    },
  },
  {
    label: 'deletion of the rule',
    ...{ method: 'DELETE', ...serverRequest('/firewallRules/office'), waitForEnd: true },
    expected: {
      status: 202,
      headers: {
        'retry-after': '60',
        'content-length': anyString,
        'x-ms-ratelimit-remaining-subscription-deletes': anyString,
      },
      body: { operation: 'DropServerFirewallRulesManagementOperation', startTime: anyString },
    },
  },
];

/** `operationResults` of an ended deletion (PS). */
export const deletionResult: ExpectedResponse = {
  status: 200,
  headers: { 'content-length': '0', expires: '-1' },
  body: '',
};

const stopAccepted = acceptedResponse('StopServerManagementOperation', '60');

/** The stop of a server, recorded without Retry-After (CLI). */
export const stopExchange: RecordedExchange = {
  label: 'stop',
  ...{ method: 'POST', ...serverRequest('/stop') },
  expected: {
    status: 202,
    headers: {
      'azure-asyncoperation': stopAccepted.headers['azure-asyncoperation'],
      location: stopAccepted.headers['location'],
      server: 'Microsoft-HTTPAPI/2.0',
      'content-length': anyString,
      'x-ms-ratelimit-remaining-subscription-writes': anyString,
    },
    body: stopAccepted.body,
  },
};
