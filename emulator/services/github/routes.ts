import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { commentRoutes } from './comments.ts';
import { gitHubErrors } from './errors.ts';
import type { GitHubRequest, RepositoryRoute } from './github-request.ts';
import { type GitHubStore, repositoryKey } from './github-store.ts';
import { issueRoutes } from './issues.ts';
import { pullRoutes } from './pulls.ts';
import type { Repository } from './repository.ts';
import { runRoutes } from './runs.ts';
import { checkPermission } from './tokens.ts';
import { getUser, postGraphQl } from './viewer.ts';

/** What answers a request. */
export interface GitHubRoute {
  readonly documentation: string;
  /** @throws {GitHubError} where GitHub refuses the request. */
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

// By its name, or by its id as in the URLs of a Link header.
function splitRepositoryPath(pathname: string): { lookup: RepositoryLookup; rest: string } | undefined {
  const [, fullName, rest] = /^\/repos\/([\w.-]+\/[\w.-]+)\/(.+)$/.exec(pathname) ?? [];
  if (fullName !== undefined && rest !== undefined) {
    return { lookup: (gitHub) => gitHub.findByName(fullName), rest };
  }
  const [, id, more] = /^\/repositories\/(\d+)\/(.+)$/.exec(pathname) ?? [];
  if (id !== undefined && more !== undefined) {
    return { lookup: (gitHub) => gitHub.findById(Number(id)), rest: more };
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
      // What a token does not reach does not exist for it: GitHub tells nobody of private repositories.
      if (!repository || (repositories !== 'all' && !repositories.has(repositoryKey(repository.fullName)))) {
        throw gitHubErrors.notFound();
      }
      checkPermission(call.caller, route.needs, route.level);
      return route.handle({ ...call, repository, numericParams });
    },
  };
}

/** What answers this request, undefined where GitHub has nothing there. */
export function findRoute({ method, url }: HttpRequest): GitHubRoute | undefined {
  const simple = FIXED_ROUTES[`${method} ${url.pathname}`];
  if (simple) return simple;
  const parts = splitRepositoryPath(url.pathname);
  if (!parts) return undefined;
  for (const { route, pattern } of REPOSITORY_ROUTES) {
    const match = route.method === method ? pattern.exec(parts.rest) : null;
    if (match) return bindRepositoryRoute(route, parts.lookup, match.groups ?? {});
  }
  return undefined;
}
