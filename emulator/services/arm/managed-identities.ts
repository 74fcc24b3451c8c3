import { asObject, asString, type JsonObject, omitUndefined } from '../../core/json.ts';
import { type DirectoryClient, MAX_FEDERATED_CREDENTIALS, type NamedCredential } from '../entra/directory.ts';
import type { ArmContext, ArmHandler } from './arm-context.ts';
import { ArmError, gatewayErrors } from './arm-errors.ts';
import { type ArmRequest, parseResourceBody, parseTags } from './arm-request.ts';
import type { ManagedIdentity, ResourceGroup } from './arm-store.ts';
import { findLocation, REGION_NAMES } from './locations.ts';

const TYPE = 'Microsoft.ManagedIdentity/userAssignedIdentities';
const CREDENTIAL_NAME = /^[a-z\d][\w-]{2,119}$/i;

// The spelling `resourcegroups` is that of the service.
function identityId({ subscriptionId, resourceGroup, name }: ManagedIdentity): string {
  return `/subscriptions/${subscriptionId}/resourcegroups/${resourceGroup}/providers/${TYPE}/${name}`;
}

function identityBody(identity: ManagedIdentity, tenantId: string): JsonObject {
  const { client, location, name, tags } = identity;
  return {
    location: location.name,
    tags: tags ?? {},
    id: identityId(identity),
    name,
    type: TYPE,
    properties: { tenantId, principalId: client.principalId, clientId: client.clientId },
  };
}

function notFound(type: string, name: string, group: string): ArmError {
  return new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. ` +
      'For more details please go to https://aka.ms/ARMResourceNotFoundFix',
    { headers: { 'X-Ms-Failure-Cause': 'gateway' } },
  );
}

function requireIdentity({ params }: ArmRequest, { store }: ArmContext): ManagedIdentity {
  const { subscription, group, identity: name } = params;
  store.getGroup(subscription, group);
  const identity = store.findIdentity(subscription, group, name);
  if (identity) return identity;
  throw notFound(TYPE, name, group);
}

/** `PUT`: 201 for a new identity, 200 for an existing one, whose tags it replaces. */
export const putIdentity: ArmHandler = (call, { store, directory, tenantId }) => {
  const { subscription, group: groupName, identity: name } = call.params;
  const group = store.getGroup(subscription, groupName);
  const body = parseResourceBody(call);
  const text = asString(body['location']);
  if (text === undefined) throw gatewayErrors.locationRequired();
  const location = findLocation(text);
  if (!location) throw gatewayErrors.locationNotAvailable(text, TYPE, REGION_NAMES);
  const existing = store.findIdentity(subscription, groupName, name);
  const identity: ManagedIdentity = existing ?? {
    subscriptionId: group.subscriptionId,
    resourceGroup: group.name,
    name,
    location,
    tags: undefined,
    client: directory.addManagedIdentity(name),
  };
  identity.tags = parseTags(body);
  if (!existing) store.addIdentity(identity);
  return { status: existing ? 200 : 201, body: identityBody(identity, tenantId) };
};

export const getIdentity: ArmHandler = (call, context) => ({
  status: 200,
  body: identityBody(requireIdentity(call, context), context.tenantId),
});

export const listIdentities: ArmHandler = ({ params }, { store, tenantId }) => {
  const { group } = store.getGroup(params.subscription, params.group) && params;
  const value = store.listIdentities(params.subscription, group).map((each) => identityBody(each, tenantId));
  return { status: 200, body: { value } };
};

function remove(identity: ManagedIdentity, { store, directory }: ArmContext): void {
  store.removeIdentity(identity);
  directory.remove(identity.client);
}

export const deleteIdentity: ArmHandler = (call, context) => {
  const { subscription, group, identity: name } = call.params;
  const identity = context.store.findIdentity(subscription, group, name);
  if (!identity) return { status: 204 };
  remove(identity, context);
  return { status: 200 };
};

/** Deletes the identities of a deleted group. */
export function removeIdentities({ subscriptionId, name }: ResourceGroup, context: ArmContext): void {
  for (const identity of context.store.listIdentities(subscriptionId, name)) remove(identity, context);
}

function credentialBody(identity: ManagedIdentity, credential: NamedCredential): JsonObject {
  const { name, issuer, subject, audience } = credential;
  return omitUndefined({
    id: `${identityId(identity)}/federatedIdentityCredentials/${name}`,
    name,
    type: `${TYPE}/federatedIdentityCredentials`,
    properties: { issuer, subject, audiences: [audience] },
  });
}

function badRequest(message: string): ArmError {
  return new ArmError(400, 'BadRequest', message);
}

/** @throws {ArmError} 400, see docs/azure-behavior.md#applications-and-managed-identities. */
function parseCredential(call: ArmRequest, { federatedCredentials }: DirectoryClient): NamedCredential {
  const name = call.params.child;
  if (!CREDENTIAL_NAME.test(name))
    throw badRequest(`Federated Identity Credential name '${name}' is invalid.`);
  const { issuer, subject, audiences } = asObject(parseResourceBody(call)['properties']);
  const [issuerText, subjectText] = [asString(issuer) ?? '', asString(subject) ?? ''];
  if (issuerText === '' || subjectText === '' || !Array.isArray(audiences))
    throw badRequest('Federated Identity Credential from HTTP body has empty properties');
  const [audience] = audiences;
  if (audiences.length !== 1 || typeof audience !== 'string')
    throw badRequest('Federated identity credentials must have exactly one audience.');
  const others = [...federatedCredentials.values()].filter((each) => each.name !== name);
  if (others.some((each) => each.issuer === issuerText && each.subject === subjectText))
    throw badRequest('Issuer and subject combination already exists for this Managed Identity.');
  if (others.length >= MAX_FEDERATED_CREDENTIALS)
    throw badRequest(`A managed identity has at most ${MAX_FEDERATED_CREDENTIALS} federated credentials.`);
  return { id: name, name, issuer: issuerText, subject: subjectText, audience, description: undefined };
}

/** `PUT`: 201 for a new credential, 200 for an existing one, which it replaces. */
export const putCredential: ArmHandler = (call, context) => {
  const identity = requireIdentity(call, context);
  const { federatedCredentials } = identity.client;
  const credential = parseCredential(call, identity.client);
  const existed = federatedCredentials.has(credential.name);
  federatedCredentials.set(credential.name, credential);
  return { status: existed ? 200 : 201, body: credentialBody(identity, credential) };
};

export const getCredential: ArmHandler = (call, context) => {
  const identity = requireIdentity(call, context);
  const credential = identity.client.federatedCredentials.get(call.params.child);
  if (!credential)
    throw notFound(`${TYPE}/federatedIdentityCredentials`, call.params.child, call.params.group);
  return { status: 200, body: credentialBody(identity, credential) };
};

export const listCredentials: ArmHandler = (call, context) => {
  const identity = requireIdentity(call, context);
  const credentials = [...identity.client.federatedCredentials.values()];
  return { status: 200, body: { value: credentials.map((each) => credentialBody(identity, each)) } };
};

export const deleteCredential: ArmHandler = (call, context) => {
  const { federatedCredentials } = requireIdentity(call, context).client;
  return { status: federatedCredentials.delete(call.params.child) ? 200 : 204 };
};
