import { asNumber, asObject, asString, isJsonObject, type JsonObject } from '../core/json.ts';
import { OCTOCAT, parseAccount } from '../services/github/accounts.ts';
import { MAX_COMMENT_LENGTH } from '../services/github/comments.ts';
import { type GitHubStore, repositoryKey } from '../services/github/github-store.ts';
import {
  type BranchReference,
  defaultPull,
  type IssueComment,
  type PullRequest,
  type Repository,
  type WorkflowRun,
} from '../services/github/repository.ts';
import type { PermissionLevel, Permissions, TokenChange } from '../services/github/tokens.ts';
import { describeIssue, parseLabelNames, patchIssue } from './patch-issue.ts';
import { GitHubStateError, omitUndefinedEntries, parseEnum, parseNumberKey } from './state-values.ts';

export { GitHubStateError };

function mergeBranch(value: unknown, before: BranchReference): BranchReference {
  const { ref, sha } = asObject(value);
  return { ref: asString(ref) ?? before.ref, sha: asString(sha) ?? before.sha };
}

function parseHeadRepository(head: JsonObject, own: Repository): PullRequest['headRepository'] | undefined {
  const { repo } = head;
  if (repo === undefined || repo === null) return repo;
  const { id, full_name } = asObject(repo);
  const fullName = asString(full_name);
  if (fullName === undefined || repositoryKey(fullName) === repositoryKey(own.fullName)) return 'same';
  const number = asNumber(id);
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
  const given = asObject(value);
  const { head, base, user, merged } = given;
  const before = repository.pulls.get(number) ?? defaultPull(number);
  const state = parseEnum(given['state'], ['open', 'closed'], "A pull request's state");
  repository.setPull(
    number,
    omitUndefinedEntries<PullRequest>({
      // A merge closes, and a pull request that is open again has not been merged.
      state: merged === true ? 'closed' : state,
      merged: state === 'open' ? false : typeof merged === 'boolean' ? merged : undefined,
      title: asString(given['title']),
      body: given['body'] === null ? null : asString(given['body']),
      draft: typeof given['draft'] === 'boolean' ? given['draft'] : undefined,
      user: parseAccount(user, before.user),
      labels: parseLabelNames(given['labels']),
      headRepository: isJsonObject(head) ? parseHeadRepository(head, repository) : undefined,
      head: mergeBranch(head, before.head),
      base: mergeBranch(base, before.base),
      createdAt: asString(given['created_at']),
      updatedAt: asString(given['updated_at']),
      closedAt: asString(given['closed_at']),
    }),
  );
}

const RUN_STATUSES = ['queued', 'in_progress', 'completed', 'waiting', 'requested', 'pending'] as const;
const RUN_CONCLUSIONS = [
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
  const given = asObject(value);
  const before = repository.runs.get(id);
  const status =
    parseEnum(given['status'], RUN_STATUSES, "A run's status") ?? before?.status ?? 'in_progress';
  const requestedConclusion = given['conclusion'] ?? before?.conclusion ?? 'success';
  const conclusion = parseEnum(requestedConclusion, RUN_CONCLUSIONS, "A run's conclusion") ?? null;
  const changes = omitUndefinedEntries<Omit<WorkflowRun, 'conclusion'>>({
    id,
    status,
    attempt: asNumber(given['run_attempt']),
    name: asString(given['name']),
    path: asString(given['path']),
    event: asString(given['event']),
    headBranch: asString(given['head_branch']),
    headSha: asString(given['head_sha']),
    createdAt: asString(given['created_at']),
    updatedAt: asString(given['updated_at']),
  });
  repository.setRun(id, { ...changes, conclusion: status === 'completed' ? conclusion : null });
}

function addComments(repository: Repository, issue: number, value: unknown): void {
  if (!repository.pulls.has(issue) && !repository.issues.has(issue)) {
    throw new GitHubStateError(`There is no issue or pull request ${issue}.`);
  }
  if (!Array.isArray(value)) throw new GitHubStateError(`The comments of ${issue} must be an array.`);
  for (const entry of value) {
    const { body, user, created_at } = asObject(entry);
    const text = asString(body) ?? '';
    if (text.trim() === '' || [...text].length > MAX_COMMENT_LENGTH) {
      throw new GitHubStateError(`A comment's body has 1 to ${MAX_COMMENT_LENGTH} characters.`);
    }
    repository.addComment(issue, text, parseAccount(user, OCTOCAT), asString(created_at));
  }
}

function parsePermissions(value: unknown): Permissions | undefined {
  if (value === undefined) return undefined;
  const levels = Object.entries(asObject(value)).map(
    ([name, level]) =>
      [name, parseEnum(level, ['read', 'write', 'none'], `The permission '${name}'`)] as const,
  );
  const granted = levels.filter((entry): entry is readonly [string, PermissionLevel] => entry[1] !== 'none');
  return Object.fromEntries(granted);
}

function parseTokenChange(value: unknown): TokenChange {
  const { permissions, login, revoked } = asObject(value);
  return {
    permissions: parsePermissions(permissions),
    login: asString(login),
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
export function patchRepository(gitHub: GitHubStore, body: JsonObject): void {
  const fullName = asString(body['repository']) ?? '';
  if (!/^[\w.-]+\/[\w.-]+$/.test(fullName)) {
    throw new GitHubStateError(`'repository' is 'owner/name', not '${fullName}'.`);
  }
  const repository = gitHub.getOrCreate(fullName, asNumber(body['repositoryId']));
  const { issuesDisabled } = body;
  if (typeof issuesDisabled === 'boolean') repository.issuesDisabled = issuesDisabled;
  const entries = (field: string) => Object.entries(asObject(body[field]));
  for (const [number, pull] of entries('pulls')) {
    patchPull(repository, parseNumberKey(number, 'A pull request'), pull);
  }
  for (const [number, issue] of entries('issues')) {
    patchIssue(repository, parseNumberKey(number, 'An issue'), issue);
  }
  for (const [id, run] of entries('runs')) patchRun(repository, parseNumberKey(id, 'A run'), run);
  for (const [number, comments] of entries('comments')) {
    addComments(repository, parseNumberKey(number, 'An issue or pull request'), comments);
  }
  for (const [token, change] of entries('tokens')) {
    gitHub.tokens.register(token, parseTokenChange(change), repositoryKey(repository.fullName));
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

function describeComment({ id, body, user, createdAt, updatedAt }: IssueComment): JsonObject {
  return { id, body, user, created_at: createdAt, updated_at: updatedAt };
}

function describeRun({ name, path, event, status, conclusion, attempt }: WorkflowRun): JsonObject {
  return { name, path, event, status, conclusion, run_attempt: attempt };
}

function describeRepository(repository: Repository): JsonObject {
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
export function describeRepositories(gitHub: GitHubStore): JsonObject {
  return Object.fromEntries(
    gitHub.repositories.map((repository) => [repository.fullName, describeRepository(repository)]),
  );
}
