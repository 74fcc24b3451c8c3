import { getRawErrorMessage } from '../common/errors.ts';
import { asObject, type JsonObject } from '../common/json.ts';
import {
  findNetworkFailure,
  foreignAnswerHint,
  isPage,
  type NetworkFailure,
} from '../common/network-failure.ts';
import type { RunContext } from '../common/polling.ts';
import type { RunIdentity } from '../common/resource-names.ts';
import { sanitizeText } from '../common/sanitize.ts';
import { type Lookup, present, unknown } from '../reconcile/findings.ts';
import { apiUrl } from './api-url.ts';
import type { Octokit } from './octokit.ts';

/** A comment on an issue or a pull request. */
export interface Comment {
  readonly id: number;
  readonly body: string;
  /** A login; that of a GitHub App ends with `[bot]`. Empty if the account was deleted. */
  readonly author: string;
  /** Of its page; undefined if the response has none. */
  readonly url: string | undefined;
}

export interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
}

/** A request to GitHub's API that failed: why, and what to do. */
export class GitHubRequestError extends Error {
  override readonly name = 'GitHubRequestError';
  /** HTTP status; undefined if no request was sent or no response came. */
  readonly status: number | undefined;
  /** Whether the request may have taken effect even though it failed. */
  readonly mayHaveTakenEffect: boolean;

  constructor(doing: string, permission: string, failure: RequestFailure) {
    const { status, reason, wasSent = true } = failure;
    super(
      `${doing} failed: ${shortenReason(reason)}${status === undefined ? '' : ` (HTTP ${status})`}.${requestHint(failure, permission)}`,
    );
    this.status = status;
    this.mayHaveTakenEffect = wasSent && !isClientError(status);
  }
}

interface RequestFailure {
  readonly status: number | undefined;
  readonly reason: string;
  /** Whether a request was sent; true by default. */
  readonly wasSent?: boolean;
  /** Why there is no response. */
  readonly network?: NetworkFailure | undefined;
}

function requestHint(failure: RequestFailure, permission: string): string {
  const { status, reason, wasSent = true, network } = failure;
  if (network !== undefined) return ` ${network.hint}${network.isTransient ? ` ${INCIDENT_HINT}` : ''}`;
  if (isPage(reason)) return ` ${foreignAnswerHint(apiUrl())} ${INCIDENT_HINT}`;
  if (/rate limit/i.test(reason) || status === 429)
    return ' Run the workflow again later, or set a github-token with a higher limit.';
  if (reason === NO_TOKEN)
    return ` Remove the empty input github-token, so that the token of the job is used, and give the job \`permissions: ${permission}\`.`;
  if (status === 401 || status === 403)
    return ` Give the job \`permissions: ${permission}\`, or set another github-token.`;
  if (reason === INVALID_REPOSITORY) return ' Run the step in a workflow.';
  if (status === 404) return ` If it exists, give the job \`permissions: ${permission}\`.`;
  if (!wasSent || isClientError(status)) return '';
  return ' Run the workflow again later. https://www.githubstatus.com shows whether GitHub has an incident; otherwise check the proxy of the runner.';
}

const INCIDENT_HINT = 'https://www.githubstatus.com shows whether GitHub has an incident.';

const isClientError = (status: number | undefined): boolean =>
  status !== undefined && status >= 400 && status < 500;

/** Characters of a reason; a proxy may answer with a whole page. */
const MAX_REASON_LENGTH = 300;

const shortenReason = (reason: string): string =>
  isPage(reason) ? 'the response is an HTML page' : sanitizeText(reason, MAX_REASON_LENGTH);

const NO_TOKEN = 'github-token is not set';
const INVALID_REPOSITORY = 'GITHUB_REPOSITORY does not have the form owner/name';

/** Maximum number of pages of a list, of 100 items each. */
const MAX_PAGES = 100;

type OctokitResponse = Awaited<ReturnType<Octokit['request']>>;
type ApiCall<T> = (octokit: Octokit) => Promise<T>;

/** GitHub's REST API for one repository. A failed lookup is unknown, never a negative answer. */
export class GitHubApi {
  readonly #token: string | undefined;
  #octokit: Promise<Octokit> | undefined;
  readonly #repository: { readonly owner: string; readonly repo: string };
  readonly #run: RunContext;
  /** Why no request can be sent. */
  readonly #unusableReason: string | undefined;
  #viewerLogin: Promise<string> | undefined;

