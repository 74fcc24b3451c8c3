import { getOctokit } from '@actions/github';
import { getRawErrorMessage } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import type { RunIdentity } from '../common/resource-names.ts';
import { sanitizeText } from '../common/sanitize.ts';
import { type Lookup, present, unknown } from '../reconcile/findings.ts';
import {
  type Comment,
  type Issue,
  parseComment,
  parseCreatedId,
  parseCreatedNumber,
  parseList,
  parseOpenIssue,
  parsePullRequest,
  parseViewerLogin,
  parseWorkflowRun,
  UnexpectedResponseError,
} from './responses.ts';
import { createRetryingFetch, type Fetch } from './retrying-fetch.ts';

/** Why GitHub did not answer, and what a person can do about it. */
export class GitHubRequestError extends Error {
  override readonly name = 'GitHubRequestError';
  /** HTTP status; undefined where nothing was asked or nothing answered. */
  readonly status: number | undefined;
  /** Whether what was asked may have been done all the same. */
  readonly mayHaveTakenEffect: boolean;

  constructor(doing: string, permission: string, { status, reason, wasSent = true }: RequestFailure) {
    const refused = status !== undefined && status >= 400 && status < 500;
    const advice = requestHint(status, reason, wasSent, permission);
    super(
      `${doing} was not possible: ${shortenReason(reason)}${status === undefined ? '' : ` (HTTP ${status})`}.${advice}`,
    );
    this.status = status;
    this.mayHaveTakenEffect = wasSent && !refused;
  }
}

interface RequestFailure {
  readonly status: number | undefined;
  readonly reason: string;
  /** Whether a request was sent at all. */
  readonly wasSent?: boolean;
}

function requestHint(status: number | undefined, reason: string, asked: boolean, permission: string): string {
  if (/rate limit/i.test(reason) || status === 429)
    return ' Run it again later, or give a github-token with a higher limit.';
  if (status === 401 || status === 403 || reason === NO_TOKEN)
    return ` Give the job \`permissions: ${permission}\`, or another github-token.`;
  if (reason === INVALID_REPOSITORY) return ' Run the step in a workflow.';
  if (status === 404) return ` If it exists, give the job \`permissions: ${permission}\`.`;
  if (!asked || (status !== undefined && status >= 400 && status < 500)) return '';
  return ' Run it again later. https://www.githubstatus.com shows whether GitHub has an incident; otherwise check the proxy of the runner.';
}

/** Characters of a reason; a proxy answers with whole pages. */
const MAX_REASON_LENGTH = 300;

const shortenReason = (reason: string): string =>
  /^\s*</.test(reason) ? 'the answer is a page of HTML' : sanitizeText(reason, MAX_REASON_LENGTH);

const NO_TOKEN = 'there is no github-token';
const INVALID_REPOSITORY = 'the repository’s name (GITHUB_REPOSITORY) is not of the form owner/name';

/** Pages of a list, of a hundred entries each, that are read at most. */
const MAX_PAGES = 100;

type Octokit = ReturnType<typeof getOctokit>;
type OctokitResponse = Awaited<ReturnType<Octokit['request']>>;
type ApiCall<T> = (octokit: Octokit) => Promise<T>;

/** GitHub's REST API of one repository, by the job's token. What it does not say is unknown, never a "no". */
export class GitHubApi {
  readonly #octokit: Octokit | undefined;
  readonly #repository: { readonly owner: string; readonly repo: string };
  readonly #run: RunContext;
  /** Why nothing can be asked. */
  readonly #unusableReason: string | undefined;
  #viewerLogin: Promise<string> | undefined;

