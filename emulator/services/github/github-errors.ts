import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Account } from './accounts.ts';

/** An error of GitHub's REST API. */
export class GitHubError extends Error {
  override readonly name = 'GitHubError';
  readonly status: number;
  /** Entries of `errors` in a 422's body. */
  readonly errors: readonly JsonObject[];
  /** The page that `documentation_url` links to, instead of the page of the endpoint. */
  readonly documentation: string | undefined;

  constructor(
    status: number,
    message: string,
    { errors = [], documentation }: { errors?: readonly JsonObject[]; documentation?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.errors = errors;
    this.documentation = documentation;
  }
}

/** A value in Ruby's notation, as in GitHub's error messages. */
function inspectAsRuby(value: unknown): string {
  if (value === null) return 'nil';
  if (Array.isArray(value)) return `[${value.map(inspectAsRuby).join(', ')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(
    ([key, entry]) => `${inspectAsRuby(key)}=>${inspectAsRuby(entry)}`,
  );
  return `{${entries.join(', ')}}`;
}

function mistyped(pointer: string, value: unknown, expectedType: string): GitHubError {
  return new GitHubError(
    422,
    `Invalid request.\n\nFor '${pointer}', ${inspectAsRuby(value)} is not ${expectedType}.`,
  );
}

/** GitHub's error messages, from its answers and from public issues. */
export const gitHubErrors = {
  requiresAuthentication: () => new GitHubError(401, 'Requires authentication'),
  badCredentials: () => new GitHubError(401, 'Bad credentials', { documentation: 'rest' }),
  notFound: () => new GitHubError(404, 'Not Found'),
  notAccessible: (by: 'integration' | 'personal access token') =>
    new GitHubError(403, `Resource not accessible by ${by}`),
  rateLimitExceeded: ({ id, type }: Account) =>
    new GitHubError(
      403,
      `API rate limit exceeded for ${type === 'Bot' ? 'installation' : 'user'} ID ${id}.`,
      { documentation: 'rest' },
    ),
  invalidJson: () => new GitHubError(400, 'Problems parsing JSON'),
  missingField: (field: string) => new GitHubError(422, `Invalid request.\n\n"${field}" wasn't supplied.`),
  mistyped,
  notString: (field: string, value: unknown) => mistyped(`properties/${field}`, value, 'a string'),
  notMember: (value: unknown, values: readonly (string | null)[]) =>
    new GitHubError(
      422,
      `Invalid request.\n\n${typeof value === 'string' ? value : inspectAsRuby(value)} is not a member of ${inspectAsRuby(values)}.`,
    ),
  validationFailed: (errors: readonly JsonObject[], documentation?: string) =>
    new GitHubError(422, 'Validation Failed', { errors, ...(documentation && { documentation }) }),
  // The paths of these pages are inferred from the error for an invalid `state` of a list.
  issuesDisabled: () =>
    new GitHubError(410, 'Issues are disabled for this repo', { documentation: 'v3/issues/' }),
  issueDeleted: () => new GitHubError(410, 'This issue was deleted', { documentation: 'v3/issues/' }),
};
