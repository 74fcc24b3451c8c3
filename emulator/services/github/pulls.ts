import type { HttpResponse } from '../../core/http-types.ts';
import type { JsonObject } from '../../core/json.ts';
import { accountBody, stableId, userAccount } from './accounts.ts';
import { gitHubErrors } from './errors.ts';
import type { RepositoryRequest, RepositoryRoute } from './github-request.ts';
import { labelBody } from './labels.ts';
import { pagedResponse } from './paging.ts';
import type { BranchReference, PullRequest, Repository, RepositoryReference } from './repository.ts';

/** GitHub's `minimal-repository`, in the fields that clients read. */
export function repositoryBody(
  { id, fullName }: RepositoryReference,
  origin: string,
  fork = false,
): JsonObject {
  const [owner = '', name = ''] = fullName.split('/');
  return {
    id,
    node_id: Buffer.from(`010:Repository${id}`).toString('base64'),
    name,
    full_name: fullName,
    private: true,
    owner: accountBody({ ...userAccount(owner), type: 'Organization' }, origin),
    html_url: `https://github.com/${fullName}`,
    description: null,
    fork,
    url: `${origin}/repos/${fullName}`,
    default_branch: 'main',
  };
}

function branchBody(
  { ref, sha }: BranchReference,
  repository: RepositoryReference | null,
  fork: boolean,
  origin: string,
) {
  const repo = repository && repositoryBody(repository, origin, fork);
  const owner = repository?.fullName.split('/')[0];
  return {
    label: owner === undefined ? ref : `${owner}:${ref}`,
    ref,
    sha,
    user: repo?.['owner'] ?? null,
    repo,
  };
}

function headBody({ headRepository, head }: PullRequest, repository: Repository, origin: string): JsonObject {
  const own = headRepository === 'same';
  return branchBody(head, own ? repository : headRepository, !own, origin);
}

/** A pull request as lists have it: whether it was merged shows in `merged_at` only. */
function pullSummaryBody(pull: PullRequest, repository: Repository, origin: string): JsonObject {
  const url = `${origin}/repos/${repository.fullName}/pulls/${pull.number}`;
  const issue = `${origin}/repos/${repository.fullName}/issues/${pull.number}`;
  const id = stableId(url.slice(origin.length));
  return {
    url,
    id,
    node_id: `PR_${id}`,
    html_url: `https://github.com/${repository.fullName}/pull/${pull.number}`,
    issue_url: issue,
    number: pull.number,
    state: pull.state,
    locked: false,
    title: pull.title,
    user: accountBody(pull.user, origin),
    body: pull.body,
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.closedAt,
    merged_at: pull.merged ? pull.closedAt : null,
    merge_commit_sha: pull.head.sha,
    assignees: [],
    requested_reviewers: [],
    labels: pull.labels.map((name) => labelBody(name, repository, origin)),
    draft: pull.draft,
    comments_url: `${issue}/comments`,
    head: headBody(pull, repository, origin),
    base: branchBody(pull.base, repository, false, origin),
    author_association: 'CONTRIBUTOR',
    auto_merge: null,
    active_lock_reason: null,
  };
}

function pullBody(pull: PullRequest, repository: Repository, origin: string): JsonObject {
  return {
    ...pullSummaryBody(pull, repository, origin),
    merged: pull.merged,
    mergeable: pull.state === 'open' ? true : null,
    mergeable_state: pull.state === 'open' ? 'clean' : 'unknown',
    merged_by: pull.merged ? accountBody(pull.user, origin) : null,
    comments: repository.listComments(pull.number).length,
    review_comments: 0,
    maintainer_can_modify: false,
    commits: 1,
    additions: 1,
    deletions: 0,
    changed_files: 1,
  };
}

type SortKey = (pull: PullRequest, repository: Repository) => string | number;

const SORT_KEYS: Readonly<Record<string, SortKey>> = {
  created: ({ createdAt }) => createdAt,
  updated: ({ updatedAt }) => updatedAt,
  popularity: ({ number }, repository) => repository.listComments(number).length,
  'long-running': ({ createdAt }) => createdAt,
};

/** One of these values of a query parameter; that GitHub refuses any other with 422 is inferred. */
function parseChoice(query: URLSearchParams, field: string, values: readonly string[]): string | undefined {
  const value = query.get(field) ?? undefined;
  if (value === undefined || values.includes(value)) return value;
  throw gitHubErrors.validationFailed([{ value, resource: 'PullRequest', field, code: 'invalid' }]);
}

function sortPulls(pulls: PullRequest[], query: URLSearchParams, repository: Repository): PullRequest[] {
  const sort = parseChoice(query, 'sort', Object.keys(SORT_KEYS)) ?? 'created';
  // "desc when sort is created or sort is not specified, otherwise asc" (List pull requests).
  const direction = parseChoice(query, 'direction', ['asc', 'desc']) ?? (sort === 'created' ? 'desc' : 'asc');
  const sign = direction === 'asc' ? 1 : -1;
  const key = SORT_KEYS[sort] ?? (() => 0);
  return pulls
    .map((pull) => ({ pull, value: key(pull, repository) }))
    .sort((a, b) => {
      const order = a.value < b.value ? -1 : a.value > b.value ? 1 : a.pull.number - b.pull.number;
      return sign * order;
    })
    .map(({ pull }) => pull);
}

function listPulls({ request, repository, origin }: RepositoryRequest): HttpResponse {
  const query = request.url.searchParams;
  const state = parseChoice(query, 'state', ['open', 'closed', 'all']) ?? 'open';
  const [head, base] = [query.get('head'), query.get('base')];
  const wanted = [...repository.pulls.values()].filter((pull) => {
    if (state !== 'all' && pull.state !== state) return false;
    if (base !== null && pull.base.ref !== base) return false;
    return head === null || !head.includes(':') || headBody(pull, repository, origin)['label'] === head;
  });
  return pagedResponse(request, repository, sortPulls(wanted, query, repository), (pull) =>
    pullSummaryBody(pull, repository, origin),
  );
}

function requirePull({ repository }: RepositoryRequest, number: number | undefined): PullRequest {
  const pull = repository.pulls.get(number ?? 0);
  if (pull) return pull;
  throw gitHubErrors.notFound();
}

function getPull(call: RepositoryRequest): HttpResponse {
  const pull = requirePull(call, call.numericParams['number']);
  return { status: 200, body: pullBody(pull, call.repository, call.origin) };
}

const READ_PERMISSION = { needs: ['pull-requests'], level: 'read' } as const;

/** GitHub's "REST API endpoints for pull requests", as far as it is emulated. */
export const pullRoutes: readonly RepositoryRoute[] = [
  {
    method: 'GET',
    path: 'pulls',
    documentation: 'rest/pulls/pulls#list-pull-requests',
    ...READ_PERMISSION,
    handle: listPulls,
  },
  {
    method: 'GET',
    path: 'pulls/{number}',
    documentation: 'rest/pulls/pulls#get-a-pull-request',
    ...READ_PERMISSION,
    handle: getPull,
  },
];
