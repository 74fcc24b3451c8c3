import { isObject, type JsonObject, objectOr, stringOr } from '../json.ts';
import { accountOf, octocat } from './accounts.ts';
import { faultsOf } from './issue-input.ts';
import { distinct } from './labels.ts';
import { type Issue, newIssue, type Repository, type StateReason, stateReasons } from './repository.ts';
import { defined, GitHubStateError, oneOf } from './state-values.ts';

/**
 * The names of labels given as GitHub writes them or by name alone, undefined for undefined.
 * @throws {GitHubStateError} for anything else.
 */
export function labelNames(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new GitHubStateError('Labels must be an array.');
  const names = value.map((entry: unknown) => {
    const name = stringOr(entry) ?? stringOr(objectOr(entry)['name']);
    if (name === undefined) throw new GitHubStateError("A label is a name, or an object with a 'name'.");
    return name;
  });
  return distinct(names);
}

function reasonOf(value: unknown, state: Issue['state']): StateReason | null | undefined {
  if (value === null) return null;
  const reason = oneOf(value, stateReasons, "An issue's state_reason");
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
  const given = objectOr(value);
  const before = repository.issues.get(number) ?? newIssue(number);
  const state = oneOf(given['state'], ['open', 'closed'], "An issue's state") ?? before.state;
  const title = stringOr(given['title']);
  const body = given['body'] === null ? null : stringOr(given['body']);
  const [fault] = faultsOf({ title, body });
  if (fault) throw new GitHubStateError(`An issue cannot be so: ${JSON.stringify(fault)}.`);
  const { closed_by: closer } = given;
  repository.setIssue(
    number,
    defined<Issue>({
      state,
      stateReason: reasonOf(given['state_reason'], state),
      title,
      body,
      user: accountOf(given['user'], before.user),
      labels: labelNames(given['labels']),
      createdAt: stringOr(given['created_at']),
      updatedAt: stringOr(given['updated_at']),
      closedAt: stringOr(given['closed_at']),
      closedBy: isObject(closer) ? accountOf(closer, octocat) : undefined,
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
