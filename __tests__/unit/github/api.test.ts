import { describe, expect } from 'vitest';
import type { RunContext } from '../../../src/common/polling.ts';
import { GitHubApi, GitHubRequestError } from '../../../src/github/api.ts';
import type { GitHubResponse } from '../../helpers/unit/fake-github.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const token = 'ghs_16C7e42F292c69';
const createApi = (given: string | undefined, run: RunContext = createTestRun()): GitHubApi =>
  new GitHubApi(given, 'relecloud/tours', run);
const test = base
  /** A client of an API that always sends this response. */
  .extend('apiWithResponse', async ({ gitHub }) => (response: GitHubResponse): GitHubApi => {
    gitHub.respond = () => response;
    return createApi(token);
  });
const errorResponse = (status: number, message: string): GitHubResponse => ({ status, body: { message } });
const runIdentity = { repositoryId: '1', runId: '30433642', runAttempt: '2' };

describe('pull requests and workflow runs', () => {
  test.for(['open', 'closed'] as const)(
    'a pull request that is %s',
    async (state, { gitHub, apiWithResponse }) => {
      const result = await apiWithResponse({ body: { number: 42, state } }).getPullRequestState(42);
      expect(result).toEqual({ status: 'present', value: state });
      expect(gitHub.receivedRequests).toMatchObject([
        { method: 'GET', path: '/repos/relecloud/tours/pulls/42', authorization: `token ${token}` },
      ]);
    },
  );

  test('open pull requests are listed from all pages', async ({ gitHub }) => {
    gitHub.respond = ({ path }) => {
      const page = Number(new URL(path, gitHub.url).searchParams.get('page') ?? 1);
      const next = `<${gitHub.url}/repos/relecloud/tours/pulls?state=open&per_page=100&page=${page + 1}>; rel="next"`;
      return { headers: page < 3 ? { link: next } : {}, body: [{ number: page, state: 'open' }] };
    };
    const result = await createApi(token).listOpenPullRequests();
    expect(result).toEqual({ status: 'present', value: new Set([1, 2, 3]) });
    expect(gitHub.receivedRequests[0]?.path).toBe('/repos/relecloud/tours/pulls?state=open&per_page=100');
  });

  test.for([
    ['completed', 2, true],
    ['completed', 1, true],
    ['in_progress', 2, false],
    ['queued', 2, false],
    ['waiting', 2, false],
    ['in_progress', 3, true],
    ['queued', undefined, false],
  ])(
    'a run that is %s in attempt %s: attempt 2 has ended: %s',
    async ([status, attempt, ended], { gitHub, apiWithResponse }) => {
      const result = await apiWithResponse({
        body: { id: 30433642, status, run_attempt: attempt },
      }).hasRunEnded(runIdentity);
      expect(result).toEqual({ status: 'present', value: ended });
      expect(gitHub.receivedRequests[0]?.path).toBe('/repos/relecloud/tours/actions/runs/30433642');
    },
  );
});

describe('a failed lookup is unknown, never a negative answer', () => {
  const lookups = {
    pullRequest: (api: GitHubApi) => api.getPullRequestState(42),
    openPullRequests: (api: GitHubApi) => api.listOpenPullRequests(),
    runEnded: (api: GitHubApi) => api.hasRunEnded(runIdentity),
  };

  test.for(Object.entries(lookups))(
    '%s: a 404, which the token may get for lack of access',
    async ([_, lookUp], { apiWithResponse }) => {
      const result = await lookUp(apiWithResponse(errorResponse(404, 'Not Found')));
      expect(result).toMatchObject({ status: 'unknown', error: { status: 404 } });
    },
  );

  test.for(Object.entries(lookups))(
    '%s: a 403 names the missing permission',
    async ([name, lookUp], { apiWithResponse }) => {
      const result = await lookUp(
        apiWithResponse(errorResponse(403, 'Resource not accessible by integration')),
      );
      expect(result).toMatchObject({
        status: 'unknown',
        error: { status: 403, message: expect.stringContaining('Resource not accessible by integration') },
      });
      const permission = name === 'runEnded' ? 'actions: read' : 'pull-requests: read';
      expect(result.status === 'unknown' && result.error.message).toContain(`permissions: ${permission}`);
    },
  );

  test.for(Object.entries(lookups))(
    '%s: a server error of GitHub',
    async ([_, lookUp], { apiWithResponse }) => {
      expect(await lookUp(apiWithResponse(errorResponse(501, 'Not implemented')))).toMatchObject({
        status: 'unknown',
        error: { status: 501, message: expect.stringContaining('https://www.githubstatus.com') },
      });
    },
  );

  test.for(Object.entries(lookups))(
    '%s: without a token no request is sent',
    async ([_, lookUp], { gitHub }) => {
      const result = await lookUp(createApi(undefined));
      expect(result).toMatchObject({
        status: 'unknown',
        error: { message: expect.stringContaining('github-token') },
      });
      expect(gitHub.receivedRequests).toEqual([]);
    },
  );

  test('no error contains the token', async ({ apiWithResponse }) => {
    for (const status of [401, 403, 404, 501]) {
      const result = await apiWithResponse(errorResponse(status, 'no')).getPullRequestState(42);
      expect(result.status === 'unknown' && String(result.error.stack)).not.toContain(token);
    }
  });

  test('when the run is aborted, its reason is thrown', async ({ gitHub }) => {
    const run = createTestRun();
    const reason = new Error('cancelled');
    gitHub.respond = () => {
      run.abort(reason);
      return { body: {} };
    };
    expect(await errorOf(createApi(token, run).getPullRequestState(42))).toBe(reason);
  });
});

