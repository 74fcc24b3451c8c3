import type { IssueStep } from '../reporting/drift-issue.ts';
import { type GitHubApi, ISSUE_PERMISSION } from './api.ts';
import { createOnce } from './create-once.ts';
import type { Issue } from './responses.ts';

/** What was done about the issue; without a number there is none. */
export interface IssueOutcome {
  readonly action: 'opened' | 'updated' | 'closed' | 'left';
  readonly number: number | undefined;
}

/**
 * Keeps one issue of the repository. It is known by its marker and by its author among all open ones, since anybody can
 * write a marker; of several the oldest counts.
 * @param marker the body's first line, an HTML comment
 * @param decide what to do, by the body of the issue that is open; undefined where none is
 * @throws `GitHubRequestError`
 */
export async function syncIssue(
  api: GitHubApi,
  marker: string,
  decide: (body: string | undefined) => IssueStep,
): Promise<IssueOutcome> {
  const [existing] = await findOwnIssues(api, marker);
  if (existing !== undefined) return await applyIssueStep(api, existing, decide(existing.body));
  const step = decide(undefined);
  if (step.action !== 'open') return { action: 'left', number: undefined };
  const created = await createOnce(
    () => api.createIssue(step),
    async () => (await findOwnIssues(api, marker)).find((issue) => hasSameContent(issue, step))?.number,
  );
  // Another check may have opened one at the same time: the older one stays.
  const [oldest] = await findOwnIssues(api, marker);
  if (oldest === undefined || oldest.number >= created) return { action: 'opened', number: created };
  const outcome = await applyIssueStep(api, oldest, decide(oldest.body));
  await commentOnce(api, created, `Duplicate of #${oldest.number}`);
  await api.closeIssue(created, 'not_planned');
  return outcome;
}

async function applyIssueStep(api: GitHubApi, issue: Issue, step: IssueStep): Promise<IssueOutcome> {
  const { number } = issue;
  switch (step.action) {
    case 'open':
    case 'update': {
      const { title, body } = step;
      if (hasSameContent(issue, step)) return { action: 'left', number };
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

const hasSameContent = (issue: Issue, { title, body }: Omit<Issue, 'number'>): boolean =>
  issue.title === title && normalizeLineEndings(issue.body) === body;

/** An issue of ours that says something already may have it said again later: only a repeated request looks. */
async function commentOnce(api: GitHubApi, number: number, text: string): Promise<void> {
  await createOnce(
    () => api.createComment(number, text, ISSUE_PERMISSION),
    async () => {
      const [comments, viewer] = await Promise.all([
        api.listComments(number, ISSUE_PERMISSION),
        api.getViewerLogin(),
      ]);
      return comments.find(({ author, body }) => author === viewer && normalizeLineEndings(body) === text)
        ?.id;
    },
  );
}

/** Whoever edits a text on the web leaves it with other line ends. */
const normalizeLineEndings = (text: string): string => text.replaceAll('\r\n', '\n');

/** The oldest first. */
async function findOwnIssues(api: GitHubApi, marker: string): Promise<readonly Issue[]> {
  const issues = await api.listOpenIssues(await api.getViewerLogin());
  return issues
    .filter(({ body }) => body.split(/\r?\n/, 1)[0] === marker)
    .toSorted((one, other) => one.number - other.number);
}
