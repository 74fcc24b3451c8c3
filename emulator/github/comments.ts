import type { Reply, Request } from '../http/exchange.ts';
import type { JsonObject } from '../json.ts';
import { accountBody, appOf, associationOf } from './accounts.ts';
import { bodyOf, levelOf, type RepositoryCall, type RepositoryRoute } from './call.ts';
import { gitHubErrors } from './errors.ts';
import { page } from './paging.ts';
import { type Comment, gitHubTime, type Repository } from './repository.ts';
import { pageOf, reach, reachIssue } from './subjects.ts';

/** The most characters that a comment's body has, as GitHub's refusal says. */
export const longestComment = 65_536;

function commentBody(comment: Comment, repository: Repository, origin: string): JsonObject {
  const base = `${origin}/repos/${repository.fullName}/issues`;
  return {
    url: `${base}/comments/${comment.id}`,
    html_url: `${pageOf(repository, comment.issue)}#issuecomment-${comment.id}`,
    issue_url: `${base}/${comment.issue}`,
    id: comment.id,
    node_id: `IC_${comment.id}`,
    user: accountBody(comment.user, origin),
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: associationOf(comment.user),
    body: comment.body,
    performed_via_github_app: appOf(comment.user),
  };
}

/**
 * The text of a comment to be written.
 * @throws {GitHubError} 400 or 422 where GitHub refuses it.
 */
function textOf(request: Request): string {
  const { body } = bodyOf(request);
  if (body === undefined) throw gitHubErrors.missing('body');
  if (typeof body !== 'string') throw gitHubErrors.noString('body', body);
  const refuse = (message: string) =>
    gitHubErrors.invalid([{ resource: 'IssueComment', code: 'unprocessable', field: 'data', message }]);
  if (body.trim() === '') throw refuse('Body cannot be blank');
  // That a character outside the basic plane counts once is inferred.
  if ([...body].length > longestComment) {
    throw refuse(`Body is too long (maximum is ${longestComment} characters)`);
  }
  return body;
}

function commentOf(call: RepositoryCall): Comment {
  const comment = call.repository.comments.get(call.numbers['id'] ?? 0);
  if (!comment) throw gitHubErrors.notFound();
  if (call.repository.issues.has(comment.issue)) reachIssue(call);
  return comment;
}

function list(call: RepositoryCall): Reply {
  const { request, repository, origin } = call;
  const { number } = reach(call, call.numbers['number']);
  const since = Date.parse(request.url.searchParams.get('since') ?? '');
  const wanted = repository
    .commentsOf(number)
    .filter(({ updatedAt }) => Number.isNaN(since) || Date.parse(updatedAt) >= since);
  return page(request, repository, wanted, (comment) => commentBody(comment, repository, origin));
}

function create(call: RepositoryCall): Reply {
  const { request, repository, origin, caller } = call;
  const { number } = reach(call, call.numbers['number']);
  const comment = repository.addComment(number, textOf(request), caller.account);
  const body = commentBody(comment, repository, origin);
  return { status: 201, headers: { Location: String(body['url']) }, body };
}

function get(call: RepositoryCall): Reply {
  return { status: 200, body: commentBody(commentOf(call), call.repository, call.origin) };
}

function update(call: RepositoryCall): Reply {
  const { request, repository, origin } = call;
  const comment = { ...commentOf(call), body: textOf(request), updatedAt: gitHubTime() };
  repository.comments.set(comment.id, comment);
  return { status: 200, body: commentBody(comment, repository, origin) };
}

function remove(call: RepositoryCall): Reply {
  call.repository.comments.delete(commentOf(call).id);
  return { status: 204 };
}

function route(
  method: string,
  path: string,
  heading: string,
  answer: RepositoryRoute['answer'],
): RepositoryRoute {
  return {
    method,
    path,
    documentation: `rest/issues/comments#${heading}`,
    // A pull request is an issue too: either permission opens the comments under it. Those under an issue want
    // `issues`, which shows only once it is known what the number is, see reachIssue.
    needs: ['issues', 'pull-requests'],
    level: levelOf(method),
    answer,
  };
}

/** GitHub's "REST API endpoints for issue comments", for issues and for the issues that pull requests are. */
export const commentRoutes: readonly RepositoryRoute[] = [
  route('GET', 'issues/{number}/comments', 'list-issue-comments', list),
  route('POST', 'issues/{number}/comments', 'create-an-issue-comment', create),
  route('GET', 'issues/comments/{id}', 'get-an-issue-comment', get),
  route('PATCH', 'issues/comments/{id}', 'update-an-issue-comment', update),
  route('DELETE', 'issues/comments/{id}', 'delete-an-issue-comment', remove),
];
