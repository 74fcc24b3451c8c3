import type { HttpResponse } from '../../core/http-types.ts';
import { omitUndefined } from '../../core/json.ts';
import { gitHubErrors } from './github-errors.ts';
import { parseBody, type RepositoryRequest, type RepositoryRoute, requiredLevel } from './github-request.ts';
import { type IssueOrPull, isPullRequest, issueBody } from './issue-body.ts';
import { parseIssueInput, parseStateInput, type StateInput } from './issue-input.ts';
import { type ChoiceError, pagedResponse, parseChoice, sortByKey } from './list-query.ts';
import type { Issue, PullRequest, Repository } from './repository.ts';
import { checkPermission } from './tokens.ts';

/**
 * Check the access to an issue that is not a pull request, which only the permission `issues` gives.
 * @throws {GitHubError} 403 without the permission, 410 if the repository's issues are disabled.
 */
export function checkIssueAccess({ caller, request, repository }: RepositoryRequest): void {
  checkPermission(caller, ['issues'], requiredLevel(request.method));
  if (repository.issuesDisabled) throw gitHubErrors.issuesDisabled();
}

/**
 * The issue or pull request with the `number` in the path.
 * @throws {GitHubError} 404 if it does not exist, 410 for a deleted issue, and the errors of {@link checkIssueAccess}.
 */
export function requireIssueOrPull(call: RepositoryRequest): IssueOrPull {
  const { pulls, issues, deletedIssues } = call.repository;
  const number = call.numericParams['number'] ?? 0;
  const pull = pulls.get(number);
  if (pull) return pull;
  const issue = issues.get(number);
  if (!issue && !deletedIssues.has(number)) throw gitHubErrors.notFound();
  checkIssueAccess(call);
  if (issue) return issue;
  throw gitHubErrors.issueDeleted();
}

const SORT_KEYS: Readonly<Record<string, (entry: IssueOrPull, repository: Repository) => string | number>> = {
  created: ({ createdAt }) => createdAt,
  updated: ({ updatedAt }) => updatedAt,
  comments: ({ number }, repository) => repository.listComments(number).length,
};

/** GitHub refuses an invalid `state` like this. For `sort` and `direction` it is inferred. */
const CHOICE_ERROR: ChoiceError = { resource: 'Issue', documentation: 'v3/issues/#list-issues' };

/** A filter for the query parameters `creator`, `labels` and `since`. */
function createFilter(query: URLSearchParams): (entry: IssueOrPull) => boolean {
  const creator = query.get('creator')?.toLowerCase();
  const requiredLabels = (query.get('labels') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const since = Date.parse(query.get('since') ?? '');
  return ({ user, labels, updatedAt }) => {
    if (creator !== undefined && user.login.toLowerCase() !== creator) return false;
    const names = new Set(labels.map((name) => name.toLowerCase()));
    if (!requiredLabels.every((name) => names.has(name))) return false;
    // Inferred: an invalid time is ignored.
    return Number.isNaN(since) || Date.parse(updatedAt) >= since;
  };
}

function listIssues({ request, repository, origin }: RepositoryRequest): HttpResponse {
  const query = request.url.searchParams;
  const state = parseChoice(query, 'state', ['open', 'closed', 'all'], CHOICE_ERROR) ?? 'open';
  const matchesFilter = createFilter(query);
  // With disabled issues the list contains only pull requests, because its documentation has no 410.
  const issues = repository.issuesDisabled ? [] : repository.issues.values();
  const entries = [...issues, ...repository.pulls.values()].filter(
    (entry) => (state === 'all' || entry.state === state) && matchesFilter(entry),
  );
  const sort = parseChoice(query, 'sort', Object.keys(SORT_KEYS), CHOICE_ERROR) ?? 'created';
  const direction = parseChoice(query, 'direction', ['desc', 'asc'], CHOICE_ERROR) ?? 'desc';
  const sorted = sortByKey(entries, direction, (entry) => SORT_KEYS[sort]?.(entry, repository) ?? 0);
  return pagedResponse(request, repository, sorted, (entry) => issueBody(entry, repository, origin));
}

function createIssue({ request, repository, caller, origin }: RepositoryRequest): HttpResponse {
  if (repository.issuesDisabled) throw gitHubErrors.issuesDisabled();
  const input = parseBody(request);
  if (input['title'] === undefined) throw gitHubErrors.missingField('title');
  const { title = '', body = null, labels = [] } = parseIssueInput(input);
  const number = repository.nextNumber;
  const issue = repository.setIssue(number, { title, body, labels, user: caller.account });
  const responseBody = issueBody(issue, repository, origin);
  return { status: 201, headers: { Location: String(responseBody['url']) }, body: responseBody };
}

function getIssue(call: RepositoryRequest): HttpResponse {
  return { status: 200, body: issueBody(requireIssueOrPull(call), call.repository, call.origin) };
}

/**
 * The changes to the state of an issue. The reason is ignored if the state does not change.
 * @throws {GitHubError} 422 for a reason that does not fit the state (inferred).
 */
function issueStateChange(
  issue: Issue,
  { state, stateReason }: StateInput,
  call: RepositoryRequest,
): Partial<Issue> {
  if (state === undefined || state === issue.state) return {};
  if (stateReason !== undefined && (stateReason === 'reopened') !== (state === 'open')) {
    throw gitHubErrors.validationFailed([
      { value: stateReason, resource: 'Issue', field: 'state_reason', code: 'invalid' },
    ]);
  }
  if (state === 'open') return { state };
  return { state, stateReason: stateReason ?? 'completed', closedBy: call.caller.account };
}

function pullStateChange(pull: PullRequest, { state }: StateInput): Partial<PullRequest> {
  if (state === undefined || state === pull.state) return {};
  // GitHub's answer has no entries in `errors`.
  if (pull.merged) throw gitHubErrors.validationFailed([]);
  return { state };
}

function updateIssue(call: RepositoryRequest): HttpResponse {
  const { request, repository, origin } = call;
  const issueOrPull = requireIssueOrPull(call);
  const { title, ...rest } = parseBody(request);
  const input = title === null ? rest : { title, ...rest };
  const changes = omitUndefined<Pick<Issue, 'title' | 'body' | 'labels'>>(parseIssueInput(input));
  const state = parseStateInput(input);
  const { number } = issueOrPull;
  if (isPullRequest(issueOrPull))
    repository.setPull(number, { ...changes, ...pullStateChange(issueOrPull, state) });
  else repository.setIssue(number, { ...changes, ...issueStateChange(issueOrPull, state, call) });
  return { status: 200, body: issueBody(requireIssueOrPull(call), repository, origin) };
}

function issueRoute(
  method: string,
  path: string,
  heading: string,
  needs: RepositoryRoute['needs'],
  handle: RepositoryRoute['handle'],
): RepositoryRoute {
  return {
    method,
    path,
    documentation: `rest/issues/issues#${heading}`,
    needs,
    level: requiredLevel(method),
    handle,
  };
}

/**
 * The emulated part of "REST API endpoints for issues". The permissions are from "Permissions required for GitHub
 * Apps".
 */
export const issueRoutes: readonly RepositoryRoute[] = [
  issueRoute('GET', 'issues', 'list-repository-issues', ['issues'], listIssues),
  issueRoute('POST', 'issues', 'create-an-issue', ['issues'], createIssue),
  issueRoute('GET', 'issues/{number}', 'get-an-issue', ['issues'], getIssue),
  // Either permission can change a pull request. For an issue, requireIssueOrPull then requires `issues`.
  issueRoute('PATCH', 'issues/{number}', 'update-an-issue', ['issues', 'pull-requests'], updateIssue),
];
