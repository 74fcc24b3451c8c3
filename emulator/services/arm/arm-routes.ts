import type { ApiFamily } from './api-versions.ts';
import type { ArmHandler } from './arm-context.ts';
import { listCapabilities, serverCapabilities } from './capabilities.ts';
import { getConfiguration, listConfigurations, writeConfiguration } from './configurations.ts';
import { deleteDatabase, getDatabase, listDatabases, putDatabase } from './databases.ts';
import { deleteFirewallRule, getFirewallRule, listFirewallRules, putFirewallRule } from './firewall-rules.ts';
import {
  deleteCredential,
  deleteIdentity,
  getCredential,
  getIdentity,
  listCredentials,
  listIdentities,
  putCredential,
  putIdentity,
} from './managed-identities.ts';
import {
  deleteResourceGroup,
  getResourceGroup,
  headResourceGroup,
  listResourceGroups,
  patchResourceGroup,
  pollGroupDeletion,
  putResourceGroup,
} from './resource-groups.ts';
import {
  deleteRoleAssignment,
  deleteRoleDefinition,
  getRoleDefinition,
  listRoleAssignments,
  listRoleDefinitions,
  putRoleAssignment,
  putRoleDefinition,
} from './role-based-access.ts';
import { deleteServer, restartServer, startServer, stopServer } from './server-lifecycle.ts';
import { checkNameAvailability, getServer, listServers, patchServer, putServer } from './servers.ts';
import {
  getProvider,
  getSubscription,
  listLocations,
  listSubscriptions,
  listTenants,
} from './subscriptions.ts';

/** A path of the API. `{name}` matches one segment; the other segments are compared without regard to case. */
export interface ArmRoute {
  readonly template: string;
  readonly family: ApiFamily;
  readonly methods: Readonly<Record<string, ArmHandler>>;
}

/** The list of a child resource that the emulator cannot create. */
const getEmptyList: ArmHandler = (call, { store }) => {
  store.getServer(call.params);
  return { status: 200, body: { value: [] } };
};

const subscription = '/subscriptions/{subscription}';
const group = `${subscription}/resourceGroups/{group}`;
const provider = 'providers/Microsoft.DBforPostgreSQL';
const server = `${group}/${provider}/flexibleServers/{server}`;
const location = `${subscription}/${provider}/locations/{location}`;

function resourcesRoute(template: string, methods: Readonly<Record<string, ArmHandler>>): ArmRoute {
  return { template, family: 'resources', methods };
}

function postgresRoute(template: string, methods: Readonly<Record<string, ArmHandler>>): ArmRoute {
  return { template, family: 'postgres', methods };
}

const identities = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`;

const managedIdentityRoutes: readonly ArmRoute[] = [
  { template: identities, family: 'managedIdentity', methods: { GET: listIdentities } },
  {
    template: `${identities}/{identity}`,
    family: 'managedIdentity',
    methods: { GET: getIdentity, PUT: putIdentity, DELETE: deleteIdentity },
  },
  {
    template: `${identities}/{identity}/federatedIdentityCredentials`,
    family: 'managedIdentity',
    methods: { GET: listCredentials },
  },
  {
    template: `${identities}/{identity}/federatedIdentityCredentials/{child}`,
    family: 'managedIdentity',
    methods: { GET: getCredential, PUT: putCredential, DELETE: deleteCredential },
  },
];

/** Roles and their assignments, on a subscription, a group or a server. */
const roleRoutes: readonly ArmRoute[] = [subscription, group, server].flatMap((scope): ArmRoute[] => {
  const base = `${scope}/providers/Microsoft.Authorization`;
  const route = (path: string, methods: Readonly<Record<string, ArmHandler>>): ArmRoute => ({
    template: `${base}/${path}`,
    family: 'authorization',
    methods,
  });
  return [
    route('roleDefinitions', { GET: listRoleDefinitions }),
    route('roleDefinitions/{child}', {
      GET: getRoleDefinition,
      PUT: putRoleDefinition,
      DELETE: deleteRoleDefinition,
    }),
    route('roleAssignments', { GET: listRoleAssignments }),
    route('roleAssignments/{child}', { PUT: putRoleAssignment, DELETE: deleteRoleAssignment }),
  ];
});

/** The paths that the emulated ARM answers. The first match wins. */
export const ARM_ROUTES: readonly ArmRoute[] = [
  resourcesRoute('/subscriptions', { GET: listSubscriptions }),
  resourcesRoute('/tenants', { GET: listTenants }),
  resourcesRoute(subscription, { GET: getSubscription }),
  resourcesRoute(`${subscription}/locations`, { GET: listLocations }),
  resourcesRoute(`${subscription}/providers/{child}`, { GET: getProvider }),
  resourcesRoute(`${subscription}/providers/{child}/register`, { POST: getProvider }),
  resourcesRoute(`${subscription}/operationresults/{child}`, { GET: pollGroupDeletion }),
  resourcesRoute(`${subscription}/resourceGroups`, { GET: listResourceGroups }),
  resourcesRoute(group, {
    HEAD: headResourceGroup,
    GET: getResourceGroup,
    PUT: putResourceGroup,
    PATCH: patchResourceGroup,
    DELETE: deleteResourceGroup,
  }),
  postgresRoute(`${subscription}/${provider}/flexibleServers`, { GET: listServers }),
  postgresRoute(`${subscription}/${provider}/checkNameAvailability`, { POST: checkNameAvailability }),
  postgresRoute(`${location}/checkNameAvailability`, { POST: checkNameAvailability }),
  postgresRoute(`${location}/capabilities`, { GET: listCapabilities }),
  postgresRoute(`${location}/azureAsyncOperation/{child}`, {
    GET: (call, { operations }) => operations.getStatus(call),
  }),
  postgresRoute(`${location}/operationResults/{child}`, {
    GET: (call, { operations }) => operations.getResult(call),
  }),
  postgresRoute(`${group}/${provider}/flexibleServers`, { GET: listServers }),
  postgresRoute(server, { GET: getServer, PUT: putServer, PATCH: patchServer, DELETE: deleteServer }),
  postgresRoute(`${server}/capabilities`, { GET: serverCapabilities }),
  postgresRoute(`${server}/stop`, { POST: stopServer }),
  postgresRoute(`${server}/start`, { POST: startServer }),
  postgresRoute(`${server}/restart`, { POST: restartServer }),
  postgresRoute(`${server}/firewallRules`, { GET: listFirewallRules }),
  postgresRoute(`${server}/firewallRules/{child}`, {
    GET: getFirewallRule,
    PUT: putFirewallRule,
    DELETE: deleteFirewallRule,
  }),
  postgresRoute(`${server}/databases`, { GET: listDatabases }),
  postgresRoute(`${server}/databases/{child}`, {
    GET: getDatabase,
    PUT: putDatabase,
    DELETE: deleteDatabase,
  }),
  postgresRoute(`${server}/configurations`, { GET: listConfigurations }),
  postgresRoute(`${server}/configurations/{child}`, {
    GET: getConfiguration,
    PUT: writeConfiguration,
    PATCH: writeConfiguration,
  }),
  ...managedIdentityRoutes,
  ...roleRoutes,
  ...['administrators', 'replicas', 'virtualendpoints', 'privateEndpointConnections'].map((children) =>
    postgresRoute(`${server}/${children}`, { GET: getEmptyList }),
  ),
];
