import type { Handler, Reply, Request } from '../http/exchange.ts';
import { epochSeconds } from '../keys.ts';
import { armAudience } from './audiences.ts';
import type { AccessTokens } from './tokens.ts';

function refuse(status: number, error: string, description: string): Reply {
  return { status, body: { error, error_description: description } };
}

function check(request: Request, clientId: string): Reply | undefined {
  const query = request.url.searchParams;
  if (request.headers['metadata']?.toString().toLowerCase() !== 'true') {
    return refuse(400, 'invalid_request', 'Required metadata header not specified');
  }
  if (!query.has('api-version'))
    return refuse(400, 'invalid_request', 'Required query variable api-version missing');
  if (!query.has('resource'))
    return refuse(400, 'invalid_request', 'Required query variable resource missing');
  const asked = query.get('client_id');
  if (asked !== null && asked.toLowerCase() !== clientId) {
    return refuse(400, 'invalid_request', 'Identity not found');
  }
  return undefined;
}

/** The token endpoint of the instance metadata service, for managed identities (facts.md §7). Plain HTTP there too. */
export function managedIdentityHandler(tokens: AccessTokens): Handler {
  return async (request) => {
    const path = request.url.pathname.replace(/\/$/, '').toLowerCase();
    if (request.method !== 'GET' || path !== '/metadata/identity/oauth2/token') return { status: 404 };
    const refusal = check(request, tokens.identity.clientId);
    if (refusal) return refusal;
    const resource = request.url.searchParams.get('resource') ?? '';
    const audience = armAudience(resource);
    if (audience === undefined) {
      return refuse(
        400,
        'invalid_resource',
        `AADSTS500011: The resource principal named ${resource} was not found`,
      );
    }
    const now = epochSeconds();
    return {
      status: 200,
      body: {
        access_token: await tokens.issue(audience),
        client_id: tokens.identity.clientId,
        expires_in: String(tokens.lifetime),
        expires_on: String(now + tokens.lifetime),
        ext_expires_in: String(tokens.lifetime),
        not_before: String(now),
        resource,
        token_type: 'Bearer',
      },
    };
  };
}
