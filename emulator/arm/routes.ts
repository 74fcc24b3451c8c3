import type { ApiFamily } from './api-versions.ts';
import type { ArmHandler } from './call.ts';
import { listCapabilities, serverCapabilities } from './capabilities.ts';
import { getConfiguration, listConfigurations, writeConfiguration } from './configurations.ts';
import { deleteDatabase, getDatabase, listDatabases, putDatabase } from './databases.ts';
import { deleteFirewallRule, getFirewallRule, listFirewallRules, putFirewallRule } from './firewall-rules.ts';
import { checkNameAvailability } from './name-availability.ts';
import {
  deleteResourceGroup,
  getResourceGroup,
  headResourceGroup,
  listResourceGroups,
  patchResourceGroup,
  pollGroupDeletion,
  putResourceGroup,
} from './resource-groups.ts';
import { deleteServer } from './server-delete.ts';
import { restartServer, startServer, stopServer } from './server-power.ts';
import { getServer, listServers, patchServer, putServer } from './servers.ts';
import {
  getProvider,
  getSubscription,
  listLocations,
  listSubscriptions,
  listTenants,
} from './subscriptions.ts';

/** A path of the API: `{name}` stands for one segment, everything else compares without regard to case. */
export interface Route {
  readonly template: string;
  readonly family: ApiFamily;
  readonly methods: Readonly<Record<string, ArmHandler>>;
}

/** Kinds of children that exist in Azure and that nobody can make here: always an empty list. */
const emptyList: ArmHandler = (call, { store }) => {
  store.server(call.names.subscription, call.names.group, call.names.server);
  return { status: 200, body: { value: [] } };
};

const subscription = '/subscriptions/{subscription}';
const group = `${subscription}/resourceGroups/{group}`;
const provider = 'providers/Microsoft.DBforPostgreSQL';
const server = `${group}/${provider}/flexibleServers/{server}`;
const location = `${subscription}/${provider}/locations/{location}`;

function resources(template: string, methods: Readonly<Record<string, ArmHandler>>): Route {
  return { template, family: 'resources', methods };
}

function postgres(template: string, methods: Readonly<Record<string, ArmHandler>>): Route {
  return { template, family: 'postgres', methods };
}

/** The paths that the emulated ARM answers (facts.md §1). The first that fits is taken. */
export const routes: readonly Route[] = [
  resources('/subscriptions', { GET: listSubscriptions }),
  resources('/tenants', { GET: listTenants }),
  resources(subscription, { GET: getSubscription }),
  resources(`${subscription}/locations`, { GET: listLocations }),
  resources(`${subscription}/providers/{child}`, { GET: getProvider }),
  resources(`${subscription}/providers/{child}/register`, { POST: getProvider }),
  resources(`${subscription}/operationresults/{child}`, { GET: pollGroupDeletion }),
  resources(`${subscription}/resourceGroups`, { GET: listResourceGroups }),
  resources(group, {
    HEAD: headResourceGroup,
    GET: getResourceGroup,
    PUT: putResourceGroup,
    PATCH: patchResourceGroup,
    DELETE: deleteResourceGroup,
  }),
  postgres(`${subscription}/${provider}/flexibleServers`, { GET: listServers }),
  postgres(`${subscription}/${provider}/checkNameAvailability`, { POST: checkNameAvailability }),
  postgres(`${location}/checkNameAvailability`, { POST: checkNameAvailability }),
  postgres(`${location}/capabilities`, { GET: listCapabilities }),
  postgres(`${location}/azureAsyncOperation/{child}`, {
    GET: (call, context) => context.operations.poll(call, context),
  }),
  postgres(`${location}/operationResults/{child}`, {
    GET: (call, context) => context.operations.result(call, context),
  }),
  postgres(`${group}/${provider}/flexibleServers`, { GET: listServers }),
  postgres(server, { GET: getServer, PUT: putServer, PATCH: patchServer, DELETE: deleteServer }),
  postgres(`${server}/capabilities`, { GET: serverCapabilities }),
  postgres(`${server}/stop`, { POST: stopServer }),
  postgres(`${server}/start`, { POST: startServer }),
  postgres(`${server}/restart`, { POST: restartServer }),
  postgres(`${server}/firewallRules`, { GET: listFirewallRules }),
  postgres(`${server}/firewallRules/{child}`, {
    GET: getFirewallRule,
    PUT: putFirewallRule,
    DELETE: deleteFirewallRule,
  }),
  postgres(`${server}/databases`, { GET: listDatabases }),
  postgres(`${server}/databases/{child}`, { GET: getDatabase, PUT: putDatabase, DELETE: deleteDatabase }),
  postgres(`${server}/configurations`, { GET: listConfigurations }),
  postgres(`${server}/configurations/{child}`, {
    GET: getConfiguration,
    PUT: writeConfiguration,
    PATCH: writeConfiguration,
  }),
  ...['administrators', 'replicas', 'virtualendpoints', 'privateEndpointConnections'].map((children) =>
    postgres(`${server}/${children}`, { GET: emptyList }),
  ),
];
