import { randomUUID } from 'node:crypto';
import type { Handler, Reply, Request } from '../http/exchange.ts';
import { GitHubError, gitHubErrors } from './errors.ts';
import { routeOf } from './routes.ts';
import type { GitHub } from './store.ts';

/** Requests in an hour without a token that is good for anything ("Rate limits for the REST API"). */
const anonymousHourly = 60;

function refusal(error: GitHubError, documentation: string): Reply {
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

function attempt(documentation: string, answer: () => Reply): Reply {
  try {
    return answer();
  } catch (error) {
    if (error instanceof GitHubError) return refusal(error, documentation);
    throw error;
  }
}

function answer(request: Request, gitHub: GitHub): Reply {
  const { authorization } = request.headers;
  const caller = gitHub.tokens.callerOf(authorization);
  const { headers, exceeded } =
    caller instanceof GitHubError
      ? gitHub.rateLimits.count('', anonymousHourly)
      : gitHub.rateLimits.count(authorization ?? '', caller.hourly);
  const route = routeOf(request);
  const reply = attempt(route?.documentation ?? 'rest', () => {
    if (caller instanceof GitHubError) throw caller;
    if (exceeded) throw gitHubErrors.rateLimitExceeded(caller.account);
    if (!route) throw gitHubErrors.notFound();
    return route.answer({ request, caller, origin: request.url.origin }, gitHub);
  });
  return { ...reply, headers: { ...headers, ...reply.headers } };
}

/** GitHub's REST and GraphQL APIs (api.github.com), over what the store holds. */
export function gitHubHandler(gitHub: GitHub): Handler {
  return (request) => {
    const reply = answer(request, gitHub);
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
