import { describe, expect } from 'vitest';
import { GitHubApi, GitHubUnknown } from '../../../src/github/api.ts';
import type { Answer } from '../../helpers/unit/git-hub-answering.ts';
import { thrownBy } from '../../helpers/unit/run.ts';
import { test as base } from '../../helpers/unit/test.ts';

const token = 'ghs_16C7e42F292c69';
const apiWith = (given: string | undefined, signal = new AbortController().signal): GitHubApi =>
  new GitHubApi(given, 'relecloud/tours', signal);
const test = base
  /** The client of an API that gives this answer. */
  .extend('answering', async ({ gitHub }) => (answer: Answer): GitHubApi => {
    gitHub.answer = () => answer;
    return apiWith(token);
  });
const refusal = (status: number, message: string): Answer => ({ status, body: { message } });
const run = { repositoryId: '1', runId: '30433642', runAttempt: '2' };

describe('what GitHub says of pull requests and runs', () => {
  test.for(['open', 'closed'] as const)('a pull request that is %s', async (state, { gitHub, answering }) => {
    const seen = await answering({ body: { number: 42, state } }).pullRequest(42);
    expect(seen).toEqual({ status: 'present', value: state });
    expect(gitHub.asked).toMatchObject([
      { method: 'GET', path: '/repos/relecloud/tours/pulls/42', authorization: `token ${token}` },
    ]);
  });

  test('the open ones are listed from every page', async ({ gitHub }) => {
    gitHub.answer = ({ path }) => {
      const page = Number(new URL(path, gitHub.url).searchParams.get('page') ?? 1);
      const next = `<${gitHub.url}/repos/relecloud/tours/pulls?state=open&per_page=100&page=${page + 1}>; rel="next"`;
      return { headers: page < 3 ? { link: next } : {}, body: [{ number: page, state: 'open' }] };
    };
    const seen = await apiWith(token).openPullRequests();
    expect(seen).toEqual({ status: 'present', value: new Set([1, 2, 3]) });
    expect(gitHub.asked[0]?.path).toBe('/repos/relecloud/tours/pulls?state=open&per_page=100');
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
      const seen = await answering({ body: { id: 30433642, status, run_attempt: attempt } }).runEnded(run);
      expect(seen).toEqual({ status: 'present', value: ended });
      expect(gitHub.asked[0]?.path).toBe('/repos/relecloud/tours/actions/runs/30433642');
    },
  );
});

describe('what GitHub does not tell is unknown, never a no', () => {
  const questions = {
    pullRequest: (api: GitHubApi) => api.pullRequest(42),
    openPullRequests: (api: GitHubApi) => api.openPullRequests(),
    runEnded: (api: GitHubApi) => api.runEnded(run),
  };

  test.for(Object.entries(questions))(
    '%s: a 404 may hide one that the token cannot see',
    async ([_, ask], { answering }) => {
      const seen = await ask(answering(refusal(404, 'Not Found')));
      expect(seen).toMatchObject({ status: 'unknown', error: { status: 404 } });
    },
  );

  test.for(Object.entries(questions))(
    '%s: a refusal says which permission helps',
    async ([name, ask], { answering }) => {
      const seen = await ask(answering(refusal(403, 'Resource not accessible by integration')));
      expect(seen).toMatchObject({
        status: 'unknown',
        error: { status: 403, message: expect.stringContaining('Resource not accessible by integration') },
      });
      const permission = name === 'runEnded' ? 'actions: read' : 'pull-requests: read';
      expect(seen.status === 'unknown' && seen.error.message).toContain(`permissions: ${permission}`);
    },
  );

  test.for(Object.entries(questions))('%s: an outage', async ([_, ask], { answering }) => {
    expect(await ask(answering(refusal(503, 'Unavailable')))).toMatchObject({
      status: 'unknown',
      error: { status: 503 },
    });
  });

  test.for(Object.entries(questions))(
    '%s: without a token nothing is asked',
    async ([_, ask], { gitHub }) => {
      const seen = await ask(apiWith(undefined));
      expect(seen).toMatchObject({
        status: 'unknown',
        error: { message: expect.stringContaining('github-token') },
      });
      expect(gitHub.asked).toEqual([]);
    },
  );

  test('no refusal holds the token', async ({ answering }) => {
    for (const status of [401, 403, 404, 500]) {
      const seen = await answering(refusal(status, 'no')).pullRequest(42);
      expect(seen.status === 'unknown' && String(seen.error.stack)).not.toContain(token);
    }
  });

  test('the end of the run is no unknown: its own reason is thrown', async ({ gitHub }) => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    gitHub.answer = () => {
      controller.abort(reason);
      return { body: {} };
    };
    expect(await thrownBy(apiWith(token, controller.signal).pullRequest(42))).toBe(reason);
  });
});

describe('who comments', () => {
  test('an installation token may not ask for its user, but for the viewer, once', async ({
    gitHub,
    answering,
  }) => {
    const api = answering({ body: { data: { viewer: { login: 'github-actions[bot]' } } } });
    expect(await api.viewer()).toBe('github-actions[bot]');
    expect(await api.viewer()).toBe('github-actions[bot]');
    expect(gitHub.asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /graphql']);
  });

  test('a refusal is an error of its own kind, which is no reason to fail', async ({ answering }) => {
    const error = await thrownBy(answering(refusal(403, 'no')).createComment(42, 'text'));
    expect(error).toBeInstanceOf(GitHubUnknown);
    expect(String(error)).toContain('permissions: pull-requests: write');
  });
});
