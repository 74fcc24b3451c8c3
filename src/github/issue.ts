import type { IssueStep } from '../plan/drift-issue.ts';
import { type GitHubApi, ofIssues } from './api.ts';
import { createOnce } from './create-once.ts';
import type { Issue } from './shapes.ts';

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
  const made = await createOnce(
    () => api.createIssue(step),
    async () => (await ownIssues(api, marker)).find((issue) => saysTheSame(issue, step))?.number,
  );
  // Another check may have opened one at the same time: the older one stays.
  const [first] = await ownIssues(api, marker);
  if (first === undefined || first.number >= made) return { action: 'opened', number: made };
  const outcome = await carryOut(api, first, next(first.body));
  await commentOnce(api, made, `Duplicate of #${first.number}`);
  await api.closeIssue(made, 'not_planned');
  return outcome;
}

async function carryOut(api: GitHubApi, issue: Issue, step: IssueStep): Promise<IssueOutcome> {
  const { number } = issue;
  switch (step.action) {
    case 'open':
    case 'update': {
      const { title, body } = step;
      if (saysTheSame(issue, step)) return { action: 'left', number };
      await api.updateIssue(number, { title, body });
      return { action: 'updated', number };
    }
    case 'close':
      await commentOnce(api, number, step.comment);
      await api.closeIssue(number, 'completed');
      return { action: 'closed', number };
    case 'leave':
      return { action: 'left', number };
  }
}

const saysTheSame = (issue: Issue, { title, body }: Omit<Issue, 'number'>): boolean =>
  issue.title === title && withOneLineEnd(issue.body) === body;

/** An issue of ours that says something already may have it said again later: only a repeated request looks. */
async function commentOnce(api: GitHubApi, number: number, text: string): Promise<void> {
  await createOnce(
    () => api.createComment(number, text, ofIssues),
    async () => {
      const [comments, viewer] = await Promise.all([api.comments(number, ofIssues), api.viewer()]);
      return comments.find(({ author, body }) => author === viewer && withOneLineEnd(body) === text)?.id;
    },
  );
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
