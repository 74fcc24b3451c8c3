import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { HttpHandler, HttpRequest, HttpResponse } from '../core/http-types.ts';
import type { EmulatorIdentity } from '../core/identity.ts';
import { nowInSeconds, type SigningKey } from '../core/signing-key.ts';
import { exampleRepository } from './github/accounts.ts';

/** GitHub's issuer, which federated credentials contain. */
export const GITHUB_OIDC_ISSUER = 'https://token.actions.githubusercontent.com';

const DEFAULT_TOKEN_LIFETIME_SECONDS = 300;

// OpenID Connect reference, "Example subject claims": an environment replaces event and ref.
function subjectContext(event: string, environment: string | null, ref: string): string {
  if (environment !== null) return `environment:${environment.replaceAll(':', '%3A')}`;
  return event === 'pull_request' ? 'pull_request' : `ref:${ref}`;
}

function buildClaims(identity: EmulatorIdentity, query: URLSearchParams): JWTPayload {
  const repository = query.get('repository') ?? identity.repository;
  const ref = query.get('ref') ?? 'refs/heads/main';
  const environment = query.get('environment');
  const event = query.get('event_name') ?? 'push';
  const lifetime = Number(query.get('lifetime') ?? DEFAULT_TOKEN_LIFETIME_SECONDS);
  const now = nowInSeconds() + Math.min(lifetime, 0);
  return {
    jti: randomUUID(),
    sub: query.get('sub') ?? `repo:${repository}:${subjectContext(event, environment, ref)}`,
    aud: query.get('audience') ?? `https://github.com/${repository.split('/')[0]}`,
    ref,
    ...(environment === null ? {} : { environment }),
    repository,
    repository_owner: repository.split('/')[0],
    repository_id: query.get('repository_id') ?? String(exampleRepository.id),
    sha: query.get('sha') ?? '',
    head_ref: query.get('head_ref') ?? '',
    base_ref: query.get('base_ref') ?? '',
    run_id: query.get('run_id') ?? '1',
    run_number: '1',
    run_attempt: query.get('run_attempt') ?? '1',
    actor: query.get('actor') ?? 'octocat',
    event_name: event,
    workflow: query.get('workflow') ?? 'deploy',
    job_workflow_ref: `${repository}/.github/workflows/deploy.yml@${ref}`,
    runner_environment: 'github-hosted',
    iss: GITHUB_OIDC_ISSUER,
    nbf: now,
    exp: now + Math.max(lifetime, 0),
    iat: now,
  };
}

/**
 * GitHub's endpoint for the OIDC token of a job with `id-token: write`, see docs/azure-behavior.md#github-oidc-token. Each
 * call gives a new token that is valid for five minutes. The query can set its claims (`repository`, `ref`, `environment`,
 * `event_name`, `sub` and others) and its `lifetime` in seconds. A negative lifetime gives an expired token.
 */
export function oidcHandler(identity: EmulatorIdentity, key: SigningKey): HttpHandler {
  return async (request: HttpRequest): Promise<HttpResponse> => {
    if (request.url.pathname === '/.well-known/jwks') return { status: 200, body: await key.toJwks() };
    if (request.method !== 'GET' || request.url.pathname !== '/token') {
      return { status: 404, body: { message: 'Not Found' } };
    }
    if (request.headers.authorization?.replace(/^bearer /i, '') !== identity.oidcRequestToken) {
      return { status: 401, body: { message: 'Unauthorized' } };
    }
    const value = await key.sign(buildClaims(identity, request.url.searchParams));
    return { status: 200, body: { count: value.length, value } };
  };
}
