import { randomBytes, randomUUID } from 'node:crypto';
import {
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  parseJsonBody,
} from '../../core/http-types.ts';
import { asObject, asString, type JsonObject } from '../../core/json.ts';
import { authenticate } from '../arm/authentication.ts';
import type { AccessTokenIssuer } from '../entra/access-tokens.ts';
import {
  type Directory,
  type DirectoryClient,
  MAX_FEDERATED_CREDENTIALS,
  type NamedCredential,
} from '../entra/directory.ts';
import { GraphError } from './graph-error.ts';

const CREDENTIAL_NAME = /^[a-z\d][\w-]{0,119}$/i;

function applicationBody({ applicationId, clientId, displayName }: DirectoryClient): JsonObject {
  return {
    id: applicationId,
    appId: clientId,
    displayName,
    signInAudience: 'AzureADMyOrg',
    identifierUris: [],
    passwordCredentials: [],
    keyCredentials: [],
  };
}

function principalBody({ principalId, clientId, displayName, applicationId }: DirectoryClient): JsonObject {
  return {
    id: principalId,
    appId: clientId,
    displayName,
    accountEnabled: true,
    servicePrincipalNames: [clientId],
    servicePrincipalType: applicationId === undefined ? 'ManagedIdentity' : 'Application',
  };
}

function listBody(entries: readonly JsonObject[]): HttpResponse {
  return { status: 200, body: { value: entries } };
}

interface GraphCall {
  readonly body: JsonObject;
  readonly filter: string;
  /** The second segment of the path. */
  readonly id: string;
  readonly directory: Directory;
}

type GraphHandler = (call: GraphCall) => HttpResponse;

/** The clients that the filter selects by application id, by name, or by the name of their service principal. */
function selectClients({ filter, directory }: GraphCall): readonly DirectoryClient[] {
  const [, property, value = ''] =
    /^(appId|displayName|servicePrincipalNames)\s*(?:eq\s*|\/any\(\w+:\s*\w+ eq\s*)'([^']*)'/i.exec(filter) ??
    /^startswith\((displayName),\s*'([^']*)'\)/i.exec(filter) ??
    [];
  if (filter === '') return directory.clients;
  if (property === undefined)
    throw new GraphError(400, 'Request_UnsupportedQuery', `Unsupported filter: ${filter}`);
  return property.toLowerCase() === 'displayname'
    ? directory.clients.filter(({ displayName }) =>
        filter.startsWith('startswith') ? displayName.startsWith(value) : displayName === value,
      )
    : directory.clients.filter(({ clientId }) => clientId === value.toLowerCase());
}

function findApplication({ id, directory }: GraphCall): DirectoryClient {
  const client = directory.clients.find(({ applicationId }) => applicationId === id.toLowerCase());
  if (client) return client;
  throw GraphError.notFound(id);
}

function credentialBody({ id, name, issuer, subject, audience, description }: NamedCredential): JsonObject {
  return { id, name, issuer, subject, description: description ?? null, audiences: [audience] };
}

function requireText(body: JsonObject, name: string): string {
  const value = asString(body[name]);
  if (value) return value;
  throw new GraphError(400, 'Request_BadRequest', `Invalid value specified for property '${name}'.`);
}

function parseCredential(body: JsonObject, client: DirectoryClient): NamedCredential {
  const { audiences } = body;
  const name = requireText(body, 'name');
  const [issuer, subject] = [requireText(body, 'issuer'), requireText(body, 'subject')];
  if (!CREDENTIAL_NAME.test(name) || !Array.isArray(audiences) || audiences.length !== 1)
    throw new GraphError(400, 'Request_BadRequest', 'Federated credentials need a name and one audience.');
  const existing = [...client.federatedCredentials.values()];
  if (existing.some((each) => each.name === name))
    throw new GraphError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      'FederatedIdentityCredential with name already exists.',
    );
  if (existing.some((each) => each.issuer === issuer && each.subject === subject))
    throw new GraphError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      'FederatedIdentityCredential with issuer and subject already exists.',
    );
  if (existing.length >= MAX_FEDERATED_CREDENTIALS)
    throw new GraphError(
      403,
      'Directory_QuotaExceeded',
      'The number of federated credentials exceeds the limit.',
    );
  const audience = String(audiences[0]);
  return { id: randomUUID(), name, issuer, subject, audience, description: asString(body['description']) };
}

