import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { GitHubApi, GitHubRequestError, ISSUE_PERMISSION } from '../../../src/github/api.ts';
import { type IssueOutcome, type IssueStep, syncIssue } from '../../../src/github/sync-issue.ts';
import { FakeGitHub, type GitHubResponse } from '../../helpers/unit/fake-github.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const gitHub = new FakeGitHub();
const viewer = 'github-actions[bot]';
const marker = '<!-- azure-postgresql-action: drift of demo-relecloud/relecloud -->';

interface Issue {
  readonly number: number;
  readonly author: string | undefined;
  readonly title: string;
  readonly body: string;
  readonly state: string;
  readonly state_reason?: string;
  readonly pull_request?: object;
  readonly comments?: readonly string[];
}

/** The issues of the repository, as the fake GitHub stores them. */
let storedIssues: Issue[] = [];
/** Called right after the next issue is opened. */
let afterCreate = (): void => {};

const pageSize = 2;

function listIssues(query: URLSearchParams, pathname: string): GitHubResponse {
  const state = query.get('state');
  const open = storedIssues.filter((each) => each.state === state);
  const page = Number(query.get('page') ?? 1);
  const next = `<${gitHub.url}${pathname}?state=${state}&page=${page + 1}>; rel="next"`;
  return {
    headers: page * pageSize < open.length ? { link: next } : {},
    // Ignores the filter by author: the client must not rely on it.
    body: open
      .slice((page - 1) * pageSize, page * pageSize)
      .map(({ author, ...rest }) => ({ ...rest, user: author === undefined ? null : { login: author } })),
  };
}

/** Responds as GitHub does, with shorter pages, so that there are several. */
function respondToIssues({ method, path, body }: FakeGitHub['receivedRequests'][number]): GitHubResponse {
  const { pathname, searchParams } = new URL(path, gitHub.url);
  if (pathname === '/graphql') return { body: { data: { viewer: { login: viewer } } } };
  const number = Number(/\/issues\/(\d+)/.exec(pathname)?.[1]);
  const change = (to: (issue: Issue) => Issue): void => {
    storedIssues = storedIssues.map((each) => (each.number === number ? to(each) : each));
  };
  const commentsOf = storedIssues.find((each) => each.number === number)?.comments ?? [];
  if (method === 'GET' && pathname.endsWith('/comments'))
    return { body: commentsOf.map((text, i) => ({ id: i + 1, body: text, user: { login: viewer } })) };
  if (method === 'GET') return listIssues(searchParams, pathname);
  if (pathname.endsWith('/comments')) {
    const { body: text } = body as { body: string };
    change((issue) => ({ ...issue, comments: [...(issue.comments ?? []), text] }));
    return { status: 201, body: { id: 1 } };
  }
  if (method === 'PATCH') {
    change((issue) => ({ ...issue, ...(body as Partial<Issue>) }));
    return { body: { number } };
  }
  const made: Issue = {
    ...(body as Pick<Issue, 'title' | 'body'>),
    number: 1000,
    author: viewer,
    state: 'open',
  };
  storedIssues.push(made);
  afterCreate();
  return { status: 201, body: { number: made.number } };
}

let api: GitHubApi;
const sync = (decide: (body: string | undefined) => IssueStep): Promise<IssueOutcome> =>
  syncIssue(api, marker, decide);

beforeAll(async () => {
  await gitHub.listen();
  vi.stubEnv('GITHUB_API_URL', gitHub.url);
  api = new GitHubApi('token', 'relecloud/tours', createTestRun());
});
beforeEach(() => {
  gitHub.respond = respondToIssues;
  gitHub.receivedRequests.splice(0);
  storedIssues = [];
  afterCreate = () => {};
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await gitHub.close();
});

const ownIssue = (number: number, text: string, some: Partial<Issue> = {}): Issue => ({
  number,
  author: viewer,
  title: 'Drift',
  body: `${marker}\n${text}`,
  state: 'open',
  ...some,
});
/** The step of a check that found drift: opens or updates the issue. */
const driftStep =
  (text: string, title = 'Drift') =>
  (body: string | undefined): IssueStep => ({
    action: body === undefined ? 'open' : 'update',
    title,
    body: `${marker}\n${text}`,
  });
