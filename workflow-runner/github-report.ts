import { asObject, type JsonObject } from '../emulator/core/json.ts';

/** Comments and issues of all repositories by what they are: `Comment on pull request #7 of relecloud/space-travel`. */
export type GitHubTexts = Readonly<Record<string, string>>;

// The action finds its own comment and issue by marks that GitHub does not render.
function visibleText(markdown: unknown): string {
  return String(markdown ?? '')
    .replace(/<!--.*?-->/gs, '')
    .trim();
}

function commentTexts(repository: string, comments: JsonObject): [string, string][] {
  return Object.entries(comments).flatMap(([number, list]) =>
    (Array.isArray(list) ? list : []).map((comment): [string, string] => {
      const { user, body } = asObject(comment);
      const title = `Comment of ${asObject(user)['login']} on #${number} of ${repository}`;
      return [title, visibleText(body)];
    }),
  );
}

function issueTexts(repository: string, issues: JsonObject): [string, string][] {
  return Object.entries(issues).map(([number, issue]) => {
    const { title, state, body } = asObject(issue);
    return [`Issue #${number} of ${repository}, ${state}`, `${title}\n\n${visibleText(body)}`];
  });
}

/**
 * The comments and issues in the emulated GitHub.
 * @param state the response of the emulator's `GET state`.
 */
export function readGitHubTexts(state: JsonObject): GitHubTexts {
  const repositories = Object.entries(asObject(state['repositories']));
  return Object.fromEntries(
    repositories.flatMap(([name, repository]) => {
      const { comments, issues } = asObject(repository);
      return [...commentTexts(name, asObject(comments)), ...issueTexts(name, asObject(issues))];
    }),
  );
}

/** Those comments and issues that a run has written: each with its title in the first line. */
export function changedGitHubTexts(before: GitHubTexts, after: GitHubTexts): string[] {
  return Object.entries(after)
    .filter(([title, text]) => before[title] !== text)
    .map(([title, text]) => `${title}:\n${text}`);
}
