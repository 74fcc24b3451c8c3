import type { HttpResponse } from '../../core/http-types.ts';
import { gitHubErrors } from './errors.ts';
import { parseBody, type RepositoryRequest, type RepositoryRoute, requiredLevel } from './github-request.ts';
import { issueBody } from './issue-body.ts';
import { type IssueInput, parseIssueInput, parseStateInput, type StateInput } from './issue-input.ts';
import { type IssueOrPull, isPullRequest, requireIssueOrPull } from './issue-or-pull.ts';
import { pagedResponse } from './paging.ts';
import type { Issue, PullRequest, Repository } from './repository.ts';

type SortKey = (subject: IssueOrPull, repository: Repository) => string | number;

const SORT_KEYS: Readonly<Record<string, SortKey>> = {
  created: ({ createdAt }) => createdAt,
  updated: ({ updatedAt }) => updatedAt,
  comments: ({ number }, repository) => repository.listComments(number).length,
};

/**
 * One of these values of a query parameter, the first unless said otherwise. GitHub refuses any other `state` so, and
 * names this page; that it does the same for `sort` and `direction` is inferred.
 */
function parseChoice(query: URLSearchParams, field: string, values: readonly string[]): string {
  const value = query.get(field) ?? values[0] ?? '';
  if (values.includes(value)) return value;
  throw gitHubErrors.validationFailed(
    [{ value, resource: 'Issue', field, code: 'invalid' }],
    'v3/issues/#list-issues',
  );
}

/** Whether an issue is what the query's `creator`, `labels` and `since` ask for. */
function createFilter(query: URLSearchParams): (subject: IssueOrPull) => boolean {
  // A creator that nobody is has made nothing: GitHub answers an empty list.
  const creator = query.get('creator')?.toLowerCase();
  const labels = (query.get('labels') ?? '').split(',').map((name) => name.trim().toLowerCase());
  const wanted = labels.filter((name) => name !== '');
  const since = Date.parse(query.get('since') ?? '');
  return ({ user, labels: names, updatedAt }) => {
    if (creator !== undefined && user.login.toLowerCase() !== creator) return false;
    const has = new Set(names.map((name) => name.toLowerCase()));
    if (!wanted.every((name) => has.has(name))) return false;
    // That a time that is none says nothing is inferred.
    return Number.isNaN(since) || Date.parse(updatedAt) >= since;
  };
}

function sortIssues(subjects: IssueOrPull[], query: URLSearchParams, repository: Repository): IssueOrPull[] {
  const key = SORT_KEYS[parseChoice(query, 'sort', Object.keys(SORT_KEYS))] ?? (() => 0);
  const sign = parseChoice(query, 'direction', ['desc', 'asc']) === 'asc' ? 1 : -1;
  return subjects
    .map((subject) => ({ subject, value: key(subject, repository) }))
    .sort((a, b) => {
      const order = a.value < b.value ? -1 : a.value > b.value ? 1 : a.subject.number - b.subject.number;
      return sign * order;
    })
    .map(({ subject }) => subject);
}

function listIssues({ request, repository, origin }: RepositoryRequest): HttpResponse {
  const query = request.url.searchParams;
  const state = parseChoice(query, 'state', ['open', 'closed', 'all']);
  const matchesFilter = createFilter(query);
  // A list's description knows no 410: where issues are disabled, what is left are the pull requests.
  const issues = repository.issuesDisabled ? [] : repository.issues.values();
  const wanted = [...issues, ...repository.pulls.values()].filter(
    (subject) => (state === 'all' || subject.state === state) && matchesFilter(subject),
  );
  return pagedResponse(request, repository, sortIssues(wanted, query, repository), (subject) =>
    issueBody(subject, repository, origin),
  );
}

function createIssue({ request, repository, caller, origin }: RepositoryRequest): HttpResponse {
  if (repository.issuesDisabled) throw gitHubErrors.issuesDisabled();
  const given = parseBody(request);
  if (given['title'] === undefined) throw gitHubErrors.missingField('title');
  const { title = '', body = null, labels = [] } = parseIssueInput(given);
  const number = repository.nextNumber;
  const issue = repository.setIssue(number, { title, body, labels, user: caller.account });
  const answer = issueBody(issue, repository, origin);
  return { status: 201, headers: { Location: String(answer['url']) }, body: answer };
}

function getIssue(call: RepositoryRequest): HttpResponse {
  const subject = requireIssueOrPull(call, call.numericParams['number']);
  return { status: 200, body: issueBody(subject, call.repository, call.origin) };
}

/** What an input says, without what it is silent on. */
function definedFields({
  title,
  body,
  labels,
}: IssueInput): Pick<Partial<Issue>, 'title' | 'body' | 'labels'> {
  return {
    ...(title === undefined ? {} : { title }),
    ...(body === undefined ? {} : { body }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/**
 * The state that an issue is to have. The reason counts only where the state changes.
 * @throws {GitHubError} 422 for a reason of the other state; that GitHub refuses it is inferred.
 */
function stateChange(
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
  // What GitHub answers here has no entries in `errors`.
  if (pull.merged) throw gitHubErrors.validationFailed([]);
  return { state };
}

function updateIssue(call: RepositoryRequest): HttpResponse {
  const { request, repository, origin } = call;
  const subject = requireIssueOrPull(call, call.numericParams['number']);
  const { title, ...rest } = parseBody(request);
  const given = title === null ? rest : { title, ...rest };
  const [input, state] = [parseIssueInput(given), parseStateInput(given)];
  const { number } = subject;
  if (isPullRequest(subject))
    repository.setPull(number, { ...definedFields(input), ...pullStateChange(subject, state) });
  else repository.setIssue(number, { ...definedFields(input), ...stateChange(subject, state, call) });
  return { status: 200, body: issueBody(requireIssueOrPull(call, number), repository, origin) };
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
 * GitHub's "REST API endpoints for issues", as far as it is emulated; the permissions are those of "Permissions
 * required for GitHub Apps".
 */
export const issueRoutes: readonly RepositoryRoute[] = [
  issueRoute('GET', 'issues', 'list-repository-issues', ['issues'], listIssues),
  issueRoute('POST', 'issues', 'create-an-issue', ['issues'], createIssue),
  issueRoute('GET', 'issues/{number}', 'get-an-issue', ['issues'], getIssue),
  // Either permission changes a pull request; `reach` asks for `issues` where the number is no pull request's.
  issueRoute('PATCH', 'issues/{number}', 'update-an-issue', ['issues', 'pull-requests'], updateIssue),
];