describe('an unexpected response is unknown', () => {
  const html = { headers: { 'content-type': 'text/html' }, text: '<html>Sign in to the proxy</html>' };
  const unexpectedResponses: Readonly<Record<string, GitHubResponse>> = {
    'an HTML page': html,
    'incomplete JSON': { text: '{"number":42,"sta' },
    'no body': {},
    null: { body: null },
    'a list': { body: [[]] },
    'an empty object': { body: {} },
    'another state': { body: { number: 42, state: 'merged' } },
    'a number that is text': { body: { number: '42', state: 'closed', id: '30433642', status: 'completed' } },
    'a number that is not an integer': {
      body: { number: 4.2, state: 'closed', id: 1e300, status: 'completed' },
    },
    'another pull request or run': {
      body: { number: 43, state: 'closed', id: 30433643, status: 'completed' },
    },
    'a status that is null': { body: { id: 30433642, status: null } },
    'an attempt that is text': { body: { id: 30433642, status: 'queued', run_attempt: '3' } },
  };

  test.for(Object.entries(unexpectedResponses))('%s', async ([_, response], { apiWithResponse }) => {
    const api = apiWithResponse(response);
    for (const result of [
      await api.getPullRequestState(42),
      await api.listOpenPullRequests(),
      await api.hasRunEnded(runIdentity),
    ])
      expect(result).toMatchObject({
        status: 'unknown',
        error: { status: undefined, mayHaveTakenEffect: true },
      });
  });

  test('a long message is truncated between words', async ({ apiWithResponse }) => {
    const message = `refused ${'a b '.repeat(40)}${'eyJ'.repeat(200)}`;
    const result = await apiWithResponse({ status: 403, body: { message } }).getPullRequestState(42);
    expect(result.status === 'unknown' && result.error.message).toMatch(
      /failed: refused a b.* characters in all/,
    );
    expect(result.status === 'unknown' && result.error.message).not.toContain('eyJ');
  });

  test('the error does not contain a proxy’s HTML page', async ({ gitHub, apiWithResponse }) => {
    const page = { status: 404, headers: { 'content-type': 'text/html' }, text: `<html>${'x'.repeat(5000)}` };
    const result = await apiWithResponse(page).getPullRequestState(42);
    expect(result.status === 'unknown' && result.error.message).toBe(
      `Reading pull request #42 failed: the response is an HTML page (HTTP 404). A proxy, a firewall, a gateway or a sign-in page between the runner and ${new URL(gitHub.url).hostname} answered instead of it: run the workflow again. If it happens again, check that the network of the runner permits requests to ${new URL(gitHub.url).hostname}. If the runner reaches the internet only through a proxy, set the environment variable HTTPS_PROXY to http://host:port. https://www.githubstatus.com shows whether GitHub has an incident.`,
    );
  });

  test.for([401, 403, 404])(
    'HTTP %d with a page advises to check the network, and no other permissions or token',
    async (status, { apiWithResponse }) => {
      const page = { ...html, status };
      const result = await apiWithResponse(page).getPullRequestState(42);
      const message = result.status === 'unknown' ? result.error.message : '';
      expect(message).toMatch(/ answered instead of it: run the workflow again\. .*HTTPS_PROXY/);
      expect(message).not.toMatch(/permissions|token/);
    },
  );

  test.for<[string, (api: GitHubApi) => Promise<unknown>]>([
    ['the login of the token', (api) => api.getViewerLogin()],
    ['the comments', (api) => api.listComments(42)],
    ['the issues', (api) => api.listOpenIssues('ada')],
    ['the new comment’s id', (api) => api.createComment(42, 'text')],
    ['the new issue’s number', (api) => api.createIssue({ title: 'Drift', body: 'text' })],
  ])('%s', async ([_, lookUp], { gitHub, apiWithResponse }) => {
    for (const response of [html, { body: [{ id: 0, number: -1 }] }, { body: { id: 1.5, number: '1' } }]) {
      const error = await errorOf(lookUp(apiWithResponse(response)));
      expect(error).toBeInstanceOf(GitHubRequestError);
    }
    expect(gitHub.receivedRequests).toHaveLength(3);
  });
});

