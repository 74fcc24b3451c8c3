import type { JsonObject } from '../../../emulator/json.ts';
import type { Work } from './fake-postgres.ts';
import {
  accepted,
  auditConfiguration,
  child,
  compressible,
  type Fact,
  groupId,
  groupName,
  groupVersion,
  json,
  notFound,
  polled,
  provider,
  serverId,
  serverName,
  utf8Database,
  varies,
  version,
} from './recorded-facts.ts';

// The requests of the recordings, in their order, and their answers; the sources are named in recorded-facts.ts.

/** One request of a recording and its answer. */
export interface Exchange {
  readonly what: string;
  readonly method: string;
  /** Of the group, below the server, or the poll of the operation that an exchange before has begun. */
  readonly path: { readonly group: '' } | { readonly server: string } | { readonly poll: string };
  readonly apiVersion: string;
  readonly body?: JsonObject;
  readonly fact: Fact;
  /** Work that is held from before this request on, so that its operation is under way when it is polled. */
  readonly holds?: Work;
  /** Whether held work is released before this request. */
  readonly releases?: true;
  /** In the recording this operation had ended before the next request. */
  readonly ends?: true;
}

// The recorded major is 13, older than those that run here.
const major = '17';
const sku = { name: 'Standard_D4s_v3', tier: 'GeneralPurpose' };
const sent = {
  administratorLogin: 'myadmin',
  administratorLoginPassword: 'VerySecurePassword!1',
  storage: { storageSizeGB: 128 },
  version: major,
};

