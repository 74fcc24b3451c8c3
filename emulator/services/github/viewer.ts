import type { HttpResponse } from '../../core/http-types.ts';
import { asString } from '../../core/json.ts';
import { accountBody } from './accounts.ts';
import { gitHubErrors } from './github-errors.ts';
import { type GitHubRequest, parseBody } from './github-request.ts';

/**
 * `GET /user`: the user of the token.
 * @throws {GitHubError} 403 for the token of an installation, such as a job's, which has no user.
 */
export function getUser({ caller, origin }: GitHubRequest): HttpResponse {
  if (caller.account.type === 'Bot') throw gitHubErrors.notAccessible('integration');
  return { status: 200, body: { ...accountBody(caller.account, origin), name: null, email: null } };
}

const VIEWER_LOGIN_QUERY = /^\s*(?:query\b\s*\w*\s*)?\{\s*viewer\s*\{\s*login\s*\}\s*\}\s*$/;

/** `POST /graphql`: supports only the query `{ viewer { login } }`. */
export function postGraphQl({ request, caller }: GitHubRequest): HttpResponse {
  const query = asString(parseBody(request)['query']);
  if (query === undefined) {
    return {
      status: 200,
      body: { errors: [{ message: 'A query attribute must be specified and must be a string.' }] },
    };
  }
  if (VIEWER_LOGIN_QUERY.test(query)) {
    return { status: 200, body: { data: { viewer: { login: caller.account.login } } } };
  }
  const message = 'The emulator supports only the query { viewer { login } }.';
  return { status: 200, body: { errors: [{ message, locations: [{ line: 1, column: 1 }] }] } };
}
