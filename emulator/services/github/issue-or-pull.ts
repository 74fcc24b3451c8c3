import { gitHubErrors } from './errors.ts';
import { type RepositoryRequest, requiredLevel } from './github-request.ts';
import type { Issue, PullRequest, Repository } from './repository.ts';
import { checkPermission } from './tokens.ts';

/** What a number in an issue's path names: a pull request is an issue too. */
export type IssueOrPull = Issue | PullRequest;

export function isPullRequest(subject: IssueOrPull): subject is PullRequest {
  return 'merged' in subject;
}

/** The page of an issue or of a pull request at github.com. */
export function htmlUrl(repository: Repository, number: number): string {
  const kind = repository.pulls.has(number) ? 'pull' : 'issues';
  return `https://github.com/${repository.fullName}/${kind}/${number}`;
}

/**
 * Check that the call may do what it does to an issue that is no pull request, whose permission is `issues` alone.
 * @throws {GitHubError} 403 without it, 410 in a repository whose issues are disabled.
 */
export function checkIssueAccess({ caller, request, repository }: RepositoryRequest): void {
  checkPermission(caller, ['issues'], requiredLevel(request.method));
  if (repository.issuesDisabled) throw gitHubErrors.issuesDisabled();
}

/**
 * The issue or pull request of this number.
 * @throws {GitHubError} 404 where there is none, 410 for a deleted issue, and see {@link checkIssueAccess}.
 */
export function requireIssueOrPull(call: RepositoryRequest, number = 0): IssueOrPull {
  const { pulls, issues, deletedIssues } = call.repository;
  const pull = pulls.get(number);
  if (pull) return pull;
  const issue = issues.get(number);
  if (!issue && !deletedIssues.has(number)) throw gitHubErrors.notFound();
  checkIssueAccess(call);
  if (issue) return issue;
  throw gitHubErrors.issueDeleted();
}
