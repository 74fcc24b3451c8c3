import { getOctokit } from '@actions/github';
import type { RunIdentity } from '../config/names.ts';
import { messageOf } from '../errors.ts';
import { present, type Told, unknown } from '../plan/types.ts';

/** Why GitHub did not answer, and what a person can do about it. */
export class GitHubUnknown extends Error {
  /** HTTP status; undefined where nothing was asked or nothing answered. */
  readonly status: number | undefined;

  constructor(doing: string, status: number | undefined, reason: string, permission: string) {
    const refused = status === 401 || status === 403 || reason === noToken;
    const advice = /rate limit/i.test(reason)
      ? ' Run it again later, or give a github-token with a higher limit.'
      : refused
        ? ` Give the job \`permissions: ${permission}\`, or another github-token.`
        : '';
    super(`${doing} was not possible: ${reason}${status === undefined ? '' : ` (HTTP ${status})`}.${advice}`);
    this.name = 'GitHubUnknown';
    this.status = status;
  }
}

const noToken = 'there is no github-token';

/** A comment as far as it matters here. */
export interface Comment {
  readonly id: number;
  readonly body: string;
  readonly author: string;
}

/** An issue as far as it matters here. */
export interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
}

type Octokit = ReturnType<typeof getOctokit>;

/** GitHub's REST API of one repository, by the job's token. What it does not tell is unknown, never a "no" (law 8). */
export class GitHubApi {
  readonly #octokit: Octokit | undefined;
  readonly #at: { readonly owner: string; readonly repo: string };
  readonly #request: { readonly signal: AbortSignal };
  #viewer: Promise<string> | undefined;

  /**
   * @param token undefined where none was given: then everything is unknown
   * @param repository `owner/name`
   */
  constructor(token: string | undefined, repository: string, signal: AbortSignal) {
    const [owner = '', repo = ''] = repository.split('/');
    this.#at = { owner, repo };
    this.#request = { signal };
    const { GITHUB_API_URL: baseUrl } = process.env;
    // The library would take the environment of the moment in which it was loaded.
    this.#octokit = token === undefined ? undefined : getOctokit(token, baseUrl ? { baseUrl } : {});
  }

