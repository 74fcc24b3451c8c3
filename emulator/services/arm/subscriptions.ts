import type { JsonObject } from '../../core/json.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import { gatewayErrors } from './arm-errors.ts';
import { findLocation, REGION_NAMES } from './locations.ts';

function subscriptionBody(id: string, index: number, tenantId: string): JsonObject {
  return {
    id: `/subscriptions/${id}`,
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    subscriptionId: id,
    tenantId,
    displayName: `Relecloud ${index + 1}`,
    state: 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  };
}

function allSubscriptionBodies({ store, tenantId }: ArmContext): JsonObject[] {
  return store.subscriptionIds.map((id, index) => subscriptionBody(id, index, tenantId));
}

/** `GET`: the subscriptions in which the caller has a role, on the subscription or on anything in it. */
export const listSubscriptions: ArmHandler = ({ caller }, context) => {
  const value = allSubscriptionBodies(context).filter(({ id }) =>
    context.accessControl.hasRoleWithin(caller.principalId, String(id)),
  );
  return { status: 200, body: { value, count: { type: 'Total', value: value.length } } };
};

export const getSubscription: ArmHandler = (call, context) => {
  const index = context.store.subscriptionIds.indexOf(call.params.subscription.toLowerCase());
  return { status: 200, body: allSubscriptionBodies(context)[index] };
};

export const listTenants: ArmHandler = (_call, { tenantId }) => ({
  status: 200,
  body: {
    value: [
      {
        id: `/tenants/${tenantId}`,
        tenantId,
        countryCode: 'US',
        displayName: 'Relecloud',
        domains: ['relecloud.onmicrosoft.com'],
        tenantCategory: 'Home',
        defaultDomain: 'relecloud.onmicrosoft.com',
        tenantType: 'AAD',
      },
    ],
  },
});

export const listLocations: ArmHandler = (call) => ({
  status: 200,
  body: {
    value: REGION_NAMES.map((name) => ({
      id: `/subscriptions/${call.params.subscription}/locations/${name}`,
      name,
      type: 'Region',
      displayName: findLocation(name)?.displayName,
      regionalDisplayName: findLocation(name)?.displayName,
      metadata: { regionType: 'Physical' },
    })),
  },
});

/** The resource providers that the emulator has. All of them are registered. */
export const REGISTERED_NAMESPACES = [
  'Microsoft.DBforPostgreSQL',
  'Microsoft.ManagedIdentity',
  'Microsoft.Authorization',
];

/** `GET` of a provider, or `POST …/register`. */
export const getProvider: ArmHandler = (call) => {
  const { child, subscription: id } = call.params;
  const namespace = REGISTERED_NAMESPACES.find((known) => known.toLowerCase() === child.toLowerCase());
  if (namespace === undefined) throw gatewayErrors.invalidNamespace(child);
  const isPostgres = namespace === 'Microsoft.DBforPostgreSQL';
  return {
    status: 200,
    body: {
      id: `/subscriptions/${id}/providers/${namespace}`,
      namespace,
      resourceTypes: !isPostgres
        ? []
        : [
            {
              resourceType: 'flexibleServers',
              locations: REGION_NAMES.map((name) => findLocation(name)?.displayName),
              apiVersions: ['2025-08-01', '2024-08-01', '2022-12-01', '2021-06-01'],
            },
          ],
      registrationState: 'Registered',
      registrationPolicy: 'RegistrationRequired',
    },
  };
};
