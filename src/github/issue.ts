import type { IssueStep } from '../plan/drift-issue.ts';
import type { GitHubApi, Issue } from './api.ts';

/** What was done about the issue; without a number there is none. */
export interface IssueOutcome {
  readonly action: 'opened' | 'updated' | 'closed' | 'left';
  readonly number: number | undefined;
}

/**
 * Keeps one issue of the repository. It is known by its marker and by its author among all open ones, since anybody can
 * write a marker; of several the oldest counts.
 * @param marker the body's first line, an HTML comment
 * @param next what to do, by the body of the issue that is open; undefined where none is
 * @throws `GitHubUnknown`
 */
export async function keepIssue(
  api: GitHubApi,
  marker: string,
  next: (body: string | undefined) => IssueStep,
): Promise<IssueOutcome> {
  const [existing] = await ownIssues(api, marker);
  if (existing !== undefined) return await carryOut(api, existing, next(existing.body));
  const step = next(undefined);
  if (step.action !== 'open') return { action: 'left', number: undefined };
  const made = await api.createIssue(step);
  // Another check may have opened one at the same time: the older one stays.
  const [first] = await ownIssues(api, marker);
  if (first === undefined || first.number >= made) return { action: 'opened', number: made };
  const outcome = await carryOut(api, first, next(first.body));
  await api.commentOnIssue(made, `Duplicate of #${first.number}`);
  await api.closeIssue(made, 'not_planned');
  return outcome;
}

async function carryOut(api: GitHubApi, issue: Issue, step: IssueStep): Promise<IssueOutcome> {
  const { number } = issue;
  switch (step.action) {
    case 'open':
    case 'update': {
      const { title, body } = step;
      if (issue.title === title && withOneLineEnd(issue.body) === body) return { action: 'left', number };
      await api.updateIssue(number, { title, body });
      return { action: 'updated', number };
    }
    case 'close':
      await api.commentOnIssue(number, step.comment);
      await api.closeIssue(number, 'completed');
      return { action: 'closed', number };
    case 'leave':
      return { action: 'left', number };
  }
}

/** Whoever edits a text on the web leaves it with other line ends. */
const withOneLineEnd = (text: string): string => text.replaceAll('\r\n', '\n');

/** The oldest first. */
async function ownIssues(api: GitHubApi, marker: string): Promise<readonly Issue[]> {
  const issues = await api.openIssuesOf(await api.viewer());
  return issues
    .filter(({ body }) => body.split(/\r?\n/, 1)[0] === marker)
    .toSorted((one, other) => one.number - other.number);
}
