import type { Handler, Reply, Request } from './http/exchange.ts';

/** One door of GitHub's REST API: a method, a path with named groups, and what answers. */
export interface GitHubRoute {
  readonly method: string;
  readonly path: RegExp;
  readonly answer: (request: Request, groups: Readonly<Record<string, string>>) => Reply | Promise<Reply>;
}

const notFound: Reply = {
  status: 404,
  headers: { 'X-GitHub-Media-Type': 'github.v3; format=json' },
  body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' },
};

/** GitHub's REST API: the given routes; everything else is not found, as GitHub says it. */
export function gitHubHandler(routes: readonly GitHubRoute[]): Handler {
  return (request) => {
    for (const route of routes) {
      const match = route.method === request.method ? route.path.exec(request.url.pathname) : null;
      if (match) return route.answer(request, match.groups ?? {});
    }
    return notFound;
  };
}
