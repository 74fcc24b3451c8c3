import type { Reply, Request } from '../http/exchange.ts';
import type { Call, RepositoryRoute } from './call.ts';
import { commentRoutes } from './comments.ts';
import { gitHubErrors } from './errors.ts';
import { issueRoutes } from './issues.ts';
import { pullRoutes } from './pulls.ts';
import type { Repository } from './repository.ts';
import { runRoutes } from './runs.ts';
import { type GitHub, keyOf } from './store.ts';
import { checkPermission } from './tokens.ts';
import { getUser, graphQl } from './viewer.ts';

/** What answers a request. */
export interface Route {
  readonly documentation: string;
  /** @throws {GitHubError} where GitHub refuses the request. */
  readonly answer: (call: Call, gitHub: GitHub) => Reply;
}

const fixed: Readonly<Record<string, Route>> = {
  'GET /user': { documentation: 'rest/users/users#get-the-authenticated-user', answer: getUser },
  'POST /graphql': {
    documentation: 'graphql/guides/forming-calls-with-graphql#authentication',
    answer: graphQl,
  },
};

const beneathRepositories = [...pullRoutes, ...issueRoutes, ...commentRoutes, ...runRoutes].map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>\\d+)')}$`),
}));

type Lookup = (gitHub: GitHub) => Repository | undefined;

// By its name, or by its id as in the URLs of a Link header.
function split(pathname: string): { lookup: Lookup; rest: string } | undefined {
  const [, fullName, rest] = /^\/repos\/([\w.-]+\/[\w.-]+)\/(.+)$/.exec(pathname) ?? [];
  if (fullName !== undefined && rest !== undefined) {
    return { lookup: (gitHub) => gitHub.named(fullName), rest };
  }
  const [, id, more] = /^\/repositories\/(\d+)\/(.+)$/.exec(pathname) ?? [];
  if (id !== undefined && more !== undefined) {
    return { lookup: (gitHub) => gitHub.numbered(Number(id)), rest: more };
  }
  return undefined;
}

function inRepository(
  route: RepositoryRoute,
  lookup: Lookup,
  names: Readonly<Record<string, string>>,
): Route {
  const numbers = Object.fromEntries(Object.entries(names).map(([name, text]) => [name, Number(text)]));
  return {
    documentation: route.documentation,
    answer: (call, gitHub) => {
      const repository = lookup(gitHub);
      const { repositories } = call.caller;
      // What a token does not reach does not exist for it: GitHub tells nobody of private repositories.
      if (!repository || (repositories !== 'all' && !repositories.has(keyOf(repository.fullName)))) {
        throw gitHubErrors.notFound();
      }
      checkPermission(call.caller, route.needs, route.level);
      return route.answer({ ...call, repository, numbers });
    },
  };
}

/** What answers this request, undefined where GitHub has nothing there. */
export function routeOf({ method, url }: Request): Route | undefined {
  const simple = fixed[`${method} ${url.pathname}`];
  if (simple) return simple;
  const parts = split(url.pathname);
  if (!parts) return undefined;
  for (const { route, pattern } of beneathRepositories) {
    const match = route.method === method ? pattern.exec(parts.rest) : null;
    if (match) return inRepository(route, parts.lookup, match.groups ?? {});
  }
  return undefined;
}
