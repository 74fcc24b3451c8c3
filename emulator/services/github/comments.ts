import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import type { JsonObject } from '../../core/json.ts';
import { accountBody, authorAssociation, performedViaApp } from './accounts.ts';
import { gitHubErrors } from './github-errors.ts';
import { parseBody, type RepositoryRequest, type RepositoryRoute, requiredLevel } from './github-request.ts';
import { htmlUrl } from './issue-body.ts';
import { checkIssueAccess, requireIssueOrPull } from './issues.ts';
import { pagedResponse } from './list-query.ts';
import { currentGitHubTime, type IssueComment, type Repository } from './repository.ts';

/** Maximum length of a comment in characters, from GitHub's error message. */
export const MAX_COMMENT_LENGTH = 65_536;

function commentBody(comment: IssueComment, repository: Repository, origin: string): JsonObject {
  const base = `${origin}/repos/${repository.fullName}/issues`;
  return {
    url: `${base}/comments/${comment.id}`,
    html_url: `${htmlUrl(repository, comment.issue)}#issuecomment-${comment.id}`,
    issue_url: `${base}/${comment.issue}`,
    id: comment.id,
    node_id: `IC_${comment.id}`,
    user: accountBody(comment.user, origin),
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: authorAssociation(comment.user),
    body: comment.body,
    performed_via_github_app: performedViaApp(comment.user),
  };
}

/**
 * The text of a new or changed comment.
 * @throws {GitHubError} 400 or 422 for an invalid text.
 */
function parseCommentText(request: HttpRequest): string {
  const { body } = parseBody(request);
  if (body === undefined) throw gitHubErrors.missingField('body');
  if (typeof body !== 'string') throw gitHubErrors.notString('body', body);
  const invalidBody = (message: string) =>
    gitHubErrors.validationFailed([
      { resource: 'IssueComment', code: 'unprocessable', field: 'data', message },
    ]);
  if (body.trim() === '') throw invalidBody('Body cannot be blank');
  // Inferred: a character outside the basic plane counts once.
  if ([...body].length > MAX_COMMENT_LENGTH) {
    throw invalidBody(`Body is too long (maximum is ${MAX_COMMENT_LENGTH} characters)`);
  }
  return body;
}

function requireComment(call: RepositoryRequest): IssueComment {
  const comment = call.repository.comments.get(call.numericParams['id'] ?? 0);
  if (!comment) throw gitHubErrors.notFound();
  if (call.repository.issues.has(comment.issue)) checkIssueAccess(call);
  return comment;
}

function listComments(call: RepositoryRequest): HttpResponse {
  const { request, repository, origin } = call;
  const { number } = requireIssueOrPull(call);
  const since = Date.parse(request.url.searchParams.get('since') ?? '');
  const comments = repository
    .listComments(number)
    .filter(({ updatedAt }) => Number.isNaN(since) || Date.parse(updatedAt) >= since);
  return pagedResponse(request, repository, comments, (comment) => commentBody(comment, repository, origin));
}

function createComment(call: RepositoryRequest): HttpResponse {
  const { request, repository, origin, caller } = call;
  const { number } = requireIssueOrPull(call);
  const comment = repository.addComment(number, parseCommentText(request), caller.account);
  const body = commentBody(comment, repository, origin);
  return { status: 201, headers: { Location: String(body['url']) }, body };
}

function getComment(call: RepositoryRequest): HttpResponse {
  return { status: 200, body: commentBody(requireComment(call), call.repository, call.origin) };
}

function updateComment(call: RepositoryRequest): HttpResponse {
  const { request, repository, origin } = call;
  const comment = {
    ...requireComment(call),
    body: parseCommentText(request),
    updatedAt: currentGitHubTime(),
  };
  repository.comments.set(comment.id, comment);
  return { status: 200, body: commentBody(comment, repository, origin) };
}

function deleteComment(call: RepositoryRequest): HttpResponse {
  call.repository.comments.delete(requireComment(call).id);
  return { status: 204 };
}

function commentRoute(
  method: string,
  path: string,
  heading: string,
  handle: RepositoryRoute['handle'],
): RepositoryRoute {
  return {
    method,
    path,
    documentation: `rest/issues/comments#${heading}`,
    // Either permission gives access to the comments of a pull request. Those of an issue need `issues`, which
    // checkIssueAccess requires.
    needs: ['issues', 'pull-requests'],
    level: requiredLevel(method),
    handle,
  };
}

/** "REST API endpoints for issue comments", for issues and for pull requests. */
export const commentRoutes: readonly RepositoryRoute[] = [
  commentRoute('GET', 'issues/{number}/comments', 'list-issue-comments', listComments),
  commentRoute('POST', 'issues/{number}/comments', 'create-an-issue-comment', createComment),
  commentRoute('GET', 'issues/comments/{id}', 'get-an-issue-comment', getComment),
  commentRoute('PATCH', 'issues/comments/{id}', 'update-an-issue-comment', updateComment),
  commentRoute('DELETE', 'issues/comments/{id}', 'delete-an-issue-comment', deleteComment),
];