describe('a list', () => {
  test('that does not end is unknown after 100 pages', async ({ gitHub }) => {
    gitHub.respond = ({ path }) => ({
      headers: { link: `<${gitHub.url}${path}>; rel="next"` },
      body: [{ number: 1, state: 'open' }],
    });
    expect(await createApi(token).listOpenPullRequests()).toMatchObject({
      status: 'unknown',
      error: { message: expect.stringContaining('more than 100 pages') },
    });
    expect(gitHub.receivedRequests).toHaveLength(100);
  });

  test('is not followed to another host, which would get the token', async ({ gitHub }) => {
    gitHub.respond = () => ({ headers: { link: '<https://127.0.0.2:1/pulls>; rel="next"' }, body: [] });
    expect(await createApi(token).listOpenPullRequests()).toMatchObject({
      status: 'unknown',
      error: { message: expect.stringContaining('another host') },
    });
  });

  test('that GitHub rejects with 409 is unknown, not empty', async ({ apiWithResponse }) => {
    expect(await apiWithResponse(errorResponse(409, 'Conflict')).listOpenPullRequests()).toMatchObject({
      status: 'unknown',
      error: { status: 409 },
    });
  });
});

describe('the name of the repository', () => {
  test.for([
    '',
    'tours',
    'relecloud/',
    '/tours',
    'relecloud/../tours',
    '../tours',
    'relecloud/..',
    'a/b?c',
    'a b/c',
  ])('must be owner/name: no request is sent for %j', async (name, { gitHub }) => {
    const result = await new GitHubApi(token, name, createTestRun()).getPullRequestState(42);
    expect(result).toMatchObject({
      status: 'unknown',
      error: { message: expect.stringContaining('GITHUB_REPOSITORY'), mayHaveTakenEffect: false },
    });
    expect(gitHub.receivedRequests).toEqual([]);
  });

  test('may have dots, hyphens and underscores', async ({ gitHub, apiWithResponse }) => {
    apiWithResponse({ body: { number: 42, state: 'open' } });
    await new GitHubApi(token, 'my-org/.my_repo.js', createTestRun()).getPullRequestState(42);
    expect(gitHub.receivedRequests[0]?.path).toBe('/repos/my-org/.my_repo.js/pulls/42');
  });
});

test('a token of 520 characters with dots is sent unchanged', async ({ gitHub, apiWithResponse }) => {
  apiWithResponse({ body: { number: 42, state: 'open' } });
  const long = `ghs_${'a'.repeat(200)}.${'B'.repeat(150)}.${'0'.repeat(164)}`;
  await new GitHubApi(long, 'relecloud/tours', createTestRun()).getPullRequestState(42);
  expect(gitHub.receivedRequests[0]?.authorization).toBe(`bearer ${long}`);
});

describe('comments', () => {
  test('the login of an installation token is read from GraphQL’s viewer, once', async ({
    gitHub,
    apiWithResponse,
  }) => {
    const api = apiWithResponse({ body: { data: { viewer: { login: 'github-actions[bot]' } } } });
    expect(await api.getViewerLogin()).toBe('github-actions[bot]');
    expect(await api.getViewerLogin()).toBe('github-actions[bot]');
    expect(gitHub.receivedRequests.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /graphql']);
  });

  test('a rejected request is a GitHubRequestError that names the permission', async ({
    apiWithResponse,
  }) => {
    const error = await errorOf(apiWithResponse(errorResponse(403, 'no')).createComment(42, 'text'));
    expect(error).toBeInstanceOf(GitHubRequestError);
    expect(String(error)).toContain('permissions: pull-requests: write');
  });
});
