import { asNumber, asObject, asString, isJsonObject, type JsonObject, omitUndefined } from '../core/json.ts';
import { OCTOCAT, parseAccount } from '../services/github/accounts.ts';
import { MAX_COMMENT_LENGTH } from '../services/github/comments.ts';
import { type GitHubStore, repositoryKey } from '../services/github/github-store.ts';
import { uniqueLabels, validateIssue } from '../services/github/issue-input.ts';
import {
  type BranchReference,
  defaultIssue,
  defaultPull,
  type Issue,
  type IssueComment,
  type OidcSubjectForm,
  type PullRequest,
  type Repository,
  STATE_REASONS,
  type StateReason,
  type WorkflowRun,
} from '../services/github/repository.ts';
import type { PermissionLevel, Permissions, TokenChange } from '../services/github/tokens.ts';
import { ControlError, parseEnum, parseNumberKey } from './errors.ts';

/** The names of labels, each given as a string or as an object with a `name`. */
function parseLabelNames(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new ControlError('Labels must be an array.');
  const names = value.map((entry: unknown) => {
    const name = asString(entry) ?? asString(asObject(entry)['name']);
    if (name === undefined) throw new ControlError("A label must be a name, or an object with a 'name'.");
    return name;
  });
  return uniqueLabels(names);
}

function mergeBranch(value: unknown, current: BranchReference): BranchReference {
  const { ref, sha } = asObject(value);
  return { ref: asString(ref) ?? current.ref, sha: asString(sha) ?? current.sha };
}

function parseHeadRepository(head: JsonObject, own: Repository): PullRequest['headRepository'] | undefined {
  const { repo } = head;
  if (repo === undefined || repo === null) return repo;
  const { id, full_name } = asObject(repo);
  const fullName = asString(full_name);
  if (fullName === undefined || repositoryKey(fullName) === repositoryKey(own.fullName)) return 'same';
  const number = asNumber(id);
  if (number === undefined) throw new ControlError(`The head repository ${fullName} must have an 'id'.`);
  return { id: number, fullName };
}

function patchPull(repository: Repository, number: number, value: unknown): void {
  if (repository.issues.has(number)) throw new ControlError(`Number ${number} belongs to an issue.`);
  if (value === null) {
    repository.removePull(number);
    return;
  }
  const input = asObject(value);
  const { head, base, user, merged } = input;
  const current = repository.pulls.get(number) ?? defaultPull(number);
  const state = parseEnum(input['state'], ['open', 'closed'], "A pull request's state");
  repository.setPull(
    number,
    omitUndefined<PullRequest>({
      // A merged pull request is closed, and an open one is not merged.
      state: merged === true ? 'closed' : state,
      merged: state === 'open' ? false : typeof merged === 'boolean' ? merged : undefined,
      title: asString(input['title']),
      body: input['body'] === null ? null : asString(input['body']),
      draft: typeof input['draft'] === 'boolean' ? input['draft'] : undefined,
      user: parseAccount(user, current.user),
      labels: parseLabelNames(input['labels']),
      headRepository: isJsonObject(head) ? parseHeadRepository(head, repository) : undefined,
      head: mergeBranch(head, current.head),
      base: mergeBranch(base, current.base),
      createdAt: asString(input['created_at']),
      updatedAt: asString(input['updated_at']),
      closedAt: asString(input['closed_at']),
    }),
  );
}

function parseStateReason(value: unknown, state: Issue['state']): StateReason | null | undefined {
  if (value === null) return null;
  const reason = parseEnum(value, STATE_REASONS, "An issue's state_reason");
  if (reason !== undefined && (reason === 'reopened') !== (state === 'open')) {
    throw new ControlError(`The state_reason '${reason}' is not valid for an issue that is ${state}.`);
  }
  return reason;
}

