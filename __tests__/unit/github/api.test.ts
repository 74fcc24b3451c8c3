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
  /** The client of an API that gives this answer. */
  .extend('answering', async ({ gitHub }) => (answer: GitHubResponse): GitHubApi => {
    gitHub.respond = () => answer;
    return createApi(token);
  });
const errorResponse = (status: number, message: string): GitHubResponse => ({ status, body: { message } });
const runIdentity = { repositoryId: '1', runId: '30433642', runAttempt: '2' };

describe('what GitHub says of pull requests and runs', () => {
  test.for(['open', 'closed'] as const)('a pull request that is %s', async (state, { gitHub, answering }) => {
    const seen = await answering({ body: { number: 42, state } }).getPullRequestState(42);
    expect(seen).toEqual({ status: 'present', value: state });
    expect(gitHub.receivedRequests).toMatchObject([
      { method: 'GET', path: '/repos/relecloud/tours/pulls/42', authorization: `token ${token}` },
    ]);
  });

  test('the open ones are listed from every page', async ({ gitHub }) => {
    gitHub.respond = ({ path }) => {
      const page = Number(new URL(path, gitHub.url).searchParams.get('page') ?? 1);
      const next = `<${gitHub.url}/repos/relecloud/tours/pulls?state=open&per_page=100&page=${page + 1}>; rel="next"`;
      return { headers: page < 3 ? { link: next } : {}, body: [{ number: page, state: 'open' }] };
    };
    const seen = await createApi(token).listOpenPullRequests();
    expect(seen).toEqual({ status: 'present', value: new Set([1, 2, 3]) });
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
    async ([status, attempt, ended], { gitHub, answering }) => {
      const seen = await answering({ body: { id: 30433642, status, run_attempt: attempt } }).hasRunEnded(
        runIdentity,
      );
      expect(seen).toEqual({ status: 'present', value: ended });
      expect(gitHub.receivedRequests[0]?.path).toBe('/repos/relecloud/tours/actions/runs/30433642');
    },
  );
});

describe('what GitHub does not tell is unknown, never a no', () => {
  const questions = {
    pullRequest: (api: GitHubApi) => api.getPullRequestState(42),
    openPullRequests: (api: GitHubApi) => api.listOpenPullRequests(),
    runEnded: (api: GitHubApi) => api.hasRunEnded(runIdentity),
  };

  test.for(Object.entries(questions))(
    '%s: a 404 may hide one that the token cannot see',
    async ([_, ask], { answering }) => {
      const seen = await ask(answering(errorResponse(404, 'Not Found')));
      expect(seen).toMatchObject({ status: 'unknown', error: { status: 404 } });
    },
  );

  test.for(Object.entries(questions))(
    '%s: a refusal says which permission helps',
    async ([name, ask], { answering }) => {
      const seen = await ask(answering(errorResponse(403, 'Resource not accessible by integration')));
      expect(seen).toMatchObject({
        status: 'unknown',
        error: { status: 403, message: expect.stringContaining('Resource not accessible by integration') },
      });
      const permission = name === 'runEnded' ? 'actions: read' : 'pull-requests: read';
      expect(seen.status === 'unknown' && seen.error.message).toContain(`permissions: ${permission}`);
    },
  );

  test.for(Object.entries(questions))('%s: an error of GitHub itself', async ([_, ask], { answering }) => {
    expect(await ask(answering(errorResponse(501, 'Not implemented')))).toMatchObject({
      status: 'unknown',
      error: { status: 501, message: expect.stringContaining('https://www.githubstatus.com') },
    });
  });

  test.for(Object.entries(questions))(
    '%s: without a token nothing is asked',
    async ([_, ask], { gitHub }) => {
      const seen = await ask(createApi(undefined));
      expect(seen).toMatchObject({
        status: 'unknown',
        error: { message: expect.stringContaining('github-token') },
      });
      expect(gitHub.receivedRequests).toEqual([]);
    },
  );

  test('no refusal holds the token', async ({ answering }) => {
    for (const status of [401, 403, 404, 501]) {
      const seen = await answering(errorResponse(status, 'no')).getPullRequestState(42);
      expect(seen.status === 'unknown' && String(seen.error.stack)).not.toContain(token);
    }
  });

  test('the end of the run is no unknown: its own reason is thrown', async ({ gitHub }) => {
    const run = createTestRun();
    const reason = new Error('cancelled');
    gitHub.respond = () => {
      run.abort(reason);
      return { body: {} };
    };
    expect(await errorOf(createApi(token, run).getPullRequestState(42))).toBe(reason);
  });
});

describe('an answer that is not one of GitHub is unknown, never a yes or a no', () => {
  const html = { headers: { 'content-type': 'text/html' }, text: '<html>Sign in to the proxy</html>' };
  const wrong: Readonly<Record<string, GitHubResponse>> = {
    'a page of HTML': html,
    'JSON that ends early': { text: '{"number":42,"sta' },
    'no body': {},
    null: { body: null },
    'a list': { body: [[]] },
    'an object without anything': { body: {} },
    'another state': { body: { number: 42, state: 'merged' } },
    'a number that is text': { body: { number: '42', state: 'closed', id: '30433642', status: 'completed' } },
    'a number that is no integer': { body: { number: 4.2, state: 'closed', id: 1e300, status: 'completed' } },
    'another pull request or run': {
      body: { number: 43, state: 'closed', id: 30433643, status: 'completed' },
    },
    'a status that is null': { body: { id: 30433642, status: null } },
    'an attempt that is text': { body: { id: 30433642, status: 'queued', run_attempt: '3' } },
  };

  test.for(Object.entries(wrong))('%s', async ([_, answer], { answering }) => {
    const api = answering(answer);
    for (const seen of [
      await api.getPullRequestState(42),
      await api.listOpenPullRequests(),
      await api.hasRunEnded(runIdentity),
    ])
      expect(seen).toMatchObject({
        status: 'unknown',
        error: { status: undefined, mayHaveTakenEffect: true },
      });
  });

  test('a long answer is cut, and no word of it is split', async ({ answering }) => {
    const message = `refused ${'a b '.repeat(40)}${'eyJ'.repeat(200)}`;
    const seen = await answering({ status: 403, body: { message } }).getPullRequestState(42);
    expect(seen.status === 'unknown' && seen.error.message).toMatch(
      /possible: refused a b.* characters in all/,
    );
    expect(seen.status === 'unknown' && seen.error.message).not.toContain('eyJ');
  });

  test('a page of a proxy is not repeated in the error', async ({ answering }) => {
    const page = { status: 404, headers: { 'content-type': 'text/html' }, text: `<html>${'x'.repeat(5000)}` };
    const seen = await answering(page).getPullRequestState(42);
    expect(seen.status === 'unknown' && seen.error.message).toBe(
      'Asking GitHub for pull request #42 was not possible: the answer is a page of HTML (HTTP 404). If it exists, give the job `permissions: pull-requests: read`.',
    );
  });

  test.for<[string, (api: GitHubApi) => Promise<unknown>]>([
    ['who this token is', (api) => api.getViewerLogin()],
    ['the comments', (api) => api.listComments(42)],
    ['the issues', (api) => api.listOpenIssues('ada')],
    ['the new comment’s id', (api) => api.createComment(42, 'text')],
    ['the new issue’s number', (api) => api.createIssue({ title: 'Drift', body: 'text' })],
  ])('%s', async ([_, ask], { gitHub, answering }) => {
    for (const answer of [html, { body: [{ id: 0, number: -1 }] }, { body: { id: 1.5, number: '1' } }]) {
      const error = await errorOf(ask(answering(answer)));
      expect(error).toBeInstanceOf(GitHubRequestError);
    }
    expect(gitHub.receivedRequests).toHaveLength(3);
  });
});

describe('a list', () => {
  test('that does not end is unknown after a hundred pages', async ({ gitHub }) => {
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

  test('never leads the token to another host', async ({ gitHub }) => {
    gitHub.respond = () => ({ headers: { link: '<https://127.0.0.2:1/pulls>; rel="next"' }, body: [] });
    expect(await createApi(token).listOpenPullRequests()).toMatchObject({
      status: 'unknown',
      error: { message: expect.stringContaining('another host') },
    });
  });

  test('that GitHub refuses with 409 is unknown, not empty', async ({ answering }) => {
    expect(await answering(errorResponse(409, 'Conflict')).listOpenPullRequests()).toMatchObject({
      status: 'unknown',
      error: { status: 409 },
    });
  });
});

describe('the repository', () => {
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
  ])('is asked about only where its name is owner/name, not %s', async (name, { gitHub }) => {
    const seen = await new GitHubApi(token, name, createTestRun()).getPullRequestState(42);
    expect(seen).toMatchObject({
      status: 'unknown',
      error: { message: expect.stringContaining('GITHUB_REPOSITORY'), mayHaveTakenEffect: false },
    });
    expect(gitHub.receivedRequests).toEqual([]);
  });

  test('may have dots, hyphens and underscores in its name', async ({ gitHub, answering }) => {
    answering({ body: { number: 42, state: 'open' } });
    await new GitHubApi(token, 'my-org/.my_repo.js', createTestRun()).getPullRequestState(42);
    expect(gitHub.receivedRequests[0]?.path).toBe('/repos/my-org/.my_repo.js/pulls/42');
  });
});

test('a token of 520 characters with dots is sent whole', async ({ gitHub, answering }) => {
  answering({ body: { number: 42, state: 'open' } });
  const long = `ghs_${'a'.repeat(200)}.${'B'.repeat(150)}.${'0'.repeat(164)}`;
  await new GitHubApi(long, 'relecloud/tours', createTestRun()).getPullRequestState(42);
  expect(gitHub.receivedRequests[0]?.authorization).toBe(`bearer ${long}`);
});

describe('who comments', () => {
  test('an installation token may not ask for its user, but for the viewer, once', async ({
    gitHub,
    answering,
  }) => {
    const api = answering({ body: { data: { viewer: { login: 'github-actions[bot]' } } } });
    expect(await api.getViewerLogin()).toBe('github-actions[bot]');
    expect(await api.getViewerLogin()).toBe('github-actions[bot]');
    expect(gitHub.receivedRequests.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /graphql']);
  });

  test('a refusal is an error of its own kind, which is no reason to fail', async ({ answering }) => {
    const error = await errorOf(answering(errorResponse(403, 'no')).createComment(42, 'text'));
    expect(error).toBeInstanceOf(GitHubRequestError);
    expect(String(error)).toContain('permissions: pull-requests: write');
  });
});
