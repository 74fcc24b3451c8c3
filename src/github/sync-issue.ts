import { createOnce, type GitHubApi, ISSUE_PERMISSION, type Issue } from './api.ts';

/** What to do with the issue; see {@link syncIssue}. */
export type IssueStep =
  | { readonly action: 'open' | 'update'; readonly title: string; readonly body: string }
  | { readonly action: 'close'; readonly comment: string }
  | { readonly action: 'leave' };

/** What was done with the issue; the number is undefined if there is no open issue. */
export interface IssueOutcome {
  readonly action: 'opened' | 'updated' | 'closed' | 'unchanged';
  readonly number: number | undefined;
}

/**
 * Opens, updates or closes one issue of the repository. Anyone can write the marker, so the issue is found by its
 * marker and its author among all open issues. If there are several, the oldest one is used.
 * @param marker first line of the body, an HTML comment
 * @param decide what to do, by the body of the open issue; undefined if no issue is open
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
  if (step.action !== 'open') return { action: 'unchanged', number: undefined };
  const created = await createOnce(
    () => api.createIssue(step),
    async () => (await findOwnIssues(api, marker)).find((issue) => hasSameContent(issue, step))?.number,
  );
  // Another check may have opened one at the same time: both keep the older one.
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
      if (hasSameContent(issue, step)) return { action: 'unchanged', number };
      await api.updateIssue(number, { title, body });
      return { action: 'updated', number };
    }
    case 'close':
      await commentOnce(api, number, step.comment);
      await api.closeIssue(number, 'completed');
      return { action: 'closed', number };
    case 'leave':
      return { action: 'unchanged', number };
  }
}

const hasSameContent = (issue: Issue, { title, body }: Omit<Issue, 'number'>): boolean =>
  issue.title === title && normalizeLineEndings(issue.body) === body;

/** Searches for an equal comment only before a repeated request: an earlier equal comment does not replace this one. */
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

/** An edit on the website changes the line endings of a text. */
const normalizeLineEndings = (text: string): string => text.replaceAll('\r\n', '\n');

/** The oldest first. */
async function findOwnIssues(api: GitHubApi, marker: string): Promise<readonly Issue[]> {
  const issues = await api.listOpenIssues(await api.getViewerLogin());
  return issues
    .filter(({ body }) => body.split(/\r?\n/, 1)[0] === marker)
    .toSorted((one, other) => one.number - other.number);
}
