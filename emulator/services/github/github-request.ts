import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { parseJsonBody } from '../../core/http-types.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { gitHubErrors } from './errors.ts';
import type { Repository } from './repository.ts';
import type { Caller, PermissionLevel } from './tokens.ts';

/** An authenticated request that a route was found for. */
export interface GitHubRequest {
  readonly request: HttpRequest;
  readonly caller: Caller;
  /** Base of the API's own URLs, no slash at the end. */
  readonly origin: string;
}

/** A call to something in a repository that the caller reaches. */
export interface RepositoryRequest extends GitHubRequest {
  readonly repository: Repository;
  /** The numbers in the path, by their names in the route. */
  readonly numericParams: Readonly<Record<string, number>>;
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
  readonly level: PermissionLevel;
  readonly handle: (call: RepositoryRequest) => HttpResponse;
}

/** The level of a permission that a request with this method needs. */
export function requiredLevel(method: string): PermissionLevel {
  return method === 'GET' ? 'read' : 'write';
}

/**
 * The body as a JSON object, empty for none.
 * @throws {GitHubError} 400 for anything else.
 */
export function parseBody(request: HttpRequest): JsonObject {
  let body: unknown;
  try {
    body = parseJsonBody(request) ?? {};
  } catch {
    throw gitHubErrors.invalidJson();
  }
  if (isJsonObject(body)) return body;
  throw gitHubErrors.invalidJson();
}
