import { asObject, asString, isJsonObject, type JsonObject } from '../core/json.ts';
import { OCTOCAT, parseAccount } from '../services/github/accounts.ts';
import { validateIssue } from '../services/github/issue-input.ts';
import { uniqueLabels } from '../services/github/labels.ts';
import {
  defaultIssue,
  type Issue,
  type Repository,
  STATE_REASONS,
  type StateReason,
} from '../services/github/repository.ts';
import { GitHubStateError, omitUndefinedEntries, parseEnum } from './state-values.ts';

/**
 * The names of labels given as GitHub writes them or by name alone, undefined for undefined.
 * @throws {GitHubStateError} for anything else.
 */
export function parseLabelNames(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new GitHubStateError('Labels must be an array.');
  const names = value.map((entry: unknown) => {
    const name = asString(entry) ?? asString(asObject(entry)['name']);
    if (name === undefined) throw new GitHubStateError("A label is a name, or an object with a 'name'.");
    return name;
  });
  return uniqueLabels(names);
}

function parseStateReason(value: unknown, state: Issue['state']): StateReason | null | undefined {
  if (value === null) return null;
  const reason = parseEnum(value, STATE_REASONS, "An issue's state_reason");
  if (reason !== undefined && (reason === 'reopened') !== (state === 'open')) {
    throw new GitHubStateError(`An issue that is ${state} is not so because of '${reason}'.`);
  }
  return reason;
}

/**
 * Write an issue as GitHub's API shows one over what is there; null deletes it.
 * @throws {GitHubStateError} for what cannot be in an issue, and for a pull request's number.
 */
export function patchIssue(repository: Repository, number: number, value: unknown): void {
  if (repository.pulls.has(number)) throw new GitHubStateError(`${number} is a pull request.`);
  if (value === null) {
    repository.removeIssue(number);
    return;
  }
  const given = asObject(value);
  const before = repository.issues.get(number) ?? defaultIssue(number);
  const state = parseEnum(given['state'], ['open', 'closed'], "An issue's state") ?? before.state;
  const title = asString(given['title']);
  const body = given['body'] === null ? null : asString(given['body']);
  const [validationError] = validateIssue({ title, body });
  if (validationError)
    throw new GitHubStateError(`An issue cannot be so: ${JSON.stringify(validationError)}.`);
  const { closed_by: closedBy } = given;
  repository.setIssue(
    number,
    omitUndefinedEntries<Issue>({
      state,
      stateReason: parseStateReason(given['state_reason'], state),
      title,
      body,
      user: parseAccount(given['user'], before.user),
      labels: parseLabelNames(given['labels']),
      createdAt: asString(given['created_at']),
      updatedAt: asString(given['updated_at']),
      closedAt: asString(given['closed_at']),
      closedBy: isJsonObject(closedBy) ? parseAccount(closedBy, OCTOCAT) : undefined,
    }),
  );
}

/** What `GET control/state` says of an issue; labels are their names. */
export function describeIssue(issue: Issue): JsonObject {
  const { title, body, state, user, labels } = issue;
  return {
    ...{ title, body, state, state_reason: issue.stateReason, user, labels },
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt,
    closed_by: issue.closedBy,
  };
}
