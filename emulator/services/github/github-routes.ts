import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { commentRoutes } from './comments.ts';
import { gitHubErrors } from './github-errors.ts';
import type { GitHubRequest, RepositoryRoute } from './github-request.ts';
import { type GitHubStore, repositoryKey } from './github-store.ts';
import { issueRoutes } from './issues.ts';
import { pullRoutes } from './pulls.ts';
import type { Repository } from './repository.ts';
import { runRoutes } from './runs.ts';
import { checkPermission } from './tokens.ts';
import { getUser, postGraphQl } from './viewer.ts';

export interface GitHubRoute {
  readonly documentation: string;
  /** @throws {GitHubError} if GitHub refuses the request. */
  readonly handle: (call: GitHubRequest, gitHub: GitHubStore) => HttpResponse;
}

const FIXED_ROUTES: Readonly<Record<string, GitHubRoute>> = {
  'GET /user': { documentation: 'rest/users/users#get-the-authenticated-user', handle: getUser },
  'POST /graphql': {
    documentation: 'graphql/guides/forming-calls-with-graphql#authentication',
    handle: postGraphQl,
  },
};

const REPOSITORY_ROUTES = [...pullRoutes, ...issueRoutes, ...commentRoutes, ...runRoutes].map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>\\d+)')}$`),
}));

type RepositoryLookup = (gitHub: GitHubStore) => Repository | undefined;

// The path contains the name of the repository, or its id as in the URLs of a Link header.
function splitRepositoryPath(pathname: string): { lookup: RepositoryLookup; rest: string } | undefined {
  const [, fullName, rest] = /^\/repos\/([\w.-]+\/[\w.-]+)\/(.+)$/.exec(pathname) ?? [];
  if (fullName !== undefined && rest !== undefined) {
    return { lookup: (gitHub) => gitHub.findByName(fullName), rest };
  }
  const [, id, restAfterId] = /^\/repositories\/(\d+)\/(.+)$/.exec(pathname) ?? [];
  if (id !== undefined && restAfterId !== undefined) {
    return { lookup: (gitHub) => gitHub.findById(Number(id)), rest: restAfterId };
  }
  return undefined;
}

function bindRepositoryRoute(
  route: RepositoryRoute,
  lookup: RepositoryLookup,
  names: Readonly<Record<string, string>>,
): GitHubRoute {
  const numericParams = Object.fromEntries(Object.entries(names).map(([name, text]) => [name, Number(text)]));
  return {
    documentation: route.documentation,
    handle: (call, gitHub) => {
      const repository = lookup(gitHub);
      const { repositories } = call.caller;
      // GitHub answers 404 for private repositories that the token cannot access.
      if (!repository || (repositories !== 'all' && !repositories.has(repositoryKey(repository.fullName)))) {
        throw gitHubErrors.notFound();
      }
      checkPermission(call.caller, route.needs, route.level);
      return route.handle({ ...call, repository, numericParams });
    },
  };
}

/** The route of a request, or undefined for an unknown path. */
export function findRoute({ method, url }: HttpRequest): GitHubRoute | undefined {
  const fixedRoute = FIXED_ROUTES[`${method} ${url.pathname}`];
  if (fixedRoute) return fixedRoute;
  const parts = splitRepositoryPath(url.pathname);
  if (!parts) return undefined;
  for (const { route, pattern } of REPOSITORY_ROUTES) {
    const match = route.method === method ? pattern.exec(parts.rest) : null;
    if (match) return bindRepositoryRoute(route, parts.lookup, match.groups ?? {});
  }
  return undefined;
}