  /**
   * @param token without it every request fails
   * @param repository `owner/name`; with another form every request fails
   */
  constructor(token: string | undefined, repository: string, run: RunContext) {
    const [, owner = '', repo = ''] = /^([\w.-]+)\/([\w.-]+)$/.exec(repository) ?? [];
    // A segment `.` or `..` would change the path of the URL.
    const isValidName = [owner, repo].every((part) => part !== '' && !/^\.+$/.test(part));
    this.#repository = { owner, repo };
    this.#run = run;
    this.#unusableReason = token === undefined ? NO_TOKEN : isValidName ? undefined : INVALID_REPOSITORY;
    this.#token = token;
  }

  /** State of a pull request. A 404 is unknown: the token may not have access to it. */
  getPullRequestState(number: number): Promise<Lookup<'open' | 'closed'>> {
    return this.#lookUp(`Reading pull request #${number}`, 'pull-requests: read', async (octokit) => {
      const { data } = await octokit.rest.pulls.get({ ...this.#repository, pull_number: number });
      const pull = parsePullRequest(data);
      if (pull.number !== number) throw new UnexpectedResponseError(`pull request #${number}`);
      return pull.state;
    });
  }

  /** Numbers of the open pull requests, from all pages. */
  listOpenPullRequests(): Promise<Lookup<ReadonlySet<number>>> {
    return this.#lookUp('Listing the open pull requests', 'pull-requests: read', async (octokit) => {
      const query = { ...this.#repository, state: 'open', per_page: 100 } as const;
      const all = await this.#listAllPages(octokit, octokit.rest.pulls.list.endpoint(query).url);
      const pulls = all.map(parsePullRequest);
      return new Set(pulls.filter(({ state }) => state === 'open').map(({ number }) => number));
    });
  }

  /** Whether a workflow run has ended. An attempt has also ended if there is a later one. */
  hasRunEnded({ runId, runAttempt }: RunIdentity): Promise<Lookup<boolean>> {
    return this.#lookUp(`Reading workflow run ${runId}`, 'actions: read', async (octokit) => {
      const { data } = await octokit.rest.actions.getWorkflowRun({
        ...this.#repository,
        run_id: Number(runId),
      });
      const workflowRun = parseWorkflowRun(data);
      if (String(workflowRun.id) !== runId) throw new UnexpectedResponseError(`run ${runId}`);
      return workflowRun.status === 'completed' || workflowRun.attempt > Number(runAttempt);
    });
  }

  /** Login of the token's user. Installation tokens have no access to `GET /user`, but to GraphQL's `viewer`. */
  getViewerLogin(): Promise<string> {
    this.#viewerLogin ??= this.#request(
      'Reading the login of github-token',
      'contents: read',
      async (octokit) => parseViewerLogin(await octokit.graphql('query { viewer { login } }')),
    );
    return this.#viewerLogin;
  }

  /**
   * All comments of a pull request or an issue, the oldest first.
   * @param permission that the token needs; pull requests and issues need different ones
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
   * @param permission as for {@link listComments}
   * @returns the id of the comment
   */
  async createComment(number: number, body: string, permission = COMMENT_PERMISSION): Promise<number> {
    return this.#request(`Commenting on #${number}`, permission, async (octokit) =>
      readId(
        (await octokit.rest.issues.createComment({ ...this.#repository, issue_number: number, body })).data,
        'id',
      ),
    );
  }

  async updateComment(id: number, body: string): Promise<void> {
    await this.#request('Updating the comment', COMMENT_PERMISSION, (octokit) =>
      octokit.rest.issues.updateComment({ ...this.#repository, comment_id: id, body }),
    );
  }

  async deleteComment(id: number): Promise<void> {
    await this.#request('Deleting a duplicate comment', COMMENT_PERMISSION, (octokit) =>
      octokit.rest.issues.deleteComment({ ...this.#repository, comment_id: id }),
    );
  }

  /**
   * All open issues of one author, without the pull requests that GitHub's API lists as issues.
   * @param author a login; that of a GitHub App ends with `[bot]`
   */
  listOpenIssues(author: string): Promise<readonly Issue[]> {
    return this.#request('Listing the open issues', ISSUE_PERMISSION, async (octokit) => {
      const query = { ...this.#repository, creator: author, state: 'open', per_page: 100 } as const;
      const all = await this.#listAllPages(octokit, octokit.rest.issues.listForRepo.endpoint(query).url);
      return all.map((entry) => parseOpenIssue(entry, author)).filter((issue) => issue !== undefined);
    });
  }

  /** @returns the number of the issue */
  createIssue({ title, body }: Omit<Issue, 'number'>): Promise<number> {
    return this.#request('Opening an issue', ISSUE_PERMISSION, async (octokit) =>
      readId((await octokit.rest.issues.create({ ...this.#repository, title, body })).data, 'number'),
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

  /** The items of all pages. Octokit's own pagination has no limit, and reads a 409 as an empty list. */
  async #listAllPages(octokit: Octokit, first: string): Promise<readonly unknown[]> {
    const all: unknown[] = [];
    let url: string | undefined = first;
    for (let page = 1; url !== undefined; page += 1) {
      if (page > MAX_PAGES) throw new Error(`the list has more than ${MAX_PAGES} pages, or does not end`);
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
    if (this.#token === undefined || this.#unusableReason !== undefined) {
      const reason = this.#unusableReason ?? NO_TOKEN;
      throw new GitHubRequestError(doing, permission, { status: undefined, reason, wasSent: false });
    }
    const token = this.#token;
    // Few runs need the library, which takes longer to load than a request.
    this.#octokit ??= import('./octokit.ts').then(({ createOctokit }) => createOctokit(token, this.#run));
    const octokit = await this.#octokit;
    try {
      return await call(octokit);
    } catch (error) {
      this.#run.signal.throwIfAborted();
      const { response } = error as { response?: { readonly status: number } };
      const network = response === undefined ? findNetworkFailure(error) : undefined;
      // Octokit sets a status also if there was no response.
      throw new GitHubRequestError(doing, permission, {
        status: response?.status,
        reason: network?.text ?? getRawErrorMessage(error),
        network,
      });
    }
  }
}

const COMMENT_PERMISSION = 'pull-requests: write';
/** Permission to write issues and comments on them. */
export const ISSUE_PERMISSION = 'issues: write';

/**
 * Creates a comment or an issue. After a request whose effect is unknown, searches for it first, and repeats the request
 * once if it is not found.
 * @param find returns undefined if it does not exist
 * @throws the error of the last request
 */
export async function createOnce<T>(
  create: () => Promise<T>,
  find: () => Promise<T | undefined>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof GitHubRequestError && error.mayHaveTakenEffect)) throw error;
    return (await find()) ?? (await create());
  }
}

/** A response of GitHub, or of a proxy, without a documented field. */
class UnexpectedResponseError extends Error {
  override readonly name = 'UnexpectedResponseError';

  /** @param missing the field, or what it should be */
  constructor(missing: string) {
    super(`the response has no ${missing}, so it is not one of GitHub's API`);
  }
}

const fieldsOf = (value: unknown): JsonObject => asObject(value) ?? {};

function readId(value: unknown, name: string): number {
  const id = fieldsOf(value)[name];
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0) return id;
  throw new UnexpectedResponseError(name);
}

function readText(value: unknown, name: string): string {
  const text = fieldsOf(value)[name];
  if (typeof text === 'string' && text !== '') return text;
  throw new UnexpectedResponseError(name);
}

function readState(value: unknown): 'open' | 'closed' {
  const state = readText(value, 'state');
  if (state === 'open' || state === 'closed') return state;
  throw new UnexpectedResponseError('state that is open or closed');
}

/** GitHub omits an empty body, or sends null. */
function readBody(value: unknown): string {
  const { body = null } = fieldsOf(value);
  if (typeof body === 'string') return body;
  if (body === null) return '';
  throw new UnexpectedResponseError('body that is text');
}

function readPageUrl(value: unknown): string | undefined {
  const { html_url: url } = fieldsOf(value);
  return typeof url === 'string' && URL.canParse(url) ? url : undefined;
}

function readAuthor(value: unknown): string {
  const { user = null } = fieldsOf(value);
  return user === null ? '' : readText(user, 'login');
}

/** @throws `UnexpectedResponseError`, as do the following functions */
const parsePullRequest = (value: unknown): { number: number; state: 'open' | 'closed' } => ({
  number: readId(value, 'number'),
  state: readState(value),
});

function parseWorkflowRun(value: unknown): { id: number; status: string; attempt: number } {
  const { run_attempt: attempt = 1 } = fieldsOf(value);
  if (!Number.isSafeInteger(attempt)) throw new UnexpectedResponseError('run_attempt');
  return { id: readId(value, 'id'), status: readText(value, 'status'), attempt: Number(attempt) };
}

const parseComment = (value: unknown): Comment => ({
  id: readId(value, 'id'),
  body: readBody(value),
  author: readAuthor(value),
  url: readPageUrl(value),
});

/** @returns undefined for a pull request, and for an issue that is closed or of another author */
function parseOpenIssue(value: unknown, author: string): Issue | undefined {
  const issue = { number: readId(value, 'number'), title: readText(value, 'title'), body: readBody(value) };
  const isMatch = readState(value) === 'open' && readAuthor(value) === author;
  return isMatch && fieldsOf(value)['pull_request'] === undefined ? issue : undefined;
}

const parseViewerLogin = (response: unknown): string => readText(fieldsOf(response)['viewer'], 'login');

/** The items of one page of a list. */
function parseList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new UnexpectedResponseError('list');
}