  /**
   * @param token undefined where none was given: then everything is unknown
   * @param repository `owner/name`; with another form everything is unknown
   */
  constructor(token: string | undefined, repository: string, run: RunContext) {
    const [, owner = '', repo = ''] = /^([\w.-]+)\/([\w.-]+)$/.exec(repository) ?? [];
    // A segment of dots alone would lead to another path.
    const isName = [owner, repo].every((part) => part !== '' && !/^\.+$/.test(part));
    this.#repository = { owner, repo };
    this.#run = run;
    this.#unusableReason = token === undefined ? NO_TOKEN : isName ? undefined : INVALID_REPOSITORY;
    const { GITHUB_API_URL: baseUrl } = process.env;
    // The library would take the environment of the moment in which it was loaded.
    this.#octokit = token === undefined ? undefined : getOctokit(token, baseUrl ? { baseUrl } : {});
    let fetch: Fetch | undefined;
    this.#octokit?.hook.before('request', ({ request }) => {
      fetch ??= createRetryingFetch(request.fetch ?? globalThis.fetch, run);
      request.fetch = fetch;
    });
  }

  /** Whether a pull request is open; a 404 may hide one that the token cannot see, so it is unknown too. */
  getPullRequestState(number: number): Promise<Lookup<'open' | 'closed'>> {
    return this.#lookUp(
      `Asking GitHub for pull request #${number}`,
      'pull-requests: read',
      async (octokit) => {
        const { data } = await octokit.rest.pulls.get({ ...this.#repository, pull_number: number });
        const pull = parsePullRequest(data);
        if (pull.number !== number) throw new UnexpectedResponseError(`pull request #${number}`);
        return pull.state;
      },
    );
  }

  /** Numbers of the open pull requests, from every page. */
  listOpenPullRequests(): Promise<Lookup<ReadonlySet<number>>> {
    return this.#lookUp('Listing the open pull requests', 'pull-requests: read', async (octokit) => {
      const query = { ...this.#repository, state: 'open', per_page: 100 } as const;
      const all = await this.#listAllPages(octokit, octokit.rest.pulls.list.endpoint(query).url);
      const pulls = all.map(parsePullRequest);
      return new Set(pulls.filter(({ state }) => state === 'open').map(({ number }) => number));
    });
  }

  /** Whether the run that made a temporary rule has ended; an attempt also has when there is a later one. */
  hasRunEnded({ runId, runAttempt }: RunIdentity): Promise<Lookup<boolean>> {
    return this.#lookUp(`Asking GitHub for run ${runId}`, 'actions: read', async (octokit) => {
      const { data } = await octokit.rest.actions.getWorkflowRun({
        ...this.#repository,
        run_id: Number(runId),
      });
      const workflowRun = parseWorkflowRun(data);
      if (String(workflowRun.id) !== runId) throw new UnexpectedResponseError(`run ${runId}`);
      return workflowRun.status === 'completed' || workflowRun.attempt > Number(runAttempt);
    });
  }

  /** Who comments with this token: installation tokens may not ask for `GET /user`, but may for the viewer. */
  getViewerLogin(): Promise<string> {
    this.#viewerLogin ??= this.#request(
      'Asking GitHub who this token is',
      'contents: read',
      async (octokit) => parseViewerLogin(await octokit.graphql('query { viewer { login } }')),
    );
    return this.#viewerLogin;
  }

  /**
   * Every comment of a pull request or an issue, from every page, the oldest first.
   * @param permission what the token needs for it: of a pull request another one than of an issue
   */
  listComments(number: number, permission = COMMENT_PERMISSION): Promise<readonly Comment[]> {
    return this.#request(`Reading the comments of #${number}`, permission, async (octokit) => {
      const query = { ...this.#repository, issue_number: number, per_page: 100 };
      return (await this.#listAllPages(octokit, octokit.rest.issues.listComments.endpoint(query).url)).map(
        parseComment,
      );
    });
  }

  /**
   * @param permission as of {@link listComments}
   * @returns its id
   */
  async createComment(number: number, body: string, permission = COMMENT_PERMISSION): Promise<number> {
    return this.#request(`Commenting on #${number}`, permission, async (octokit) =>
      parseCreatedId(
        (await octokit.rest.issues.createComment({ ...this.#repository, issue_number: number, body })).data,
      ),
    );
  }

  async updateComment(id: number, body: string): Promise<void> {
    await this.#request('Updating the comment', COMMENT_PERMISSION, (octokit) =>
      octokit.rest.issues.updateComment({ ...this.#repository, comment_id: id, body }),
    );
  }

  async deleteComment(id: number): Promise<void> {
    await this.#request('Removing a second comment', COMMENT_PERMISSION, (octokit) =>
      octokit.rest.issues.deleteComment({ ...this.#repository, comment_id: id }),
    );
  }

  /**
   * Every open issue of one author, from every page; a pull request is an issue to GitHub, but not here.
   * @param author a login, of a GitHub App with `[bot]` behind it
   */
  listOpenIssues(author: string): Promise<readonly Issue[]> {
    return this.#request('Listing the open issues', ISSUE_PERMISSION, async (octokit) => {
      const query = { ...this.#repository, creator: author, state: 'open', per_page: 100 } as const;
      const all = await this.#listAllPages(octokit, octokit.rest.issues.listForRepo.endpoint(query).url);
      return all.map((entry) => parseOpenIssue(entry, author)).filter((issue) => issue !== undefined);
    });
  }

  /** @returns its number */
  createIssue({ title, body }: Omit<Issue, 'number'>): Promise<number> {
    return this.#request('Opening an issue', ISSUE_PERMISSION, async (octokit) =>
      parseCreatedNumber((await octokit.rest.issues.create({ ...this.#repository, title, body })).data),
    );
  }

  async updateIssue(number: number, { title, body }: Omit<Issue, 'number'>): Promise<void> {
    await this.#request(`Updating issue #${number}`, ISSUE_PERMISSION, (octokit) =>
      octokit.rest.issues.update({ ...this.#repository, issue_number: number, title, body }),
    );
  }

  async closeIssue(number: number, reason: 'completed' | 'not_planned'): Promise<void> {
    await this.#request(`Closing issue #${number}`, ISSUE_PERMISSION, (octokit) =>
      octokit.rest.issues.update({
        ...this.#repository,
        issue_number: number,
        state: 'closed',
        state_reason: reason,
      }),
    );
  }

  /** The entries of a list, from every page. Octokit's own pagination has no bound and takes a 409 for an empty list. */
  async #listAllPages(octokit: Octokit, first: string): Promise<readonly unknown[]> {
    const all: unknown[] = [];
    let url: string | undefined = first;
    for (let page = 1; url !== undefined; page += 1) {
      if (page > MAX_PAGES)
        throw new Error(`the list has more than ${MAX_PAGES} pages of a hundred entries, or does not end`);
      if (new URL(url).origin !== new URL(first).origin)
        throw new Error('the next page of the list is on another host');
      const response: OctokitResponse = await octokit.request({ method: 'GET', url });
      all.push(...parseList(response.data));
      url = /<([^<>]+)>;\s*rel="next"/.exec(response.headers.link ?? '')?.[1];
    }
    return all;
  }

  async #lookUp<T>(doing: string, permission: string, call: ApiCall<T>): Promise<Lookup<T>> {
    try {
      return present(await this.#request(doing, permission, call));
    } catch (error) {
      if (!(error instanceof GitHubRequestError)) throw error;
      return unknown(error);
    }
  }

  async #request<T>(doing: string, permission: string, call: ApiCall<T>): Promise<T> {
    if (this.#octokit === undefined || this.#unusableReason !== undefined) {
      const reason = this.#unusableReason ?? NO_TOKEN;
      throw new GitHubRequestError(doing, permission, { status: undefined, reason, wasSent: false });
    }
    try {
      return await call(this.#octokit);
    } catch (error) {
      this.#run.signal.throwIfAborted();
      const { response } = error as { response?: { readonly status: number } };
      // Where nothing answered, Octokit gives its error a status of its own.
      throw new GitHubRequestError(doing, permission, {
        status: response?.status,
        reason: getRawErrorMessage(error),
      });
    }
  }
}

const COMMENT_PERMISSION = 'pull-requests: write';
/** What the token needs to write issues, and to comment on them. */
export const ISSUE_PERMISSION = 'issues: write';
