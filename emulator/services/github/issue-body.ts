import type { JsonObject } from '../../core/json.ts';
import { accountBody, authorAssociation, performedViaApp, stableId } from './accounts.ts';
import { htmlUrl, type IssueOrPull, isPullRequest } from './issue-or-pull.ts';
import { labelBody } from './labels.ts';
import type { Issue, PullRequest, Repository } from './repository.ts';

/** What shows in a pull request only. */
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

/**
 * GitHub's `issue`, in lists and alone. That of a pull request has `pull_request`, and an id other than the pull
 * request's own; who closed a pull request is not kept.
 */
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
