import { randomUUID } from 'node:crypto';
import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import type { EmulatorIdentity } from '../../core/identity.ts';
import type { SigningKey } from '../../core/signing-key.ts';
import type { AccessTokenIssuer } from './access-tokens.ts';
import { checkAssertion } from './client-assertion.ts';
import type { Directory, DirectoryClient } from './directory.ts';
import { EntraError } from './entra-errors.ts';

const JWT_BEARER_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

function requireParameter(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value) return value;
  throw new EntraError(
    'invalid_request',
    900144,
    `The request body must contain the following parameter: '${name}'.`,
  );
}

function findClient(form: URLSearchParams, directory: Directory): DirectoryClient {
  const clientId = requireParameter(form, 'client_id');
  const client = directory.find(clientId);
  if (client) return client;
  throw new EntraError(
    'unauthorized_client',
    700016,
    `Application with identifier '${clientId}' was not found in the directory 'Relecloud'. This can happen if the ` +
      'application has not been installed by the administrator of the tenant or consented to by any user in the ' +
      'tenant. You may have sent your authentication request to the wrong tenant.',
  );
}

function parseAudience(form: URLSearchParams, tokens: AccessTokenIssuer): string {
  const scope = requireParameter(form, 'scope')
    .split(' ')
    .filter((part) => part.includes('/'))
    .join(' ');
  if (!scope.endsWith('/.default')) {
    throw new EntraError(
      'invalid_scope',
      1002012,
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with ` +
        '/.default suffixed to the resource identifier (application ID URI).',
    );
  }
  const audience = tokens.parseAudience(scope.slice(0, -'/.default'.length));
  if (audience !== undefined) return audience;
  throw new EntraError(
    'invalid_resource',
    500011,
    `The resource principal named ${scope.slice(0, -'/.default'.length)} was not found in the tenant named Relecloud. ` +
      'This can happen if the application has not been installed by the administrator of the tenant or consented ' +
      'to by any user in the tenant. You might have sent your authentication request to the wrong tenant.',
  );
}

async function checkCredential(
  form: URLSearchParams,
  client: DirectoryClient,
  { gitHubKey }: TokenEndpointContext,
): Promise<void> {
  const secret = form.get('client_secret');
  const assertion = form.get('client_assertion');
  if (assertion !== null && form.get('client_assertion_type') === JWT_BEARER_ASSERTION_TYPE) {
    return checkAssertion(assertion, gitHubKey, client);
  }
  if (secret === null) {
    throw new EntraError(
      'invalid_client',
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    );
  }
  if (!client.secrets.has(secret)) {
    throw new EntraError(
      'invalid_client',
      7000215,
      'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, ' +
        `not the client secret ID, for a secret added to app '${client.clientId}'.`,
    );
  }
}

function missingPrincipal(clientId: string, tenantId: string): EntraError {
  return new EntraError(
    'unauthorized_client',
    7000229,
    `The client application ${clientId} is missing service principal in the tenant ${tenantId}.`,
  );
}

function checkGrant(form: URLSearchParams): void {
  const grant = requireParameter(form, 'grant_type');
  if (grant === 'client_credentials') return;
  throw new EntraError(
    'unsupported_grant_type',
    70003,
    `The app requested an unsupported grant type '${grant}'.`,
  );
}

function checkTenant(tenant: string, identity: EmulatorIdentity): void {
  if (tenant.toLowerCase() === identity.tenantId) return;
  throw new EntraError(
    'invalid_request',
    90002,
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the ` +
      'correct cloud. Check with your subscription administrator, this may happen if there are no active ' +
      'subscriptions for the tenant.',
  );
}

export interface TokenEndpointContext {
  readonly identity: EmulatorIdentity;
  /** The key that signs GitHub's OIDC tokens. */
  readonly gitHubKey: SigningKey;
  readonly directory: Directory;
  readonly tokens: AccessTokenIssuer;
}

/**
 * `POST /{tenant}/oauth2/v2.0/token` for the client credentials flow, with a secret or an assertion. Errors are JSON with an
 * AADSTS number, see docs/azure-behavior.md#entra-error-codes.
 */
export async function handleTokenRequest(
  request: HttpRequest,
  tenant: string,
  endpoint: TokenEndpointContext,
): Promise<HttpResponse> {
  const { identity, directory, tokens } = endpoint;
  const form = new URLSearchParams(request.bodyText);
  try {
    checkTenant(tenant, identity);
    checkGrant(form);
    const client = findClient(form, directory);
    const audience = parseAudience(form, tokens);
    await checkCredential(form, client, endpoint);
    const { clientId, principalId } = client;
    if (principalId === undefined) throw missingPrincipal(clientId, identity.tenantId);
    const { lifetimeSeconds } = tokens;
    const access_token = await tokens.issue(audience, { clientId, objectId: principalId });
    return {
      status: 200,
      body: {
        token_type: 'Bearer',
        expires_in: lifetimeSeconds,
        ext_expires_in: lifetimeSeconds,
        access_token,
      },
    };
  } catch (error) {
    if (!(error instanceof EntraError)) throw error;
    return error.toResponse(request.url.searchParams.get('client-request-id') ?? randomUUID());
  }
}
