import type { HttpHandler, HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { nowInSeconds } from '../../core/signing-key.ts';
import { type AccessTokenIssuer, parseArmAudience } from './access-tokens.ts';

function errorResponse(status: number, error: string, description: string): HttpResponse {
  return { status, body: { error, error_description: description } };
}

function validateRequest(request: HttpRequest, clientId: string): HttpResponse | undefined {
  const query = request.url.searchParams;
  if (request.headers['metadata']?.toString().toLowerCase() !== 'true') {
    return errorResponse(400, 'invalid_request', 'Required metadata header not specified');
  }
  if (!query.has('api-version'))
    return errorResponse(400, 'invalid_request', 'Required query variable api-version missing');
  if (!query.has('resource'))
    return errorResponse(400, 'invalid_request', 'Required query variable resource missing');
  const requestedClientId = query.get('client_id');
  if (requestedClientId !== null && requestedClientId.toLowerCase() !== clientId) {
    return errorResponse(400, 'invalid_request', 'Identity not found');
  }
  return undefined;
}

/** The token endpoint of the instance metadata service. It uses HTTP without TLS, as in Azure. See docs/azure-behavior.md#managed-identities. */
export function managedIdentityHandler(tokens: AccessTokenIssuer): HttpHandler {
  return async (request) => {
    const path = request.url.pathname.replace(/\/$/, '').toLowerCase();
    if (request.method !== 'GET' || path !== '/metadata/identity/oauth2/token') return { status: 404 };
    const validationError = validateRequest(request, tokens.identity.clientId);
    if (validationError) return validationError;
    const resource = request.url.searchParams.get('resource') ?? '';
    const audience = parseArmAudience(resource);
    if (audience === undefined) {
      return errorResponse(
        400,
        'invalid_resource',
        `AADSTS500011: The resource principal named ${resource} was not found`,
      );
    }
    const now = nowInSeconds();
    return {
      status: 200,
      body: {
        access_token: await tokens.issue(audience),
        client_id: tokens.identity.clientId,
        expires_in: String(tokens.lifetimeSeconds),
        expires_on: String(now + tokens.lifetimeSeconds),
        ext_expires_in: String(tokens.lifetimeSeconds),
        not_before: String(now),
        resource,
        token_type: 'Bearer',
      },
    };
  };
}