const closeStep = (): IssueStep => ({ action: 'close', comment: 'It has ended.' });
const writeRequests = (): readonly string[] =>
  gitHub.receivedRequests
    .filter(({ method, path }) => method !== 'GET' && path !== '/graphql')
    .map(({ method, path }) => `${method} ${path.replace('/repos/relecloud/tours/', '')}`);

describe('one issue is opened, updated and closed', () => {
  test('without an issue, drift opens one, once', async () => {
    expect(await sync(driftStep('text'))).toEqual({ action: 'opened', number: 1000 });
    expect(storedIssues).toEqual([ownIssue(1000, 'text')]);
    expect(await sync(driftStep('text'))).toEqual({ action: 'unchanged', number: 1000 });
    expect(writeRequests()).toEqual(['POST issues']);
  });

  test('without an issue and without drift, nothing is written', async () => {
    expect(await sync(() => ({ action: 'leave' }))).toEqual({ action: 'unchanged', number: undefined });
    expect(writeRequests()).toEqual([]);
  });

  test('only open issues of the author are requested', async () => {
    await sync(() => ({ action: 'leave' }));
    const request = gitHub.receivedRequests.find(({ method }) => method === 'GET');
    const { pathname, searchParams } = new URL(request?.path ?? '', gitHub.url);
    expect(pathname).toBe('/repos/relecloud/tours/issues');
    expect(Object.fromEntries(searchParams)).toEqual({ creator: viewer, state: 'open', per_page: '100' });
  });

  test.each([
    ['body', driftStep('new'), ownIssue(7, 'new')],
    ['title', driftStep('old', 'More drift'), ownIssue(7, 'old', { title: 'More drift' })],
  ])('an issue with another %s is updated', async (_, next, becomes) => {
    storedIssues = [ownIssue(7, 'old')];
    expect(await sync(next)).toEqual({ action: 'updated', number: 7 });
    expect(storedIssues).toEqual([becomes]);
    expect(writeRequests()).toEqual(['PATCH issues/7']);
  });

  test('an issue with the same text and other line endings is not updated', async () => {
    storedIssues = [ownIssue(7, 'a\nb', { body: `${marker}\r\na\r\nb` })];
    expect(await sync(driftStep('a\nb'))).toEqual({ action: 'unchanged', number: 7 });
    expect(writeRequests()).toEqual([]);
  });

  test('the step is decided by the body of the open issue', async () => {
    storedIssues = [ownIssue(7, 'old')];
    const decide = vi.fn((): IssueStep => ({ action: 'leave' }));
    expect(await sync(decide)).toEqual({ action: 'unchanged', number: 7 });
    expect(decide.mock.calls).toEqual([[`${marker}\nold`]]);
    expect(writeRequests()).toEqual([]);
  });

  test('when the drift has ended, the issue gets a comment and is closed as completed', async () => {
    storedIssues = [ownIssue(7, 'old')];
    expect(await sync(closeStep)).toEqual({ action: 'closed', number: 7 });
    expect(storedIssues).toEqual([
      ownIssue(7, 'old', { state: 'closed', state_reason: 'completed', comments: ['It has ended.'] }),
    ]);
  });

  test('a closed issue stays closed: new drift opens a new issue', async () => {
    const old = ownIssue(7, 'old', { state: 'closed' });
    storedIssues = [old];
    await sync(driftStep('new'));
    expect(storedIssues).toEqual([old, ownIssue(1000, 'new')]);
  });

  test('the issue is found on every page; of several issues the oldest is used', async () => {
    storedIssues = [1, 2, 3, 4].map((number) => ownIssue(number, '', { author: 'ada', body: 'a bug' }));
    storedIssues.push(ownIssue(9, 'second'), ownIssue(8, 'first'));
    await sync(driftStep('new'));
    expect(writeRequests()).toEqual(['PATCH issues/8']);
  });
});

describe('an issue is not used by its marker alone, which anyone can write', () => {
  test.each([
    ['another author', { author: 'mallory' }],
    ['a deleted author', { author: undefined }],
    ['a pull request', { pull_request: { url: 'https://b.example' } }],
    ['a marker further down', { body: `> ${marker}\n${marker}\nold` }],
    ['the marker of another database', { body: `${marker.replace('/relecloud', '/tours')}\nold` }],
    ['text behind the marker', { body: `${marker} old` }],
  ])('%s: it is not changed, and a new issue is opened', async (_, theirs) => {
    const other = ownIssue(7, 'old', theirs);
    storedIssues = [other];
    await sync(driftStep('text'));
    expect(storedIssues).toEqual([other, ownIssue(1000, 'text')]);
    expect(writeRequests()).toEqual(['POST issues']);
  });

  test('an issue of another author is not closed', async () => {
    storedIssues = [ownIssue(7, 'old', { author: 'mallory' })];
    expect(await sync((body) => (body === undefined ? { action: 'leave' } : closeStep()))).toEqual({
      action: 'unchanged',
      number: undefined,
    });
    expect(writeRequests()).toEqual([]);
  });
});

