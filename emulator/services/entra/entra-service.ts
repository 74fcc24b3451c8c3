import { randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { EntraError } from './entra-errors.ts';
import { handleTokenRequest, type TokenEndpointContext } from './token-endpoint.ts';

function openIdConfiguration(base: string, tenant: string): HttpResponse {
  return {
    status: 200,
    body: {
      token_endpoint: `${base}/${tenant}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
      jwks_uri: `${base}/${tenant}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer: `${base}/${tenant}/v2.0`,
      authorization_endpoint: `${base}/${tenant}/oauth2/v2.0/authorize`,
      device_authorization_endpoint: `${base}/${tenant}/oauth2/v2.0/devicecode`,
      end_session_endpoint: `${base}/${tenant}/oauth2/v2.0/logout`,
      tenant_region_scope: 'EU',
      cloud_instance_name: 'microsoftonline.com',
    },
  };
}

function instanceDiscovery(base: string, tenant: string): HttpResponse {
  const host = new URL(base).host;
  return {
    status: 200,
    body: {
      tenant_discovery_endpoint: `${base}/${tenant}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    },
  };
}

function unknownTenant(request: HttpRequest, tenant: string): HttpResponse {
  const message = `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`;
  return new EntraError('invalid_request', 90002, message).toResponse(
    request.url.searchParams.get('client-request-id') ?? randomUUID(),
  );
}

/** The emulated Entra ID for client credentials: discovery, keys and the token endpoint. See docs/azure-behavior.md#entra-sign-in. */
export function entraHandler(endpoint: TokenEndpointContext): HttpHandler {
  return async (request) => {
    const base = request.url.origin;
    const [tenant = '', ...rest] = request.url.pathname.split('/').filter((part) => part !== '');
    const path = rest.join('/').toLowerCase();
    const key = `${request.method} ${path}`;
    if (key === 'POST oauth2/v2.0/token') return handleTokenRequest(request, tenant, endpoint);
    if (key === 'GET discovery/instance') return instanceDiscovery(base, endpoint.identity.tenantId);
    if (key === 'GET discovery/v2.0/keys') return { status: 200, body: await endpoint.tokens.key.toJwks() };
    if (
      key === 'GET v2.0/.well-known/openid-configuration' ||
      key === 'GET .well-known/openid-configuration'
    ) {
      const known = tenant.toLowerCase() === endpoint.identity.tenantId;
      return known ? openIdConfiguration(base, tenant) : unknownTenant(request, tenant);
    }
    return { status: 404, headers: { 'Content-Type': 'text/html' }, body: '' };
  };
}
