import { type HttpRequest, type HttpResponse, parseJsonBody } from '../../core/http-types.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { gitHubErrors } from './github-errors.ts';
import type { Repository } from './repository.ts';
import type { Caller, PermissionLevel } from './tokens.ts';

/** An authenticated request. */
export interface GitHubRequest {
  readonly request: HttpRequest;
  readonly caller: Caller;
  /** Base of the URLs in answers, without a trailing slash. */
  readonly origin: string;
}

/** An authenticated request to a path in a repository that the caller can access. */
export interface RepositoryRequest extends GitHubRequest {
  readonly repository: Repository;
  /** The numbers in the path, by their placeholder in the route. */
  readonly numericParams: Readonly<Record<string, number>>;
}

/** A route below a repository. */
export interface RepositoryRoute {
  readonly method: string;
  /** Path below the repository. `{name}` matches a number. */
  readonly path: string;
  /** Page and heading of GitHub's REST reference, for `documentation_url` in errors. */
  readonly documentation: string;
  /** One of these permissions at {@link level} is required. */
  readonly needs: readonly string[];
  readonly level: PermissionLevel;
  readonly handle: (call: RepositoryRequest) => HttpResponse;
}

/** The permission level that a method requires. */
export function requiredLevel(method: string): PermissionLevel {
  return method === 'GET' ? 'read' : 'write';
}

/**
 * The body as a JSON object. An empty body is an empty object.
 * @throws {GitHubError} 400 for any other body.
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
