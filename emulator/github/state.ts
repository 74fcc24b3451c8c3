import { isObject, type JsonObject, numberOr, objectOr, stringOr } from '../json.ts';
import { accountOf, octocat } from './accounts.ts';
import { longestComment } from './comments.ts';
import {
  type Branch,
  type Comment,
  newPull,
  type PullRequest,
  type Repository,
  type Run,
} from './repository.ts';
import { describeIssue, labelNames, patchIssue } from './state-issues.ts';
import { defined, GitHubStateError, numberOf, oneOf } from './state-values.ts';
import { type GitHub, keyOf } from './store.ts';
import type { Level, Permissions, TokenChange } from './tokens.ts';

export { GitHubStateError };

function branch(value: unknown, before: Branch): Branch {
  const { ref, sha } = objectOr(value);
  return { ref: stringOr(ref) ?? before.ref, sha: stringOr(sha) ?? before.sha };
}

function headRepository(head: JsonObject, own: Repository): PullRequest['headRepository'] | undefined {
  const { repo } = head;
  if (repo === undefined || repo === null) return repo;
  const { id, full_name } = objectOr(repo);
  const fullName = stringOr(full_name);
  if (fullName === undefined || keyOf(fullName) === keyOf(own.fullName)) return 'same';
  const number = numberOr(id);
  if (number === undefined)
    throw new GitHubStateError(`The head's repository ${fullName} must have an 'id'.`);
  return { id: number, fullName };
}

function patchPull(repository: Repository, number: number, value: unknown): void {
  if (repository.issues.has(number)) throw new GitHubStateError(`${number} is an issue.`);
  if (value === null) {
    repository.removePull(number);
    return;
  }
  const given = objectOr(value);
  const { head, base, user, merged } = given;
  const before = repository.pulls.get(number) ?? newPull(number);
  const state = oneOf(given['state'], ['open', 'closed'], "A pull request's state");
  repository.setPull(
    number,
    defined<PullRequest>({
      // A merge closes, and a pull request that is open again has not been merged.
      state: merged === true ? 'closed' : state,
      merged: state === 'open' ? false : typeof merged === 'boolean' ? merged : undefined,
      title: stringOr(given['title']),
      body: given['body'] === null ? null : stringOr(given['body']),
      draft: typeof given['draft'] === 'boolean' ? given['draft'] : undefined,
      user: accountOf(user, before.user),
      labels: labelNames(given['labels']),
      headRepository: isObject(head) ? headRepository(head, repository) : undefined,
      head: branch(head, before.head),
      base: branch(base, before.base),
      createdAt: stringOr(given['created_at']),
      updatedAt: stringOr(given['updated_at']),
      closedAt: stringOr(given['closed_at']),
    }),
  );
}

const statuses = ['queued', 'in_progress', 'completed', 'waiting', 'requested', 'pending'] as const;
const conclusions = [
  'success',
  'failure',
  'cancelled',
  'skipped',
  'timed_out',
  'action_required',
  'neutral',
  'stale',
] as const;

function patchRun(repository: Repository, id: number, value: unknown): void {
  if (value === null) {
    repository.runs.delete(id);
    return;
  }
  const given = objectOr(value);
  const before = repository.runs.get(id);
  const status = oneOf(given['status'], statuses, "A run's status") ?? before?.status ?? 'in_progress';
  const told = given['conclusion'] ?? before?.conclusion ?? 'success';
  const conclusion = oneOf(told, conclusions, "A run's conclusion") ?? null;
  const changes = defined<Omit<Run, 'conclusion'>>({
    id,
    status,
    attempt: numberOr(given['run_attempt']),
    name: stringOr(given['name']),
    path: stringOr(given['path']),
    event: stringOr(given['event']),
    headBranch: stringOr(given['head_branch']),
    headSha: stringOr(given['head_sha']),
    createdAt: stringOr(given['created_at']),
    updatedAt: stringOr(given['updated_at']),
  });
  repository.setRun(id, { ...changes, conclusion: status === 'completed' ? conclusion : null });
}

function addComments(repository: Repository, issue: number, value: unknown): void {
  if (!repository.pulls.has(issue) && !repository.issues.has(issue)) {
    throw new GitHubStateError(`There is no issue or pull request ${issue}.`);
  }
  if (!Array.isArray(value)) throw new GitHubStateError(`The comments of ${issue} must be an array.`);
  for (const entry of value) {
    const { body, user, created_at } = objectOr(entry);
    const text = stringOr(body) ?? '';
    if (text.trim() === '' || [...text].length > longestComment) {
      throw new GitHubStateError(`A comment's body has 1 to ${longestComment} characters.`);
    }
    repository.addComment(issue, text, accountOf(user, octocat), stringOr(created_at));
  }
}

