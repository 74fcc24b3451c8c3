import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { HttpHandler, HttpRequest, HttpResponse } from '../core/http-types.ts';
import type { EmulatorIdentity } from '../core/identity.ts';
import { nowInSeconds, type SigningKey } from '../core/signing-key.ts';
import { stableId } from './github/accounts.ts';
import type { GitHubStore } from './github/github-store.ts';
import { type OidcSubjectForm, Repository } from './github/repository.ts';

/** GitHub's issuer, which federated credentials contain. */
export const GITHUB_OIDC_ISSUER = 'https://token.actions.githubusercontent.com';

const DEFAULT_TOKEN_LIFETIME_SECONDS = 300;

// OpenID Connect reference, "Example subject claims": an environment replaces event and ref.
function subjectContext(event: string, environment: string | null, ref: string): string {
  if (environment !== null) return `environment:${environment.replaceAll(':', '%3A')}`;
  return event === 'pull_request' ? 'pull_request' : `ref:${ref}`;
}

function buildSubject(form: OidcSubjectForm, context: string, claims: JWTPayload): string {
  const value = (name: string): string => String(claims[name] ?? '');
  const [owner = '', name = ''] = value('repository').split('/');
  if (form === 'name') return `repo:${owner}/${name}:${context}`;
  if (form === 'immutable')
    return `repo:${owner}@${value('repository_owner_id')}/${name}@${value('repository_id')}:${context}`;
  return form.claims
    .map((claim) =>
      claim === 'context'
        ? context
        : claim === 'repo'
          ? `repo:${value('repository')}`
          : `${claim}:${value(claim).replaceAll(':', '%3A')}`,
    )
    .join(':');
}

/** The repository of a token: that of the query, else the one whose subject form was set last, else the example. */
function findRepository(gitHub: GitHubStore, query: URLSearchParams): Repository {
  const fullName = query.get('repository') ?? gitHub.oidcRepository;
  return gitHub.findByName(fullName) ?? new Repository(fullName, stableId(fullName));
}

function buildClaims(gitHub: GitHubStore, query: URLSearchParams): JWTPayload {
  const { fullName: repository, id, owner, ownerId, oidcSubject, oidcIssuer } = findRepository(gitHub, query);
  const ref = query.get('ref') ?? 'refs/heads/main';
  const environment = query.get('environment');
  const event = query.get('event_name') ?? 'push';
  const lifetime = Number(query.get('lifetime') ?? DEFAULT_TOKEN_LIFETIME_SECONDS);
  const now = nowInSeconds() + Math.min(lifetime, 0);
  const claims = {
    jti: randomUUID(),
    aud: query.get('audience') ?? `https://github.com/${owner}`,
    ref,
    ...(environment === null ? {} : { environment }),
    repository,
    repository_owner: owner,
    repository_owner_id: query.get('repository_owner_id') ?? String(ownerId),
    repository_id: query.get('repository_id') ?? String(id),
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
    iss: oidcIssuer ?? GITHUB_OIDC_ISSUER,
    nbf: now,
    exp: now + Math.max(lifetime, 0),
    iat: now,
  };
  return { ...claims, sub: buildSubject(oidcSubject, subjectContext(event, environment, ref), claims) };
}

/**
 * GitHub's endpoint for the OIDC token of a job with `id-token: write`, see docs/azure-behavior.md#github-oidc-token. Each
 * call gives a new token that is valid for five minutes. The query can set its claims (`repository`, `ref`, `environment`,
 * `event_name`, `sub` and others) and its `lifetime` in seconds. A negative lifetime gives an expired token.
 */
export function oidcHandler(identity: EmulatorIdentity, key: SigningKey, gitHub: GitHubStore): HttpHandler {
  return async (request: HttpRequest): Promise<HttpResponse> => {
    if (request.url.pathname === '/.well-known/jwks') return { status: 200, body: await key.toJwks() };
    if (request.method !== 'GET' || request.url.pathname !== '/token') {
      return { status: 404, body: { message: 'Not Found' } };
    }
    if (request.headers.authorization?.replace(/^bearer /i, '') !== identity.oidcRequestToken) {
      return { status: 401, body: { message: 'Unauthorized' } };
    }
    const { searchParams } = request.url;
    const claims = buildClaims(gitHub, searchParams);
    const value = await key.sign({ ...claims, sub: searchParams.get('sub') ?? String(claims.sub) });
    return { status: 200, body: { count: value.length, value } };
  };
}
