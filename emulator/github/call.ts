import type { Reply, Request } from '../http/exchange.ts';
import { jsonBody } from '../http/exchange.ts';
import { isObject, type JsonObject } from '../json.ts';
import { gitHubErrors } from './errors.ts';
import type { Repository } from './repository.ts';
import type { Caller, Level } from './tokens.ts';

/** An authenticated request that a route was found for. */
export interface Call {
  readonly request: Request;
  readonly caller: Caller;
  /** Base of the API's own URLs, no slash at the end. */
  readonly origin: string;
}

/** A call to something in a repository that the caller reaches. */
export interface RepositoryCall extends Call {
  readonly repository: Repository;
  /** The numbers in the path, by their names in the route. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** One door of the API beneath a repository. */
export interface RepositoryRoute {
  readonly method: string;
  /** Path beneath the repository; `{name}` stands for a number. */
  readonly path: string;
  /** Page and heading of GitHub's REST reference, which errors name. */
  readonly documentation: string;
  /** One of these permissions at this level is needed. */
  readonly needs: readonly string[];
  readonly level: Level;
  readonly answer: (call: RepositoryCall) => Reply;
}

/** The level of a permission that a request with this method needs. */
export function levelOf(method: string): Level {
  return method === 'GET' ? 'read' : 'write';
}

/**
 * The body as a JSON object, empty for none.
 * @throws {GitHubError} 400 for anything else.
 */
export function bodyOf(request: Request): JsonObject {
  let body: unknown;
  try {
    body = jsonBody(request) ?? {};
  } catch {
    throw gitHubErrors.parsingProblem();
  }
  if (isObject(body)) return body;
  throw gitHubErrors.parsingProblem();
}