  /** Whether a pull request is open; a 404 may hide one that the token cannot see, so it is unknown too. */
  pullRequest(number: number): Promise<Told<'open' | 'closed'>> {
    return this.#observe(
      `Asking GitHub for pull request #${number}`,
      'pull-requests: read',
      async (octokit) => {
        const { data } = await octokit.rest.pulls.get({
          ...this.#at,
          pull_number: number,
          request: this.#request,
        });
        return data.state === 'closed' ? 'closed' : 'open';
      },
    );
  }

  /** Numbers of the open pull requests, from every page. */
  openPullRequests(): Promise<Told<ReadonlySet<number>>> {
    return this.#observe('Listing the open pull requests', 'pull-requests: read', async (octokit) => {
      const all = await octokit.paginate(octokit.rest.pulls.list, {
        ...this.#at,
        state: 'open',
        per_page: 100,
        request: this.#request,
      });
      return new Set(all.filter(({ state }) => state === 'open').map(({ number }) => number));
    });
  }

  /** Whether the run that made a temporary rule has ended; an attempt also has when there is a later one. */
  runEnded({ runId, runAttempt }: RunIdentity): Promise<Told<boolean>> {
    return this.#observe(`Asking GitHub for run ${runId}`, 'actions: read', async (octokit) => {
      const { data } = await octokit.rest.actions.getWorkflowRun({
        ...this.#at,
        run_id: Number(runId),
        request: this.#request,
      });
      return data.status === 'completed' || (data.run_attempt ?? 1) > Number(runAttempt);
    });
  }

  /** Who comments with this token: installation tokens may not ask for `GET /user`, but may for the viewer. */
  viewer(): Promise<string> {
    this.#viewer ??= this.#do('Asking GitHub who this token is', 'contents: read', async (octokit) => {
      const { viewer } = await octokit.graphql<{ viewer: { login: string } }>('query { viewer { login } }', {
        request: this.#request,
      });
      return viewer.login;
    });
    return this.#viewer;
  }

  /** Every comment of a pull request, from every page, the oldest first. */
  comments(number: number): Promise<readonly Comment[]> {
    return this.#do(`Reading the comments of #${number}`, commenting, async (octokit) => {
      const all = await octokit.paginate(octokit.rest.issues.listComments, {
        ...this.#at,
        issue_number: number,
        per_page: 100,
        request: this.#request,
      });
      return all.map(({ id, body, user }) => ({ id, body: body ?? '', author: user?.login ?? '' }));
    });
  }

  /** @param permission what the token needs for it: of a pull request another one than of an issue */
  async createComment(number: number, body: string, permission = commenting): Promise<number> {
    return this.#do(`Commenting on #${number}`, permission, async (octokit) => {
      const where = { ...this.#at, issue_number: number, request: this.#request };
      return (await octokit.rest.issues.createComment({ ...where, body })).data.id;
    });
  }

  async updateComment(id: number, body: string): Promise<void> {
    await this.#do('Updating the comment', commenting, (octokit) =>
      octokit.rest.issues.updateComment({ ...this.#at, comment_id: id, body, request: this.#request }),
    );
  }

  async deleteComment(id: number): Promise<void> {
    await this.#do('Removing a second comment', commenting, (octokit) =>
      octokit.rest.issues.deleteComment({ ...this.#at, comment_id: id, request: this.#request }),
    );
  }

  /**
   * Every open issue of one author, from every page; a pull request is an issue to GitHub, but not here.
   * @param author a login, of a GitHub App with `[bot]` behind it
   */
  openIssuesOf(author: string): Promise<readonly Issue[]> {
    return this.#do('Listing the open issues', ofIssues, async (octokit) => {
      const all = await octokit.paginate(octokit.rest.issues.listForRepo, {
        ...this.#at,
        creator: author,
        state: 'open',
        per_page: 100,
        request: this.#request,
      });
      return all
        .filter((issue) => issue.pull_request === undefined && issue.state === 'open')
        .filter(({ user }) => user?.login === author)
        .map(({ number, title, body }) => ({ number, title, body: body ?? '' }));
    });
  }

  /** @returns its number */
  createIssue({ title, body }: Omit<Issue, 'number'>): Promise<number> {
    return this.#do('Opening an issue', ofIssues, async (octokit) => {
      const made = await octokit.rest.issues.create({ ...this.#at, title, body, request: this.#request });
      return made.data.number;
    });
  }

  async updateIssue(number: number, { title, body }: Omit<Issue, 'number'>): Promise<void> {
    await this.#do(`Updating issue #${number}`, ofIssues, (octokit) =>
      octokit.rest.issues.update({
        ...this.#at,
        issue_number: number,
        title,
        body,
        request: this.#request,
      }),
    );
  }

  async commentOnIssue(number: number, body: string): Promise<void> {
    await this.createComment(number, body, ofIssues);
  }

  async closeIssue(number: number, reason: 'completed' | 'not_planned'): Promise<void> {
    await this.#do(`Closing issue #${number}`, ofIssues, (octokit) =>
      octokit.rest.issues.update({
        ...this.#at,
        issue_number: number,
        state: 'closed',
        state_reason: reason,
        request: this.#request,
      }),
    );
  }

  async #observe<T>(
    doing: string,
    permission: string,
    ask: (octokit: Octokit) => Promise<T>,
  ): Promise<Told<T>> {
    try {
      return present(await this.#do(doing, permission, ask));
    } catch (error) {
      if (!(error instanceof GitHubUnknown)) throw error;
      return unknown(error);
    }
  }

  async #do<T>(doing: string, permission: string, ask: (octokit: Octokit) => Promise<T>): Promise<T> {
    if (this.#octokit === undefined) throw new GitHubUnknown(doing, undefined, noToken, permission);
    try {
      return await ask(this.#octokit);
    } catch (error) {
      this.#request.signal.throwIfAborted();
      const { response } = error as { response?: { readonly status: number } };
      // Where nothing answered, Octokit gives its error a status of its own.
      throw new GitHubUnknown(doing, response?.status, messageOf(error), permission);
    }
  }
}

const commenting = 'pull-requests: write';
const ofIssues = 'issues: write';