const createPrincipal: GraphHandler = ({ body, directory }) => {
  const client = directory.find(requireText(body, 'appId'));
  if (!client)
    throw new GraphError(400, 'Request_BadRequest', 'The appId does not belong to an application.');
  if (client.principalId !== undefined)
    throw new GraphError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      `The service principal cannot be created, updated, or restored because the service principal name ${client.clientId} is already in use.`,
    );
  client.principalId = randomUUID();
  return { status: 201, body: principalBody(client) };
};

const addCredential: GraphHandler = (call) => {
  const client = findApplication(call);
  const credential = parseCredential(call.body, client);
  client.federatedCredentials.set(credential.name, credential);
  return { status: 201, body: credentialBody(credential) };
};

const addPassword: GraphHandler = (call) => {
  const secretText = randomBytes(24).toString('base64url');
  findApplication(call).secrets.add(secretText);
  return {
    status: 200,
    body: { keyId: randomUUID(), secretText, displayName: null, hint: secretText.slice(0, 3) },
  };
};

const HANDLERS: Readonly<Record<string, GraphHandler>> = {
  'GET applications': (call) =>
    listBody(
      selectClients(call)
        .filter(({ applicationId }) => applicationId)
        .map(applicationBody),
    ),
  'POST applications': ({ body, directory }) => ({
    status: 201,
    body: applicationBody(directory.addApplication(requireText(body, 'displayName'))),
  }),
  'GET applications/ID': (call) => ({ status: 200, body: applicationBody(findApplication(call)) }),
  'PATCH applications/ID': (call) => {
    findApplication(call);
    return { status: 204 };
  },
  'DELETE applications/ID': (call) => {
    call.directory.remove(findApplication(call));
    return { status: 204 };
  },
  'POST applications/ID/addPassword': addPassword,
  'GET applications/ID/federatedIdentityCredentials': (call) =>
    listBody([...findApplication(call).federatedCredentials.values()].map(credentialBody)),
  'POST applications/ID/federatedIdentityCredentials': addCredential,
  'GET servicePrincipals': (call) =>
    listBody(
      selectClients(call)
        .filter(({ principalId }) => principalId)
        .map(principalBody),
    ),
  'POST servicePrincipals': createPrincipal,
};

function dispatch(request: HttpRequest, directory: Directory): HttpResponse {
  const [version, collection = '', id = '', ...rest] = request.url.pathname.split('/').slice(1);
  const name = [collection, ...(id === '' ? [] : ['ID']), ...rest].join('/');
  const handler = version === 'v1.0' ? HANDLERS[`${request.method} ${name}`] : undefined;
  if (!handler)
    throw new GraphError(400, 'BadRequest', `Resource not found for the segment '${collection}'.`);
  const filter = request.url.searchParams.get('$filter') ?? '';
  return handler({ body: asObject(parseJsonBody(request)), filter, id, directory });
}

/**
 * The part of Microsoft Graph that registers applications. Only the first application of the emulator has the directory
 * permissions for it. See docs/azure-behavior.md#applications-and-managed-identities.
 */
export function graphHandler(directory: Directory, tokens: AccessTokenIssuer): HttpHandler {
  return async (request) => {
    try {
      const claims = await authenticate(request, tokens, tokens.graphAudiences).catch(() => {
        throw new GraphError(401, 'InvalidAuthenticationToken', 'Access token validation failure.');
      });
      if (claims['oid'] !== tokens.identity.objectId)
        throw new GraphError(
          403,
          'Authorization_RequestDenied',
          'Insufficient privileges to complete the operation.',
        );
      return dispatch(request, directory);
    } catch (error) {
      if (error instanceof GraphError) return error.toResponse();
      throw error;
    }
  };
}
