import type { Reply } from '../http/exchange.ts';
import { bodyOf, levelOf, type RepositoryCall, type RepositoryRoute } from './call.ts';
import { gitHubErrors } from './errors.ts';
import { issueBody } from './issue-body.ts';
import { type IssueInput, issueInput, type StateInput, stateInput } from './issue-input.ts';
import { page } from './paging.ts';
import type { Issue, PullRequest, Repository } from './repository.ts';
import { isPull, reach, type Subject } from './subjects.ts';

type Key = (subject: Subject, repository: Repository) => string | number;

const sorts: Readonly<Record<string, Key>> = {
  created: ({ createdAt }) => createdAt,
  updated: ({ updatedAt }) => updatedAt,
  comments: ({ number }, repository) => repository.commentsOf(number).length,
};

/**
 * One of these values of a query parameter, the first unless said otherwise. GitHub refuses any other `state` so, and
 * names this page; that it does the same for `sort` and `direction` is inferred.
 */
function choice(query: URLSearchParams, field: string, values: readonly string[]): string {
  const value = query.get(field) ?? values[0] ?? '';
  if (values.includes(value)) return value;
  throw gitHubErrors.invalid(
    [{ value, resource: 'Issue', field, code: 'invalid' }],
    'v3/issues/#list-issues',
  );
}

/** Whether an issue is what the query's `creator`, `labels` and `since` ask for. */
function filter(query: URLSearchParams): (subject: Subject) => boolean {
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

function sorted(subjects: Subject[], query: URLSearchParams, repository: Repository): Subject[] {
  const key = sorts[choice(query, 'sort', Object.keys(sorts))] ?? (() => 0);
  const sign = choice(query, 'direction', ['desc', 'asc']) === 'asc' ? 1 : -1;
  return subjects
    .map((subject) => ({ subject, value: key(subject, repository) }))
    .sort((a, b) => {
      const order = a.value < b.value ? -1 : a.value > b.value ? 1 : a.subject.number - b.subject.number;
      return sign * order;
    })
    .map(({ subject }) => subject);
}

function list({ request, repository, origin }: RepositoryCall): Reply {
  const query = request.url.searchParams;
  const state = choice(query, 'state', ['open', 'closed', 'all']);
  const asked = filter(query);
  // A list's description knows no 410: where issues are disabled, what is left are the pull requests.
  const issues = repository.issuesDisabled ? [] : repository.issues.values();
  const wanted = [...issues, ...repository.pulls.values()].filter(
    (subject) => (state === 'all' || subject.state === state) && asked(subject),
  );
  return page(request, repository, sorted(wanted, query, repository), (subject) =>
    issueBody(subject, repository, origin),
  );
}

function create({ request, repository, caller, origin }: RepositoryCall): Reply {
  if (repository.issuesDisabled) throw gitHubErrors.issuesDisabled();
  const given = bodyOf(request);
  if (given['title'] === undefined) throw gitHubErrors.missing('title');
  const { title = '', body = null, labels = [] } = issueInput(given);
  const number = repository.nextNumber;
  const issue = repository.setIssue(number, { title, body, labels, user: caller.account });
  const answer = issueBody(issue, repository, origin);
  return { status: 201, headers: { Location: String(answer['url']) }, body: answer };
}

function get(call: RepositoryCall): Reply {
  const subject = reach(call, call.numbers['number']);
  return { status: 200, body: issueBody(subject, call.repository, call.origin) };
}

/** What an input says, without what it is silent on. */
function said({ title, body, labels }: IssueInput): Pick<Partial<Issue>, 'title' | 'body' | 'labels'> {
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
function moved(issue: Issue, { state, stateReason }: StateInput, call: RepositoryCall): Partial<Issue> {
  if (state === undefined || state === issue.state) return {};
  if (stateReason !== undefined && (stateReason === 'reopened') !== (state === 'open')) {
    throw gitHubErrors.invalid([
      { value: stateReason, resource: 'Issue', field: 'state_reason', code: 'invalid' },
    ]);
  }
  if (state === 'open') return { state };
  return { state, stateReason: stateReason ?? 'completed', closedBy: call.caller.account };
}

function movedPull(pull: PullRequest, { state }: StateInput): Partial<PullRequest> {
  if (state === undefined || state === pull.state) return {};
  // What GitHub answers here has no entries in `errors`.
  if (pull.merged) throw gitHubErrors.invalid([]);
  return { state };
}

function update(call: RepositoryCall): Reply {
  const { request, repository, origin } = call;
  const subject = reach(call, call.numbers['number']);
  const { title, ...rest } = bodyOf(request);
  const given = title === null ? rest : { title, ...rest };
  const [input, state] = [issueInput(given), stateInput(given)];
  const { number } = subject;
  if (isPull(subject)) repository.setPull(number, { ...said(input), ...movedPull(subject, state) });
  else repository.setIssue(number, { ...said(input), ...moved(subject, state, call) });
  return { status: 200, body: issueBody(reach(call, number), repository, origin) };
}

function route(
  method: string,
  path: string,
  heading: string,
  needs: RepositoryRoute['needs'],
  answer: RepositoryRoute['answer'],
): RepositoryRoute {
  return {
    method,
    path,
    documentation: `rest/issues/issues#${heading}`,
    needs,
    level: levelOf(method),
    answer,
  };
}

/**
 * GitHub's "REST API endpoints for issues", as far as it is emulated; the permissions are those of "Permissions
 * required for GitHub Apps".
 */
export const issueRoutes: readonly RepositoryRoute[] = [
  route('GET', 'issues', 'list-repository-issues', ['issues'], list),
  route('POST', 'issues', 'create-an-issue', ['issues'], create),
  route('GET', 'issues/{number}', 'get-an-issue', ['issues'], get),
  // Either permission changes a pull request; `reach` asks for `issues` where the number is no pull request's.
  route('PATCH', 'issues/{number}', 'update-an-issue', ['issues', 'pull-requests'], update),
];