describe('two checks at the same time', () => {
  test('another check opened an older issue: it stays and is updated, and the new one is closed as a duplicate', async () => {
    afterCreate = () => storedIssues.unshift(ownIssue(500, 'theirs'));
    expect(await sync(driftStep('ours'))).toEqual({ action: 'updated', number: 500 });
    expect(storedIssues).toEqual([
      ownIssue(500, 'ours'),
      ownIssue(1000, 'ours', {
        state: 'closed',
        state_reason: 'not_planned',
        comments: ['Duplicate of #500'],
      }),
    ]);
  });

  test('another check opened a newer issue: the older one stays, and the other check closes its own', async () => {
    afterCreate = () => storedIssues.push(ownIssue(5000, 'theirs'));
    expect(await sync(driftStep('ours'))).toEqual({ action: 'opened', number: 1000 });
    expect(storedIssues).toEqual([ownIssue(1000, 'ours'), ownIssue(5000, 'theirs')]);
  });

  test('an issue that is not listed yet stays', async () => {
    afterCreate = () => storedIssues.pop();
    expect(await sync(driftStep('ours'))).toEqual({ action: 'opened', number: 1000 });
    expect(writeRequests()).toEqual(['POST issues']);
  });
});

describe('a request without a response', () => {
  /** The next POST to this path gets a 502, whether or not it has taken effect. */
  const loseResponse = (path: RegExp, takesEffect: boolean): void => {
    gitHub.respond = (request) => {
      if (request.method !== 'POST' || !path.test(request.path)) return respondToIssues(request);
      gitHub.respond = respondToIssues;
      if (takesEffect) respondToIssues(request);
      return { status: 502, body: { message: 'Bad Gateway' } };
    };
  };

  test.for([true, false])(
    'an issue is opened once; the request without a response opened it: %s',
    async (takesEffect) => {
      loseResponse(/issues$/, takesEffect);
      expect(await sync(driftStep('text'))).toEqual({ action: 'opened', number: 1000 });
      expect(storedIssues).toEqual([ownIssue(1000, 'text')]);
    },
  );

  test.for([true, false])(
    'the closing comment is written once; the request without a response wrote it: %s',
    async (takesEffect) => {
      storedIssues = [ownIssue(7, 'old')];
      loseResponse(/comments$/, takesEffect);
      expect(await sync(closeStep)).toEqual({ action: 'closed', number: 7 });
      expect(storedIssues).toMatchObject([{ state: 'closed', comments: ['It has ended.'] }]);
    },
  );
});

describe('a request that GitHub rejects', () => {
  test('while reading: nothing is written', async () => {
    gitHub.respond = () => ({ status: 403, body: { message: 'Resource not accessible by integration' } });
    expect(String(await errorOf(sync(driftStep('text'))))).toContain('permissions: ');
    expect(writeRequests()).toEqual([]);
  });

  test.each([
    ['listOpenIssues', () => api.listOpenIssues(viewer)],
    ['createIssue', () => api.createIssue({ title: 'Drift', body: 'text' })],
    ['updateIssue', () => api.updateIssue(7, { title: 'Drift', body: 'text' })],
    ['closeIssue', () => api.closeIssue(7, 'completed')],
    ['createComment', () => api.createComment(7, 'text', ISSUE_PERMISSION)],
  ])('%s: a GitHubRequestError that names the missing permission', async (_, request) => {
    gitHub.respond = () => ({ status: 403, body: { message: 'Resource not accessible by integration' } });
    const error = await errorOf(request());
    expect(error).toBeInstanceOf(GitHubRequestError);
    expect(String(error)).toContain('`permissions: issues: write`');
  });

  test('a repository with disabled issues', async () => {
    gitHub.respond = () => ({ status: 410, body: { message: 'Issues are disabled for this repo' } });
    expect(String(await errorOf(api.listOpenIssues(viewer)))).toContain('Issues are disabled');
  });
});
