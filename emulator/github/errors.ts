import type { JsonObject } from '../json.ts';
import type { Account } from './accounts.ts';

/** A refusal by GitHub's REST API. */
export class GitHubError extends Error {
  override readonly name = 'GitHubError';
  readonly status: number;
  /** Entries of `errors` in a 422's body. */
  readonly errors: readonly JsonObject[];
  /** True where `documentation_url` names no endpoint. */
  readonly general: boolean;

  constructor(
    status: number,
    message: string,
    { errors = [], general = false }: { errors?: readonly JsonObject[]; general?: boolean } = {},
  ) {
    super(message);
    this.status = status;
    this.errors = errors;
    this.general = general;
  }
}

/** GitHub's refusals in its own words, as its answers and the reports of them in public issues have them. */
export const gitHubErrors = {
  requiresAuthentication: () => new GitHubError(401, 'Requires authentication'),
  badCredentials: () => new GitHubError(401, 'Bad credentials', { general: true }),
  notFound: () => new GitHubError(404, 'Not Found'),
  notAccessible: (by: 'integration' | 'personal access token') =>
    new GitHubError(403, `Resource not accessible by ${by}`),
  rateLimitExceeded: ({ id, type }: Account) =>
    new GitHubError(
      403,
      `API rate limit exceeded for ${type === 'Bot' ? 'installation' : 'user'} ID ${id}.`,
      {
        general: true,
      },
    ),
  parsingProblem: () => new GitHubError(400, 'Problems parsing JSON'),
  missing: (field: string) => new GitHubError(422, `Invalid request.\n\n"${field}" wasn't supplied.`),
  noString: (field: string, value: unknown) =>
    new GitHubError(
      422,
      `Invalid request.\n\nFor 'properties/${field}', ${JSON.stringify(value)} is not a string.`,
    ),
  invalid: (errors: readonly JsonObject[]) => new GitHubError(422, 'Validation Failed', { errors }),
};
