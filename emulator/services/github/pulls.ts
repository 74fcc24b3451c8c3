import type { HttpResponse } from '../../core/http-types.ts';
import type { JsonObject } from '../../core/json.ts';
import { accountBody, stableId, userAccount } from './accounts.ts';
import { gitHubErrors } from './github-errors.ts';
import type { RepositoryRequest, RepositoryRoute } from './github-request.ts';
import { labelBody } from './issue-body.ts';
import { type ChoiceError, pagedResponse, parseChoice, sortByKey } from './list-query.ts';
import type { BranchReference, PullRequest, Repository, RepositoryReference } from './repository.ts';

/** The fields of GitHub's `minimal-repository` that clients read. */
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

/** A pull request in a list, which has `merged_at` but not `merged`. */
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

const SORT_KEYS: Readonly<Record<string, (pull: PullRequest, repository: Repository) => string | number>> = {
  created: ({ createdAt }) => createdAt,
  updated: ({ updatedAt }) => updatedAt,
  popularity: ({ number }, repository) => repository.listComments(number).length,
  'long-running': ({ createdAt }) => createdAt,
};

/** Inferred: GitHub refuses an invalid query parameter like that of a list of issues. */
const CHOICE_ERROR: ChoiceError = { resource: 'PullRequest' };

function listPulls({ request, repository, origin }: RepositoryRequest): HttpResponse {
  const query = request.url.searchParams;
  const state = parseChoice(query, 'state', ['open', 'closed', 'all'], CHOICE_ERROR) ?? 'open';
  const [head, base] = [query.get('head'), query.get('base')];
  const pulls = [...repository.pulls.values()].filter((pull) => {
    if (state !== 'all' && pull.state !== state) return false;
    if (base !== null && pull.base.ref !== base) return false;
    return head === null || !head.includes(':') || headBody(pull, repository, origin)['label'] === head;
  });
  const sort = parseChoice(query, 'sort', Object.keys(SORT_KEYS), CHOICE_ERROR) ?? 'created';
  // "desc when sort is created or sort is not specified, otherwise asc" (List pull requests).
  const defaultDirection = sort === 'created' ? 'desc' : 'asc';
  const direction = parseChoice(query, 'direction', ['asc', 'desc'], CHOICE_ERROR) ?? defaultDirection;
  const sorted = sortByKey(pulls, direction, (pull) => SORT_KEYS[sort]?.(pull, repository) ?? 0);
  return pagedResponse(request, repository, sorted, (pull) => pullSummaryBody(pull, repository, origin));
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

/** The emulated part of "REST API endpoints for pull requests". */
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