function permissionsOf(value: unknown): Permissions | undefined {
  if (value === undefined) return undefined;
  const levels = Object.entries(objectOr(value)).map(
    ([name, level]) => [name, oneOf(level, ['read', 'write', 'none'], `The permission '${name}'`)] as const,
  );
  const granted = levels.filter((entry): entry is readonly [string, Level] => entry[1] !== 'none');
  return Object.fromEntries(granted);
}

function tokenChange(value: unknown): TokenChange {
  const { permissions, login, revoked } = objectOr(value);
  return {
    permissions: permissionsOf(permissions),
    login: stringOr(login),
    revoked: typeof revoked === 'boolean' ? revoked : undefined,
  };
}

/**
 * `PATCH control/state` with a `repository`: makes it known, and changes what it holds behind the API's back. Pull
 * requests, issues and runs are written as GitHub's API and webhooks write them, laid over what is there, and removed
 * by null, an issue as one that was deleted; comments under issues and pull requests are added; `issuesDisabled`
 * switches issues off, or on again. What stands before a fault in the call has been done.
 * @throws {GitHubStateError} for what cannot be.
 */
export function patchGitHub(gitHub: GitHub, body: JsonObject): void {
  const fullName = stringOr(body['repository']) ?? '';
  if (!/^[\w.-]+\/[\w.-]+$/.test(fullName)) {
    throw new GitHubStateError(`'repository' is 'owner/name', not '${fullName}'.`);
  }
  const repository = gitHub.knownOrNew(fullName, numberOr(body['repositoryId']));
  const { issuesDisabled } = body;
  if (typeof issuesDisabled === 'boolean') repository.issuesDisabled = issuesDisabled;
  const entries = (field: string) => Object.entries(objectOr(body[field]));
  for (const [number, pull] of entries('pulls')) {
    patchPull(repository, numberOf(number, 'A pull request'), pull);
  }
  for (const [number, issue] of entries('issues')) {
    patchIssue(repository, numberOf(number, 'An issue'), issue);
  }
  for (const [id, run] of entries('runs')) patchRun(repository, numberOf(id, 'A run'), run);
  for (const [number, comments] of entries('comments')) {
    addComments(repository, numberOf(number, 'An issue or pull request'), comments);
  }
  for (const [token, change] of entries('tokens')) {
    gitHub.tokens.register(token, tokenChange(change), keyOf(repository.fullName));
  }
}

function describePull(pull: PullRequest, repository: Repository): JsonObject {
  const { state, title, body, draft, merged, user, labels, head, base, headRepository: fork } = pull;
  const own = { id: repository.id, full_name: repository.fullName };
  const headRepo = fork === 'same' ? own : fork && { id: fork.id, full_name: fork.fullName };
  return {
    ...{ state, title, body, draft, merged, user, labels },
    head: { ...head, repo: headRepo },
    base: { ...base, repo: own },
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.closedAt,
  };
}

function describeComment({ id, body, user, createdAt, updatedAt }: Comment): JsonObject {
  return { id, body, user, created_at: createdAt, updated_at: updatedAt };
}

function describeRun({ name, path, event, status, conclusion, attempt }: Run): JsonObject {
  return { name, path, event, status, conclusion, run_attempt: attempt };
}

function describe(repository: Repository): JsonObject {
  const comments: Record<string, JsonObject[]> = {};
  for (const number of [...repository.pulls.keys(), ...repository.issues.keys()]) comments[number] = [];
  for (const comment of repository.comments.values()) comments[comment.issue]?.push(describeComment(comment));
  const pulls = [...repository.pulls.values()];
  return {
    id: repository.id,
    pulls: Object.fromEntries(pulls.map((pull) => [pull.number, describePull(pull, repository)])),
    issues: Object.fromEntries(
      [...repository.issues].map(([number, issue]) => [number, describeIssue(issue)]),
    ),
    issuesDisabled: repository.issuesDisabled,
    comments,
    runs: Object.fromEntries([...repository.runs].map(([id, run]) => [id, describeRun(run)])),
  };
}

/** What `GET control/state` says of GitHub: each repository by `owner/name`, and never a token. */
export function readGitHub(gitHub: GitHub): JsonObject {
  return Object.fromEntries(
    gitHub.repositories.map((repository) => [repository.fullName, describe(repository)]),
  );
}
