import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { Handler, Reply, Request } from './http/exchange.ts';
import type { Identity } from './identity.ts';
import { epochSeconds, type SigningKey } from './keys.ts';

/** GitHub's own issuer: federated identities name it, so the emulated tokens bear it. */
export const gitHubIssuer = 'https://token.actions.githubusercontent.com';

const defaultLifetime = 300;

function claims(identity: Identity, query: URLSearchParams): JWTPayload {
  const repository = query.get('repository') ?? identity.repository;
  const ref = query.get('ref') ?? 'refs/heads/main';
  const environment = query.get('environment');
  const subject = `repo:${repository}:${environment === null ? `ref:${ref}` : `environment:${environment}`}`;
  const lifetime = Number(query.get('lifetime') ?? defaultLifetime);
  const now = epochSeconds() + Math.min(lifetime, 0);
  return {
    jti: randomUUID(),
    sub: query.get('sub') ?? subject,
    aud: query.get('audience') ?? `https://github.com/${repository.split('/')[0]}`,
    ref,
    ...(environment === null ? {} : { environment }),
    repository,
    repository_owner: repository.split('/')[0],
    run_id: '1',
    run_number: '1',
    run_attempt: '1',
    actor: 'octocat',
    event_name: 'push',
    workflow: 'deploy',
    job_workflow_ref: `${repository}/.github/workflows/deploy.yml@${ref}`,
    runner_environment: 'github-hosted',
    iss: gitHubIssuer,
    nbf: now,
    exp: now + Math.max(lifetime, 0),
    iat: now,
  };
}

/**
 * GitHub's endpoint where a job with `id-token: write` gets its OIDC token (facts.md §7): a fresh one for each
 * call, five minutes long. `repository`, `ref`, `environment` and `sub` in the query change what it claims, `lifetime`
 * (seconds; negative for a token that has expired so long ago) how long it lasts.
 */
export function oidcHandler(identity: Identity, key: SigningKey): Handler {
  return async (request: Request): Promise<Reply> => {
    if (request.url.pathname === '/.well-known/jwks') return { status: 200, body: await key.keySet() };
    if (request.method !== 'GET' || request.url.pathname !== '/token') {
      return { status: 404, body: { message: 'Not Found' } };
    }
    if (request.headers.authorization?.replace(/^bearer /i, '') !== identity.requestToken) {
      return { status: 401, body: { message: 'Unauthorized' } };
    }
    const value = await key.sign(claims(identity, request.url.searchParams));
    return { status: 200, body: { count: value.length, value } };
  };
}
