import { compact, type JsonObject, stringOr } from '../json.ts';
import { type ArmCall, type ArmContext, type ArmHandler, resourceBodyOf, tagsOf } from './call.ts';
import { ArmError, gatewayErrors, providerErrors } from './errors.ts';
import { findLocation, regionNames } from './locations.ts';
import { page } from './paging.ts';
import { dropServer } from './server-delete.ts';
import type { ResourceGroup } from './store.ts';
import { durationOf, retryAfter, retryAfterSeconds } from './timing.ts';

const type = 'Microsoft.Resources/resourceGroups';

function bodyOf(group: ResourceGroup): JsonObject {
  return compact({
    id: `/subscriptions/${group.subscriptionId}/resourceGroups/${group.name}`,
    name: group.name,
    type,
    location: group.location.name,
    managedBy: group.managedBy,
    tags: group.tags,
    properties: { provisioningState: group.provisioningState },
  });
}

function isGroupName(name: string): boolean {
  return /^[\p{L}\p{N}_.()-]{1,90}$/u.test(name) && !name.endsWith('.');
}

function find(call: ArmCall, { store }: ArmContext): ResourceGroup {
  return store.group(call.names.subscription, call.names.group);
}

function locationOf(call: ArmCall, body: JsonObject, existing: ResourceGroup | undefined) {
  const text = stringOr(body['location']);
  if (text === undefined) throw gatewayErrors.locationRequired();
  const location = findLocation(text);
  if (!location) throw gatewayErrors.locationNotAvailable(text, type, regionNames);
  if (existing && existing.location.name !== location.name) {
    throw new ArmError(
      409,
      'InvalidResourceGroupLocation',
      `Invalid resource group location '${location.name}'. The Resource group already exists in location '${existing.location.name}'.`,
      { headers: { 'X-Ms-Failure-Cause': 'gateway' } },
    );
  }
  return { name: call.names.group, location };
}

/** `PUT`: 201 for a new group, 200 for one that is there (facts.md §2). */
export const putResourceGroup: ArmHandler = (call, { store }) => {
  if (!isGroupName(call.names.group)) throw providerErrors.invalidValue('resourceGroupName');
  const body = resourceBodyOf(call);
  const existing = store.findGroup(call.names.subscription, call.names.group);
  const { name, location } = locationOf(call, body, existing);
  if (existing?.provisioningState === 'Deleting') throw gatewayErrors.resourceGroupBeingDeleted(name);
  const group: ResourceGroup = existing ?? {
    subscriptionId: call.names.subscription.toLowerCase(),
    name,
    location,
    tags: undefined,
    managedBy: stringOr(body['managedBy']),
    provisioningState: 'Succeeded',
  };
  group.tags = tagsOf(body);
  store.addGroup(group);
  return { status: existing ? 200 : 201, body: bodyOf(group) };
};

/** `PATCH`: replaces the tags where they are given. */
export const patchResourceGroup: ArmHandler = (call, context) => {
  const group = find(call, context);
  group.tags = tagsOf(resourceBodyOf(call)) ?? group.tags;
  return { status: 200, body: bodyOf(group) };
};

export const getResourceGroup: ArmHandler = (call, context) => ({
  status: 200,
  body: bodyOf(find(call, context)),
});

/** `HEAD`: 204 or 404, without a body. */
export const headResourceGroup: ArmHandler = ({ names }, { store }) => ({
  status: store.findGroup(names.subscription, names.group) ? 204 : 404,
});

export const listResourceGroups: ArmHandler = (call, { store, options }) =>
  page(call, store.groups(call.names.subscription), options.pageSize, bodyOf);

/** `DELETE`: 202 with a Location to poll; the group's servers go with it. */
export const deleteResourceGroup: ArmHandler = (call, context) => {
  const group = find(call, context);
  const { subscriptionId, name } = group;
  group.provisioningState = 'Deleting';
  const job = context.operations.beginPlain(async () => {
    const servers = context.store.serversOf(subscriptionId, name);
    for (const server of servers) server.state = 'Dropping';
    await context.clock.wait(durationOf('deleteGroup', context.options.provision));
    await Promise.all(servers.map((server) => dropServer(server, context)));
    context.store.removeGroup(group);
  });
  const { origin } = call.request.url;
  return {
    status: 202,
    headers: {
      Location: `${origin}/subscriptions/${subscriptionId}/operationresults/${job}?api-version=${call.apiVersion}`,
      'Retry-After': retryAfter(retryAfterSeconds.deleteGroup, context.options.retryAfter).header,
    },
    body: '',
  };
};

/** `GET …/operationresults/{job}`: 202 while the group is being deleted, then 200, both without a body. */
export const pollGroupDeletion: ArmHandler = async (call, { operations, options }) => {
  const { header, hold } = retryAfter(retryAfterSeconds.deleteGroup, options.retryAfter);
  if (await operations.plainHasEnded(call.names.child, hold)) return { status: 200, body: '' };
  return {
    status: 202,
    headers: { Location: call.request.url.href, 'Retry-After': header },
    body: '',
  };
};
