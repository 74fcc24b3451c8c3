import { getOctokit } from '@actions/github';
import { bounded } from '../bounds.ts';
import type { RunIdentity } from '../config/names.ts';
import { rawMessageOf } from '../errors.ts';
import { present, type Told, unknown } from '../plan/types.ts';
import type { Run } from '../waiting.ts';
import { type Fetch, reliableFetch } from './requests.ts';
import {
  type Comment,
  commentOf,
  createdId,
  createdNumber,
  entriesOf,
  type Issue,
  loginOf,
  openIssueOf,
  pullRequestOf,
  WrongShape,
  workflowRunOf,
} from './shapes.ts';

/** Why GitHub did not answer, and what a person can do about it. */
export class GitHubUnknown extends Error {
  override readonly name = 'GitHubUnknown';
  /** HTTP status; undefined where nothing was asked or nothing answered. */
  readonly status: number | undefined;
  /** Whether what was asked may have been done all the same. */
  readonly mayHaveHappened: boolean;

  constructor(doing: string, permission: string, { status, reason, asked = true }: Failure) {
    const refused = status !== undefined && status >= 400 && status < 500;
    const advice = adviceFor(status, reason, asked, permission);
    super(
      `${doing} was not possible: ${brief(reason)}${status === undefined ? '' : ` (HTTP ${status})`}.${advice}`,
    );
    this.status = status;
    this.mayHaveHappened = asked && !refused;
  }
}

interface Failure {
  readonly status: number | undefined;
  readonly reason: string;
  /** Whether a request was sent at all. */
  readonly asked?: boolean;
}

function adviceFor(status: number | undefined, reason: string, asked: boolean, permission: string): string {
  if (/rate limit/i.test(reason) || status === 429)
    return ' Run it again later, or give a github-token with a higher limit.';
  if (status === 401 || status === 403 || reason === noToken)
    return ` Give the job \`permissions: ${permission}\`, or another github-token.`;
  if (reason === noRepository) return ' Run the step in a workflow.';
  if (status === 404) return ` If it exists, give the job \`permissions: ${permission}\`.`;
  if (!asked || (status !== undefined && status >= 400 && status < 500)) return '';
  return ' Run it again later. https://www.githubstatus.com shows whether GitHub has an incident; otherwise check the proxy of the runner.';
}

/** Characters of a reason; a proxy answers with whole pages. */
const longestReason = 300;

const brief = (reason: string): string =>
  /^\s*</.test(reason) ? 'the answer is a page of HTML' : bounded(reason, longestReason);

const noToken = 'there is no github-token';
const noRepository = 'the repository’s name (GITHUB_REPOSITORY) is not of the form owner/name';

/** Pages of a list, of a hundred entries each, that are read at most. */
const mostPages = 100;

type Octokit = ReturnType<typeof getOctokit>;
type OctokitResponse = Awaited<ReturnType<Octokit['request']>>;
type Ask<T> = (octokit: Octokit) => Promise<T>;

/** GitHub's REST API of one repository, by the job's token. What it does not say is unknown, never a "no". */
export class GitHubApi {
  readonly #octokit: Octokit | undefined;
  readonly #at: { readonly owner: string; readonly repo: string };
  readonly #run: Run;
  /** Why nothing can be asked. */
  readonly #unusable: string | undefined;
  #viewer: Promise<string> | undefined;