const shownServer: JsonObject = {
  sku,
  properties: {
    fullyQualifiedDomainName: varies,
    version: major,
    minorVersion: varies,
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
  type: `${provider}/flexibleServers`,
};

const putServer = (properties: JsonObject): JsonObject => ({
  location: 'eastus',
  name: serverName,
  properties,
  sku,
});

const on = (rest: string) => ({ path: { server: rest }, apiVersion: version });
const poll = (what: string) => ({ method: 'GET', path: { poll: what }, apiVersion: version });

/** [ASO] The life of a server, its children and its group. */
export const serverLife: readonly Exchange[] = [
  {
    what: 'new group',
    ...{ method: 'PUT', path: { group: '' }, apiVersion: groupVersion },
    body: { name: groupName, location: 'westus2', tags: { CreatedAt: '2001-02-03T04:05:06Z' } },
    fact: {
      status: 201,
      headers: { ...json, 'content-length': varies },
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
    what: 'creation',
    ...{ method: 'PUT', ...on(''), body: putServer(sent), holds: 'create' },
    fact: accepted('UpsertServerManagementOperationV2', '60'),
  },
  { what: 'creation under way', ...poll('creation'), fact: polled('InProgress', '60') },
  { what: 'end of the creation', ...poll('creation'), releases: true, fact: polled('Succeeded', '60') },
  {
    what: 'server',
    ...{ method: 'GET', ...on('') },
    fact: { status: 200, headers: compressible, body: shownServer },
  },
  {
    what: 'update',
    ...{ method: 'PUT', ...on(''), ends: true },
    body: putServer({ ...sent, maintenanceWindow: { customWindow: 'enabled', dayOfWeek: 5 } }),
    fact: accepted('UpsertServerManagementOperationV2', '60'),
  },
  // These three are under way at the same time.
  {
    what: 'configuration',
    ...{ method: 'PUT', ...on('/configurations/pgaudit.log'), holds: 'setParameter' },
    body: { name: 'pgaudit.log', properties: { source: 'user-override', value: 'READ' } },
    fact: accepted('UpdateConfigurationManagementOperation', '10'),
  },
  {
    what: 'database',
    ...{ method: 'PUT', ...on('/databases/stars') },
    body: { name: 'stars', properties: { charset: 'utf8' } },
    fact: accepted('UpsertServerDatabaseManagementOperation', '10'),
  },
  {
    what: 'rule',
    ...{ method: 'PUT', ...on('/firewallRules/office') },
    body: { name: 'office', properties: { endIpAddress: '1.2.3.4', startIpAddress: '1.2.3.4' } },
    fact: accepted('UpsertServerFirewallRulesManagementOperation', '60'),
  },
  { what: 'configuration under way', ...poll('configuration'), fact: polled('InProgress', '10') },
  { what: 'end of the database’s', ...poll('database'), releases: true, fact: polled('Succeeded', '10') },
  { what: 'end of the rule’s', ...poll('rule'), fact: polled('Succeeded', '60') },
  {
    what: 'rule as shown',
    ...{ method: 'GET', ...on('/firewallRules/office') },
    fact: child('firewallRules', 'office', { startIpAddress: '1.2.3.4', endIpAddress: '1.2.3.4' }),
  },
  {
    what: 'database as shown',
    ...{ method: 'GET', ...on('/databases/stars') },
    fact: child('databases', 'stars', utf8Database),
  },
  {
    what: 'deletion of the rule',
    ...{ method: 'DELETE', ...on('/firewallRules/office') },
    fact: accepted('DropServerFirewallRulesManagementOperation', '60'),
  },
  {
    what: 'deletion of the database',
    ...{ method: 'DELETE', ...on('/databases/stars') },
    fact: accepted('DropServerDatabaseManagementOperation', '10'),
  },
  {
    what: 'configuration as shown',
    ...{ method: 'GET', ...on('/configurations/pgaudit.log') },
    fact: child('configurations', 'pgaudit.log', auditConfiguration),
  },
  {
    what: 'deletion of the server',
    ...{ method: 'DELETE', ...on(''), holds: 'destroy' },
    // The region as people write it, here alone.
    fact: accepted('DropServerManagementOperation', '15', 'East%20US'),
  },
  { what: 'deletion under way', ...poll('deletion of the server'), fact: polled('InProgress', '15') },
  {
    what: 'end of the deletion',
    ...{ ...poll('deletion of the server'), releases: true },
    fact: polled('Succeeded', '15'),
  },
  {
    what: 'server that is gone',
    ...{ method: 'GET', ...on('') },
    fact: {
      status: 404,
      headers: { ...json, 'x-ms-failure-cause': 'gateway', 'content-length': varies },
      body: notFound,
    },
  },
  {
    what: 'child of a server that is gone',
    ...{ method: 'DELETE', ...on('/configurations/pgaudit.log') },
    fact: { status: 404, headers: {}, body: notFound },
  },
  {
    what: 'deletion of the group',
    ...{ method: 'DELETE', path: { group: '' }, apiVersion: groupVersion },
    fact: {
      status: 202,
      headers: {
        ...{ 'cache-control': 'no-cache', pragma: 'no-cache', expires: '-1', 'content-length': '0' },
        'retry-after': '15',
        location: `ARM/subscriptions/GUID/operationresults/JOB?api-version=${groupVersion}`,
      },
      body: '',
    },
  },
];

/** [PS] The headers that every answer has, and those of a provider's 202. */
const ruleAcceptance = accepted('UpsertServerFirewallRulesManagementOperation', '60');

/** [PS] The life of a firewall rule, with all of ARM's own headers. */
export const ruleLife: readonly Exchange[] = [
  {
    what: 'rule',
    ...{ method: 'PUT', ...on('/firewallRules/office') },
    body: { properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.1' } },
    fact: {
      ...ruleAcceptance,
      headers: {
        ...ruleAcceptance.headers,
        date: varies,
        'x-ms-request-id': varies,
        'x-ms-correlation-request-id': varies,
        'x-ms-routing-request-id': varies,
        'x-ms-ratelimit-remaining-subscription-writes': varies,
      },
    },
  },
  {
    what: 'end of the rule’s',
    ...poll('rule'),
    fact: {
      ...polled('Succeeded', '60'),
      headers: {
        'retry-after': '60',
        date: varies,
        'x-ms-ratelimit-remaining-subscription-reads': varies,
      },
    },
  },
  {
    what: 'deletion of the rule',
    ...{ method: 'DELETE', ...on('/firewallRules/office'), ends: true },
    fact: {
      status: 202,
      headers: {
        'retry-after': '60',
        'content-length': varies,
        'x-ms-ratelimit-remaining-subscription-deletes': varies,
      },
      body: { operation: 'DropServerFirewallRulesManagementOperation', startTime: varies },
    },
  },
];

/** [PS] `operationResults` of a deletion that has ended: 200 with an empty body. */
export const resultOfDeletion: Fact = {
  status: 200,
  headers: { 'content-length': '0', expires: '-1' },
  body: '',
};

const stopAcceptance = accepted('StopServerManagementOperation', '60');

/** [CLI] The stop of a server. Its Retry-After was not among the recorded headers. */
export const stop: Exchange = {
  what: 'stop',
  ...{ method: 'POST', ...on('/stop') },
  fact: {
    status: 202,
    headers: {
      'azure-asyncoperation': stopAcceptance.headers['azure-asyncoperation'],
      location: stopAcceptance.headers['location'],
      server: 'Microsoft-HTTPAPI/2.0',
      'content-length': varies,
      'x-ms-ratelimit-remaining-subscription-writes': varies,
    },
    body: stopAcceptance.body,
  },
};
