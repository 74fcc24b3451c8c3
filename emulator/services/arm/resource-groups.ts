import { asString, type JsonObject, omitUndefined } from '../../core/json.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import { ArmError, gatewayErrors, providerErrors } from './arm-errors.ts';
import { type ArmRequest, parseResourceBody, parseTags } from './arm-request.ts';
import type { ResourceGroup } from './arm-store.ts';
import { findLocation, REGION_NAMES } from './locations.ts';
import { removeIdentities } from './managed-identities.ts';
import { pagedResponse } from './paging.ts';
import { destroyServer } from './server-lifecycle.ts';
import { operationDurationMs, RETRY_AFTER_SECONDS, scaleRetryAfter } from './timing.ts';

const type = 'Microsoft.Resources/resourceGroups';

function groupScope({ subscriptionId, name }: ResourceGroup): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${name}`;
}

function resourceGroupBody(group: ResourceGroup): JsonObject {
  return omitUndefined({
    id: groupScope(group),
    name: group.name,
    type,
    location: group.location.name,
    managedBy: group.managedBy,
    tags: group.tags,
    properties: { provisioningState: group.provisioningState },
  });
}

function isValidGroupName(name: string): boolean {
  return /^[\p{L}\p{N}_.()-]{1,90}$/u.test(name) && !name.endsWith('.');
}

function requireGroup(call: ArmRequest, { store }: ArmContext): ResourceGroup {
  return store.getGroup(call.params.subscription, call.params.group);
}

function parseNameAndLocation(call: ArmRequest, body: JsonObject, existing: ResourceGroup | undefined) {
  const text = asString(body['location']);
  if (text === undefined) throw gatewayErrors.locationRequired();
  const location = findLocation(text);
  if (!location) throw gatewayErrors.locationNotAvailable(text, type, REGION_NAMES);
  if (existing && existing.location.name !== location.name) {
    throw new ArmError(
      409,
      'InvalidResourceGroupLocation',
      `Invalid resource group location '${location.name}'. The Resource group already exists in location '${existing.location.name}'.`,
      { headers: { 'X-Ms-Failure-Cause': 'gateway' } },
    );
  }
  return { name: call.params.group, location };
}

/** `PUT`: 201 for a new group, 200 for an existing one. */
export const putResourceGroup: ArmHandler = (call, { store }) => {
  if (!isValidGroupName(call.params.group)) throw providerErrors.invalidValue('resourceGroupName');
  const body = parseResourceBody(call);
  const existing = store.findGroup(call.params.subscription, call.params.group);
  const { name, location } = parseNameAndLocation(call, body, existing);
  if (existing?.provisioningState === 'Deleting') throw gatewayErrors.resourceGroupBeingDeleted(name);
  const group: ResourceGroup = existing ?? {
    subscriptionId: call.params.subscription.toLowerCase(),
    name,
    location,
    tags: undefined,
    managedBy: asString(body['managedBy']),
    provisioningState: 'Succeeded',
  };
  group.tags = parseTags(body);
  store.addGroup(group);
  return { status: existing ? 200 : 201, body: resourceGroupBody(group) };
};

/** `PATCH`: replaces the tags if the body has tags. */
export const patchResourceGroup: ArmHandler = (call, context) => {
  const group = requireGroup(call, context);
  group.tags = parseTags(parseResourceBody(call)) ?? group.tags;
  return { status: 200, body: resourceGroupBody(group) };
};

export const getResourceGroup: ArmHandler = (call, context) => ({
  status: 200,
  body: resourceGroupBody(requireGroup(call, context)),
});

/** `HEAD`: 204 or 404, without a body. */
export const headResourceGroup: ArmHandler = ({ params }, { store }) => ({
  status: store.findGroup(params.subscription, params.group) ? 204 : 404,
});

/** `GET`: the groups that the caller may read. */
export const listResourceGroups: ArmHandler = (call, { store, options, accessControl }) => {
  const groups = store.listGroups(call.params.subscription).filter((group) =>
    accessControl.isAllowed(call.caller.principalId, {
      action: 'Microsoft.Resources/subscriptions/resourceGroups/read',
      scope: groupScope(group),
    }),
  );
  return pagedResponse(call, groups, options.pageSize, resourceGroupBody);
};

/** `DELETE`: 202 with a Location to poll. Deletes the servers of the group too. */
export const deleteResourceGroup: ArmHandler = (call, context) => {
  const group = requireGroup(call, context);
  const { subscriptionId, name } = group;
  group.provisioningState = 'Deleting';
  const operationId = context.operations.beginLocationOperation(async () => {
    const servers = context.store.listServers(subscriptionId, name);
    for (const server of servers) server.state = 'Dropping';
    await context.timers.sleep(operationDurationMs('deleteGroup', context.options.provisionMs));
    await Promise.all(servers.map((server) => destroyServer(server, context)));
    context.store.removeGroup(group);
    removeIdentities(group, context);
    context.accessControl.removeWithin(groupScope(group));
  });
  const { origin } = call.request.url;
  return {
    status: 202,
    headers: {
      Location: `${origin}/subscriptions/${subscriptionId}/operationresults/${operationId}?api-version=${call.apiVersion}`,
      'Retry-After': scaleRetryAfter(RETRY_AFTER_SECONDS.deleteGroup, context.options.retryAfterScale).header,
    },
    body: '',
  };
};

/** `GET …/operationresults/{id}`: 202 while the group is being deleted, then 200, both without a body. */
export const pollGroupDeletion: ArmHandler = async (call, { operations, options }) => {
  const { header, longPollMs } = scaleRetryAfter(RETRY_AFTER_SECONDS.deleteGroup, options.retryAfterScale);
  if (await operations.hasLocationOperationEnded(call.params.child, longPollMs))
    return { status: 200, body: '' };
  return {
    status: 202,
    headers: { Location: call.request.url.href, 'Retry-After': header },
    body: '',
  };
};