  /**
   * @param token undefined where none was given: then everything is unknown
   * @param repository `owner/name`; with another form everything is unknown
   */
  constructor(token: string | undefined, repository: string, run: Run) {
    const [, owner = '', repo = ''] = /^([\w.-]+)\/([\w.-]+)$/.exec(repository) ?? [];
    // A segment of dots alone would lead to another path.
    const isName = [owner, repo].every((part) => part !== '' && !/^\.+$/.test(part));
    this.#at = { owner, repo };
    this.#run = run;
    this.#unusable = token === undefined ? noToken : isName ? undefined : noRepository;
    const { GITHUB_API_URL: baseUrl } = process.env;
    // The library would take the environment of the moment in which it was loaded.
    this.#octokit = token === undefined ? undefined : getOctokit(token, baseUrl ? { baseUrl } : {});
    let fetch: Fetch | undefined;
    this.#octokit?.hook.before('request', ({ request }) => {
      fetch ??= reliableFetch(request.fetch ?? globalThis.fetch, run);
      request.fetch = fetch;
    });
  }

  /** Whether a pull request is open; a 404 may hide one that the token cannot see, so it is unknown too. */
  pullRequest(number: number): Promise<Told<'open' | 'closed'>> {
    return this.#observe(
      `Asking GitHub for pull request #${number}`,
      'pull-requests: read',
      async (octokit) => {
        const { data } = await octokit.rest.pulls.get({ ...this.#at, pull_number: number });
        const seen = pullRequestOf(data);
        if (seen.number !== number) throw new WrongShape(`pull request #${number}`);
        return seen.state;
      },
    );
  }

  /** Numbers of the open pull requests, from every page. */
  openPullRequests(): Promise<Told<ReadonlySet<number>>> {
    return this.#observe('Listing the open pull requests', 'pull-requests: read', async (octokit) => {
      const where = { ...this.#at, state: 'open', per_page: 100 } as const;
      const all = await this.#pages(octokit, octokit.rest.pulls.list.endpoint(where).url);
      const pulls = all.map(pullRequestOf);
      return new Set(pulls.filter(({ state }) => state === 'open').map(({ number }) => number));
    });
  }

  /** Whether the run that made a temporary rule has ended; an attempt also has when there is a later one. */
  runEnded({ runId, runAttempt }: RunIdentity): Promise<Told<boolean>> {
    return this.#observe(`Asking GitHub for run ${runId}`, 'actions: read', async (octokit) => {
      const { data } = await octokit.rest.actions.getWorkflowRun({ ...this.#at, run_id: Number(runId) });
      const seen = workflowRunOf(data);
      if (String(seen.id) !== runId) throw new WrongShape(`run ${runId}`);
      return seen.status === 'completed' || seen.attempt > Number(runAttempt);
    });
  }

  /** Who comments with this token: installation tokens may not ask for `GET /user`, but may for the viewer. */
  viewer(): Promise<string> {
    this.#viewer ??= this.#do('Asking GitHub who this token is', 'contents: read', async (octokit) =>
      loginOf(await octokit.graphql('query { viewer { login } }')),
    );
    return this.#viewer;
  }

  /**
   * Every comment of a pull request or an issue, from every page, the oldest first.
   * @param permission what the token needs for it: of a pull request another one than of an issue
   */
  comments(number: number, permission = commenting): Promise<readonly Comment[]> {
    return this.#do(`Reading the comments of #${number}`, permission, async (octokit) => {
      const where = { ...this.#at, issue_number: number, per_page: 100 };
      return (await this.#pages(octokit, octokit.rest.issues.listComments.endpoint(where).url)).map(
        commentOf,
      );
    });
  }

  /**
   * @param permission as of {@link comments}
   * @returns its id
   */
  async createComment(number: number, body: string, permission = commenting): Promise<number> {
    return this.#do(`Commenting on #${number}`, permission, async (octokit) =>
      createdId((await octokit.rest.issues.createComment({ ...this.#at, issue_number: number, body })).data),
    );
  }

  async updateComment(id: number, body: string): Promise<void> {
    await this.#do('Updating the comment', commenting, (octokit) =>
      octokit.rest.issues.updateComment({ ...this.#at, comment_id: id, body }),
    );
  }

  async deleteComment(id: number): Promise<void> {
    await this.#do('Removing a second comment', commenting, (octokit) =>
      octokit.rest.issues.deleteComment({ ...this.#at, comment_id: id }),
    );
  }

  /**
   * Every open issue of one author, from every page; a pull request is an issue to GitHub, but not here.
   * @param author a login, of a GitHub App with `[bot]` behind it
   */
  openIssuesOf(author: string): Promise<readonly Issue[]> {
    return this.#do('Listing the open issues', ofIssues, async (octokit) => {
      const where = { ...this.#at, creator: author, state: 'open', per_page: 100 } as const;
      const all = await this.#pages(octokit, octokit.rest.issues.listForRepo.endpoint(where).url);
      return all.map((entry) => openIssueOf(entry, author)).filter((issue) => issue !== undefined);
    });
  }

  /** @returns its number */
  createIssue({ title, body }: Omit<Issue, 'number'>): Promise<number> {
    return this.#do('Opening an issue', ofIssues, async (octokit) =>
      createdNumber((await octokit.rest.issues.create({ ...this.#at, title, body })).data),
    );
  }

  async updateIssue(number: number, { title, body }: Omit<Issue, 'number'>): Promise<void> {
    await this.#do(`Updating issue #${number}`, ofIssues, (octokit) =>
      octokit.rest.issues.update({ ...this.#at, issue_number: number, title, body }),
    );
  }

  async closeIssue(number: number, reason: 'completed' | 'not_planned'): Promise<void> {
    await this.#do(`Closing issue #${number}`, ofIssues, (octokit) =>
      octokit.rest.issues.update({
        ...this.#at,
        issue_number: number,
        state: 'closed',
        state_reason: reason,
      }),
    );
  }

  /** The entries of a list, from every page. Octokit's own pagination has no bound and takes a 409 for an empty list. */
  async #pages(octokit: Octokit, first: string): Promise<readonly unknown[]> {
    const all: unknown[] = [];
    let url: string | undefined = first;
    for (let page = 1; url !== undefined; page += 1) {
      if (page > mostPages)
        throw new Error(`the list has more than ${mostPages} pages of a hundred entries, or does not end`);
      if (new URL(url).origin !== new URL(first).origin)
        throw new Error('the next page of the list is on another host');
      const answer: OctokitResponse = await octokit.request({ method: 'GET', url });
      all.push(...entriesOf(answer.data));
      url = /<([^<>]+)>;\s*rel="next"/.exec(answer.headers.link ?? '')?.[1];
    }
    return all;
  }

  async #observe<T>(doing: string, permission: string, ask: Ask<T>): Promise<Told<T>> {
    try {
      return present(await this.#do(doing, permission, ask));
    } catch (error) {
      if (!(error instanceof GitHubUnknown)) throw error;
      return unknown(error);
    }
  }

  async #do<T>(doing: string, permission: string, ask: Ask<T>): Promise<T> {
    if (this.#octokit === undefined || this.#unusable !== undefined) {
      const reason = this.#unusable ?? noToken;
      throw new GitHubUnknown(doing, permission, { status: undefined, reason, asked: false });
    }
    try {
      return await ask(this.#octokit);
    } catch (error) {
      this.#run.signal.throwIfAborted();
      const { response } = error as { response?: { readonly status: number } };
      // Where nothing answered, Octokit gives its error a status of its own.
      throw new GitHubUnknown(doing, permission, { status: response?.status, reason: rawMessageOf(error) });
    }
  }
}

const commenting = 'pull-requests: write';
/** What the token needs to write issues, and to comment on them. */
export const ofIssues = 'issues: write';
