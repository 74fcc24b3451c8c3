import { randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { GitHubError, gitHubErrors } from './github-errors.ts';
import { findRoute } from './github-routes.ts';
import type { GitHubStore } from './github-store.ts';

/** Requests per hour without a valid token ("Rate limits for the REST API"). */
const ANONYMOUS_HOURLY_LIMIT = 60;

function errorResponse(error: GitHubError, documentation: string): HttpResponse {
  return {
    status: error.status,
    body: {
      message: error.message,
      ...(error.errors.length === 0 ? {} : { errors: error.errors }),
      documentation_url: `https://docs.github.com/${error.documentation ?? documentation}`,
      status: String(error.status),
    },
  };
}

function catchGitHubError(documentation: string, respond: () => HttpResponse): HttpResponse {
  try {
    return respond();
  } catch (error) {
    if (error instanceof GitHubError) return errorResponse(error, documentation);
    throw error;
  }
}

function handleRequest(request: HttpRequest, gitHub: GitHubStore): HttpResponse {
  const { authorization } = request.headers;
  const caller = gitHub.tokens.authenticate(authorization);
  const { headers, exceeded } =
    caller instanceof GitHubError
      ? gitHub.rateLimits.countRequest('', ANONYMOUS_HOURLY_LIMIT)
      : gitHub.rateLimits.countRequest(authorization ?? '', caller.hourlyLimit);
  const route = findRoute(request);
  const reply = catchGitHubError(route?.documentation ?? 'rest', () => {
    if (caller instanceof GitHubError) throw caller;
    if (exceeded) throw gitHubErrors.rateLimitExceeded(caller.account);
    if (!route) throw gitHubErrors.notFound();
    return route.handle({ request, caller, origin: request.url.origin }, gitHub);
  });
  return { ...reply, headers: { ...headers, ...reply.headers } };
}

/** The emulated REST and GraphQL APIs of api.github.com. */
export function gitHubHandler(gitHub: GitHubStore): HttpHandler {
  return (request) => {
    const reply = handleRequest(request, gitHub);
    return {
      ...reply,
      headers: {
        'X-GitHub-Media-Type': 'github.v3; format=json',
        'X-GitHub-Api-Version-Selected': '2022-11-28',
        'X-GitHub-Request-Id': randomUUID(),
        ...reply.headers,
      },
    };
  };
}
