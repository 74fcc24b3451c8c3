import type { JsonObject } from '../../core/json.ts';
import { accountBody, authorAssociation, performedViaApp, stableId } from './accounts.ts';
import type { Issue, PullRequest, Repository, RepositoryReference } from './repository.ts';

/** The target of a number in an issue's path: at GitHub every pull request is an issue too. */
export type IssueOrPull = Issue | PullRequest;

export function isPullRequest(issueOrPull: IssueOrPull): issueOrPull is PullRequest {
  return 'merged' in issueOrPull;
}

/** The page of an issue or a pull request at github.com. */
export function htmlUrl(repository: Repository, number: number): string {
  const segment = repository.pulls.has(number) ? 'pull' : 'issues';
  return `https://github.com/${repository.fullName}/${segment}/${number}`;
}

/** GitHub's `label`, with the color and description of a label that an issue created. */
export function labelBody(name: string, { fullName }: RepositoryReference, origin: string): JsonObject {
  const path = `/repos/${fullName}/labels/${encodeURIComponent(name)}`;
  const id = stableId(path);
  return {
    id,
    node_id: `LA_${id}`,
    url: `${origin}${path}`,
    name,
    color: 'ededed',
    default: false,
    description: null,
  };
}

function pullRequestFields(pull: PullRequest, repository: Repository, origin: string): JsonObject {
  const page = htmlUrl(repository, pull.number);
  return {
    draft: pull.draft,
    pull_request: {
      url: `${origin}/repos/${repository.fullName}/pulls/${pull.number}`,
      html_url: page,
      diff_url: `${page}.diff`,
      patch_url: `${page}.patch`,
      merged_at: pull.merged ? pull.closedAt : null,
    },
    author_association: 'CONTRIBUTOR',
    // The emulator does not store who closed a pull request.
    closed_by: null,
    state_reason: null,
  };
}

function issueFields({ user, closedBy, stateReason }: Issue, origin: string): JsonObject {
  return {
    author_association: authorAssociation(user),
    closed_by: closedBy && accountBody(closedBy, origin),
    state_reason: stateReason,
  };
}

/** GitHub's `issue`. That of a pull request has the member `pull_request`, and another id than the pull request. */
export function issueBody(issueOrPull: IssueOrPull, repository: Repository, origin: string): JsonObject {
  const { number, user, labels } = issueOrPull;
  const base = `${origin}/repos/${repository.fullName}`;
  const url = `${base}/issues/${number}`;
  const id = stableId(url.slice(origin.length));
  return {
    url,
    repository_url: base,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: htmlUrl(repository, number),
    id,
    node_id: `I_${id}`,
    number,
    title: issueOrPull.title,
    user: accountBody(user, origin),
    labels: labels.map((name) => labelBody(name, repository, origin)),
    state: issueOrPull.state,
    locked: false,
    assignee: null,
    assignees: [],
    milestone: null,
    comments: repository.listComments(number).length,
    created_at: issueOrPull.createdAt,
    updated_at: issueOrPull.updatedAt,
    closed_at: issueOrPull.closedAt,
    active_lock_reason: null,
    body: issueOrPull.body,
    timeline_url: `${url}/timeline`,
    performed_via_github_app: performedViaApp(user),
    ...(isPullRequest(issueOrPull)
      ? pullRequestFields(issueOrPull, repository, origin)
      : issueFields(issueOrPull, origin)),
  };
}
