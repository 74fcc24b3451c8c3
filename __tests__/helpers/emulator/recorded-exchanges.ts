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

// The requests of the recordings, in their order, and their answers; the sources are named in recorded-facts.ts.

/** One request of a recording and its answer. */
export interface RecordedExchange {
  readonly label: string;
  readonly method: string;
  /** Of the group, below the server, or the poll of the operation that an exchange before has begun. */
  readonly path: { readonly group: '' } | { readonly server: string } | { readonly poll: string };
  readonly apiVersion: string;
  readonly body?: JsonObject;
  readonly expected: ExpectedResponse;
  /** Work that is held from before this request on, so that its operation is under way when it is polled. */
  readonly holdBefore?: HoldableOperation;
  /** Whether held work is released before this request. */
  readonly releaseBefore?: true;
  /** In the recording this operation had ended before the next request. */
  readonly waitForEnd?: true;
}

// The recorded major is 13, older than those that run here.
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
    // The recorded server also had an earliestRestoreDate, which fresh servers have not (recordings of 2025).
    backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
    network: { publicNetworkAccess: 'Enabled' },
    highAvailability: { mode: 'Disabled', state: 'NotEnabled' },
    maintenanceWindow: { customWindow: 'Disabled', dayOfWeek: 0, startHour: 0, startMinute: 0 },
  },
  // Sent as eastus.
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

/** [ASO] The life of a server, its children and its group. */
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
  { label: 'creation under way', ...pollRequest('creation'), expected: pollResponse('InProgress', '60') },
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
  // These three are under way at the same time.
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
    label: 'configuration under way',
    ...pollRequest('configuration'),
    expected: pollResponse('InProgress', '10'),
  },
  {
    label: 'end of the database’s',
    ...pollRequest('database'),
    releaseBefore: true,
    expected: pollResponse('Succeeded', '10'),
  },
  { label: 'end of the rule’s', ...pollRequest('rule'), expected: pollResponse('Succeeded', '60') },
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
    // The region as people write it, here alone.
    expected: acceptedResponse('DropServerManagementOperation', '15', 'East%20US'),
  },
  {
    label: 'deletion under way',
    ...pollRequest('deletion of the server'),
    expected: pollResponse('InProgress', '15'),
  },
  {
    label: 'end of the deletion',
    ...{ ...pollRequest('deletion of the server'), releaseBefore: true },
    expected: pollResponse('Succeeded', '15'),
  },
  {
    label: 'server that is gone',
    ...{ method: 'GET', ...serverRequest('') },
    expected: {
      status: 404,
      headers: { ...jsonHeaders, 'x-ms-failure-cause': 'gateway', 'content-length': anyString },
      body: serverNotFoundBody,
    },
  },
  {
    label: 'child of a server that is gone',
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

/** [PS] The headers that every answer has, and those of a provider's 202. */
const ruleAccepted = acceptedResponse('UpsertServerFirewallRulesManagementOperation', '60');

/** [PS] The life of a firewall rule, with all of ARM's own headers. */
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
    label: 'end of the rule’s',
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

/** [PS] `operationResults` of a deletion that has ended: 200 with an empty body. */
export const deletionResult: ExpectedResponse = {
  status: 200,
  headers: { 'content-length': '0', expires: '-1' },
  body: '',
};

const stopAccepted = acceptedResponse('StopServerManagementOperation', '60');

/** [CLI] The stop of a server. Its Retry-After was not among the recorded headers. */
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