function patchIssue(repository: Repository, number: number, value: unknown): void {
  if (repository.pulls.has(number)) throw new ControlError(`Number ${number} belongs to a pull request.`);
  if (value === null) {
    repository.removeIssue(number);
    return;
  }
  const input = asObject(value);
  const current = repository.issues.get(number) ?? defaultIssue(number);
  const state = parseEnum(input['state'], ['open', 'closed'], "An issue's state") ?? current.state;
  const title = asString(input['title']);
  const body = input['body'] === null ? null : asString(input['body']);
  const [validationError] = validateIssue({ title, body });
  if (validationError) throw new ControlError(`The issue is not valid: ${JSON.stringify(validationError)}.`);
  const { closed_by: closedBy } = input;
  repository.setIssue(
    number,
    omitUndefined<Issue>({
      state,
      stateReason: parseStateReason(input['state_reason'], state),
      title,
      body,
      user: parseAccount(input['user'], current.user),
      labels: parseLabelNames(input['labels']),
      createdAt: asString(input['created_at']),
      updatedAt: asString(input['updated_at']),
      closedAt: asString(input['closed_at']),
      closedBy: isJsonObject(closedBy) ? parseAccount(closedBy, OCTOCAT) : undefined,
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
  const input = asObject(value);
  const current = repository.runs.get(id);
  const status =
    parseEnum(input['status'], RUN_STATUSES, "A run's status") ?? current?.status ?? 'in_progress';
  const requestedConclusion = input['conclusion'] ?? current?.conclusion ?? 'success';
  const conclusion = parseEnum(requestedConclusion, RUN_CONCLUSIONS, "A run's conclusion") ?? null;
  const changes = omitUndefined<Omit<WorkflowRun, 'conclusion'>>({
    id,
    status,
    attempt: asNumber(input['run_attempt']),
    name: asString(input['name']),
    path: asString(input['path']),
    event: asString(input['event']),
    headBranch: asString(input['head_branch']),
    headSha: asString(input['head_sha']),
    createdAt: asString(input['created_at']),
    updatedAt: asString(input['updated_at']),
  });
  repository.setRun(id, { ...changes, conclusion: status === 'completed' ? conclusion : null });
}

function addComments(repository: Repository, issue: number, value: unknown): void {
  if (!repository.pulls.has(issue) && !repository.issues.has(issue)) {
    throw new ControlError(`Issue or pull request ${issue} does not exist.`);
  }
  if (!Array.isArray(value)) throw new ControlError(`The comments of ${issue} must be an array.`);
  for (const entry of value) {
    const { body, user, created_at } = asObject(entry);
    const text = asString(body) ?? '';
    if (text.trim() === '' || [...text].length > MAX_COMMENT_LENGTH) {
      throw new ControlError(`A comment's body must have 1 to ${MAX_COMMENT_LENGTH} characters.`);
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
 * `PATCH control/state` with a `repository`: create the repository if necessary, and change its content without the API.
 * Pull requests, issues and runs have the fields of GitHub's API and are merged into the current ones; null deletes one.
 * Comments are added. The changes apply in order: an invalid entry leaves the changes before it in place.
 * @throws {ControlError} for an invalid entry.
 */
export function patchRepository(gitHub: GitHubStore, body: JsonObject): void {
  const fullName = asString(body['repository']) ?? '';
  if (!/^[\w.-]+\/[\w.-]+$/.test(fullName)) {
    throw new ControlError(`'repository' must have the form 'owner/name', not '${fullName}'.`);
  }
  const repository = gitHub.getOrCreate(fullName, asNumber(body['repositoryId']));
  if (body['oidcSubject'] !== undefined) {
    repository.oidcSubject = parseSubjectForm(body['oidcSubject']);
    gitHub.oidcRepository = repository.fullName;
  }
  const { issuesDisabled, oidcIssuer } = body;
  if (oidcIssuer !== undefined) repository.oidcIssuer = asString(oidcIssuer);
  if (typeof issuesDisabled === 'boolean') repository.issuesDisabled = issuesDisabled;
  const entries = (field: string) => Object.entries(asObject(body[field]));
  for (const [number, pull] of entries('pulls')) {
    patchPull(repository, parseNumberKey(number, 'a pull request'), pull);
  }
  for (const [number, issue] of entries('issues')) {
    patchIssue(repository, parseNumberKey(number, 'an issue'), issue);
  }
  for (const [id, run] of entries('runs')) patchRun(repository, parseNumberKey(id, 'a run'), run);
  for (const [number, comments] of entries('comments')) {
    addComments(repository, parseNumberKey(number, 'an issue or pull request'), comments);
  }
  for (const [token, change] of entries('tokens')) {
    gitHub.tokens.register(token, parseTokenChange(change), repositoryKey(repository.fullName));
  }
}

/** A list of GitHub's claims contains names such as `repository_id`, and `context`. */
function parseSubjectForm(value: unknown): OidcSubjectForm {
  if (value === 'name' || value === 'immutable') return value;
  const { claims } = asObject(value);
  if (Array.isArray(claims) && claims.length > 0 && claims.every((claim) => typeof claim === 'string'))
    return { claims };
  throw new ControlError("'oidcSubject' must be 'name', 'immutable' or {\"claims\":[…]}.");
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

function describeIssue(issue: Issue): JsonObject {
  const { title, body, state, user, labels } = issue;
  return {
    ...{ title, body, state, state_reason: issue.stateReason, user, labels },
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt,
    closed_by: issue.closedBy,
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

/** The `repositories` of `GET control/state`, by `owner/name`. Tokens are never included. */
export function describeRepositories(gitHub: GitHubStore): JsonObject {
  return Object.fromEntries(
    gitHub.repositories.map((repository) => [repository.fullName, describeRepository(repository)]),
  );
}
