import { describe, expect } from 'vitest';
import type { HttpRequest } from '../../../emulator/core/http-types.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
import { gitHubHandler } from '../../../emulator/services/github/github-service.ts';
import { GitHubStore } from '../../../emulator/services/github/github-store.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import {
  createOctokit,
  patchGitHubRepository,
  repositoryName,
  sendGitHubRequest,
} from '../../helpers/emulator/github-client.ts';
import { valueAt } from '../../helpers/emulator/http-client.ts';

const repositoryPath = `/repos/${repositoryName}`;
const getList = async (emulator: Emulator, path: string) =>
  JSON.parse((await sendGitHubRequest(emulator, 'GET', path)).text) as Record<string, unknown>[];
const pullNumbers = async (emulator: Emulator, query: string) =>
  (await getList(emulator, `${repositoryPath}/pulls?${query}`)).map((pull) => pull['number']);

function parseLinkHeader(header: unknown): Record<string, string> {
  const matches = String(header ?? '').matchAll(/<([^>]+)>; rel="(\w+)"/g);
  return Object.fromEntries([...matches].map(([, url = '', rel = '']) => [rel, url]));
}

describe('authentication', () => {
  test.for<[string, string, string]>([
    ['no token', '', 'Requires authentication'],
    ['another scheme', 'Basic eDp5', 'Bad credentials'],
    ['a revoked token', 'token revoked', 'Bad credentials'],
  ])('refuses %s with 401', async ([_what, authorization, message], { emulator }) => {
    await patchGitHubRepository(emulator, { tokens: { revoked: { revoked: true } } });
    const answer = await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls`, { authorization });
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({ message, status: '401' });
    expect(answer.json['documentation_url']).toMatch(/^https:\/\/docs\.github\.com\/rest/);
  });

  test.for(['token any', 'bearer any', 'Bearer any'])('accepts %j', async (authorization, { emulator }) => {
    expect(
      (await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls`, { authorization })).status,
    ).toBe(200);
  });

  test('every answer has the media type and the remaining requests of the hour', async ({ emulator }) => {
    const get = () =>
      sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls`, { authorization: 'bearer counted' });
    const first = (await get()).headers;
    const second = (await get()).headers;
    expect(first['x-github-media-type']).toBe('github.v3; format=json');
    expect([first['x-ratelimit-limit'], first['x-ratelimit-remaining']]).toEqual(['5000', '4999']);
    expect([second['x-ratelimit-used'], second['x-ratelimit-remaining']]).toEqual(['2', '4998']);
    expect(Number(first['x-ratelimit-reset'])).toBeGreaterThan(Date.now() / 1000);
  });
});

test('a job’s token is refused after 1000 requests in an hour, with GitHub’s message', async () => {
  const held = new GitHubStore();
  held.tokens.register('busy', { permissions: {}, login: undefined, revoked: undefined }, repositoryName);
  const handler = gitHubHandler(held);
  const request: HttpRequest = {
    ...{ method: 'GET', path: '/user', url: new URL('https://127.0.0.1/user'), bodyText: '' },
    ...{ headers: { authorization: 'token busy' }, sourceAddress: '127.0.0.1', injectedFailure: undefined },
  };
  const messages = await Promise.all(
    Array.from({ length: 1001 }, async () => valueAt((await handler(request)).body, 'message')),
  );
  expect(messages[999]).toBe('Resource not accessible by integration');
  expect(messages[1000]).toMatch(/^API rate limit exceeded for installation ID \d+\.$/);
  expect((await handler(request)).headers).toMatchObject({ 'X-RateLimit-Remaining': '0' });
});

describe('permissions of a registered token', () => {
  test.beforeAll(async ({ emulator }) => {
    await patchGitHubRepository(emulator, {
      pulls: { 70: {} },
      comments: { 70: [{ body: 'there' }] },
      runs: { 700: {} },
    });
  });

  const pulls = ['GET', `${repositoryPath}/pulls/70`] as const;
  const reading = ['GET', `${repositoryPath}/issues/70/comments`] as const;
  const writing = ['POST', `${repositoryPath}/issues/70/comments`] as const;
  const runs = ['GET', `${repositoryPath}/actions/runs/700`] as const;

  test.for<[string, readonly [string, string], Record<string, string>, number]>([
    ['reading pull requests', pulls, { 'pull-requests': 'read' }, 200],
    ['reading pull requests', pulls, { issues: 'write', contents: 'write' }, 403],
    ['reading pull requests', pulls, { 'pull-requests': 'none' }, 403],
    ['reading comments', reading, { issues: 'read' }, 200],
    ['reading comments', reading, { 'pull-requests': 'read' }, 200],
    ['reading comments', reading, { contents: 'read' }, 403],
    ['writing comments', writing, { 'pull-requests': 'write' }, 201],
    ['writing comments', writing, { issues: 'write' }, 201],
    ['writing comments', writing, { 'pull-requests': 'read', issues: 'read' }, 403],
    ['reading runs', runs, { actions: 'read' }, 200],
    ['reading runs', runs, {}, 403],
  ])('%s by %o %o: %i', async ([_what, [method, path], permissions, status], { emulator }) => {
    await patchGitHubRepository(emulator, { tokens: { exact: { permissions } } });
    const body = method === 'POST' ? { body: 'hello' } : undefined;
    const answer = await sendGitHubRequest(emulator, method, path, { body, authorization: 'token exact' });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.json['message']).toBe('Resource not accessible by integration');
  });

  test('give access only to the repositories that it was registered for', async ({ emulator }) => {
    await patchGitHubRepository(emulator, { pulls: { 1: {} } }, 'relecloud/other');
    await patchGitHubRepository(emulator, { tokens: { own: { permissions: { 'pull-requests': 'write' } } } });
    const other = () =>
      sendGitHubRequest(emulator, 'GET', '/repos/relecloud/other/pulls/1', { authorization: 'token own' });
    expect((await other()).status).toBe(404);
    await patchGitHubRepository(emulator, { tokens: { own: {} } }, 'relecloud/other');
    expect((await other()).status).toBe(200);
  });
});

describe('pull requests', () => {
  const lists = 'relecloud/lists';

  test.beforeAll(async ({ emulator }) => {
    const states = Array.from({ length: 45 }, (_, index) => [
      index + 1,
      { state: index < 40 ? 'open' : 'closed' },
    ]);
    await patchGitHubRepository(emulator, { pulls: Object.fromEntries(states) }, lists);
    await patchGitHubRepository(emulator, {
      pulls: {
        7: {
          title: 'Fly',
          user: { login: 'mona' },
          head: { ref: 'fly', repo: { id: 9, full_name: 'mona/x' } },
        },
        8: { state: 'closed', merged: true },
      },
    });
  });

  test('have the main fields of GitHub’s API, with the ids of the repositories', async ({ emulator }) => {
    const { json } = await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls/7`);
    expect(json).toMatchObject({
      number: 7,
      state: 'open',
      title: 'Fly',
      merged: false,
      draft: false,
      html_url: `https://github.com/${repositoryName}/pull/7`,
      user: { login: 'mona', type: 'User' },
      head: { label: 'mona:fly', ref: 'fly', repo: { id: 9, full_name: 'mona/x', fork: true } },
      base: { ref: 'main', repo: { id: 700_100_200, full_name: repositoryName } },
    });
    expect(
      (
        await sendGitHubRequest(
          emulator,
          'GET',
          `${repositoryPath.toUpperCase().replace('REPOS', 'repos')}/pulls/7`,
        )
      ).status,
    ).toBe(200);
  });

  test('that are merged are closed, and lists show that only in merged_at', async ({ emulator }) => {
    expect((await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls/8`)).json).toMatchObject({
      state: 'closed',
      merged: true,
    });
    const listed = (await getList(emulator, `${repositoryPath}/pulls?state=closed`)).find(
      (pull) => pull['number'] === 8,
    );
    expect(listed?.['merged_at']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(listed).not.toHaveProperty('merged');
  });

  test('give 404 if they or their repository do not exist', async ({ emulator }) => {
    for (const path of [
      `${repositoryPath}/pulls/999`,
      `${repositoryPath}/issues/999/comments`,
      '/repos/nobody/nothing/pulls',
    ]) {
      const answer = await sendGitHubRequest(emulator, 'GET', path);
      expect([answer.status, answer.json['message'], answer.json['status']]).toEqual([
        404,
        'Not Found',
        '404',
      ]);
    }
  });

  test('are listed open, newest first, thirty per page by default', async ({ emulator }) => {
    const base = `/repos/${lists}/pulls`;
    const first = await getList(emulator, base);
    expect(first.map((pull) => pull['number'])).toEqual(Array.from({ length: 30 }, (_, i) => 40 - i));
    const counts = ['state=closed', 'state=all&per_page=100', 'per_page=500', 'per_page=0'].map(
      async (query) => (await getList(emulator, `${base}?${query}`)).length,
    );
    expect(await Promise.all(counts)).toEqual([5, 45, 40, 30]);
    expect(
      (await getList(emulator, `${base}?direction=asc&per_page=2`)).map((pull) => pull['number']),
    ).toEqual([1, 2]);
    expect((await sendGitHubRequest(emulator, 'GET', `${base}?state=odd`)).status).toBe(422);
  });

  test('sorted by updated are in ascending order, and head and base filter the list', async ({
    emulator,
  }) => {
    await patchGitHubRepository(emulator, {
      pulls: { 7: { updated_at: '2031-01-01T00:00:00Z' }, 8: { state: 'open' } },
    });
    const updated = await pullNumbers(emulator, 'sort=updated');
    expect(updated.at(-1)).toBe(7);
    expect(await pullNumbers(emulator, 'head=mona:fly')).toEqual([7]);
    expect(await pullNumbers(emulator, 'base=elsewhere')).toEqual([]);
  });

  test('have Link with absolute URLs that contain the id of the repository', async ({ emulator }) => {
    const base = `/repos/${lists}/pulls?state=all&per_page=20`;
    const links = parseLinkHeader(
      (await sendGitHubRequest(emulator, 'GET', `${base}&page=2`)).headers['link'],
    );
    expect(Object.keys(links)).toEqual(['prev', 'next', 'last', 'first']);
    const url = new URL(links['next'] ?? '');
    expect(url.origin).toBe(emulator.readyLine.env['GITHUB_API_URL']);
    expect(url.pathname).toMatch(/^\/repositories\/\d+\/pulls$/);
    expect(url.search).toBe('?state=all&per_page=20&page=3');
    const ends = await Promise.all(
      [1, 3].map((page) => sendGitHubRequest(emulator, 'GET', `${base}&page=${page}`)),
    );
    expect(ends.map(({ headers }) => Object.keys(parseLinkHeader(headers['link'])))).toEqual([
      ['next', 'last'],
      ['prev', 'first'],
    ]);
    expect(
      (await sendGitHubRequest(emulator, 'GET', `/repos/${lists}/pulls?state=closed`)).headers,
    ).not.toHaveProperty('link');
  });

  test('are complete with octokit’s paginate', async ({ emulator }) => {
    const { rest, paginate } = createOctokit(emulator, 'unregistered');
    const [owner, repo] = lists.split('/') as [string, string];
    const all = await paginate(rest.pulls.list, { owner, repo, state: 'all', per_page: 10 });
    expect(new Set(all.map(({ number }) => number)).size).toBe(45);
  });
});

describe('workflow runs', () => {
  test('have status, conclusion and attempt; earlier attempts have ended, and later ones give 404', async ({
    emulator,
  }) => {
    await patchGitHubRepository(emulator, { runs: { 123: { status: 'in_progress', run_attempt: 2 } } });
    const run = (path: string) =>
      sendGitHubRequest(emulator, 'GET', `${repositoryPath}/actions/runs/${path}`);
    expect((await run('123')).json).toMatchObject({
      id: 123,
      status: 'in_progress',
      conclusion: null,
      run_attempt: 2,
      repository: { full_name: repositoryName },
    });
    const attempts = await Promise.all([1, 2, 3].map((attempt) => run(`123/attempts/${attempt}`)));
    expect(attempts.map(({ status, json }) => [status, json['status']])).toEqual([
      [200, 'completed'],
      [200, 'in_progress'],
      [404, '404'],
    ]);
    await patchGitHubRepository(emulator, { runs: { 123: { status: 'completed' } } });
    expect((await run('123')).json).toMatchObject({ status: 'completed', conclusion: 'success' });
    expect((await run('124')).status).toBe(404);
  });
});

describe('the account of the token', () => {
  const query = (emulator: Emulator, text: string, authorization?: string) =>
    sendGitHubRequest(emulator, 'POST', '/graphql', {
      body: { query: text },
      ...(authorization && { authorization }),
    });

  test('of a job is github-actions[bot] in GraphQL, and GET /user refuses it', async ({ emulator }) => {
    for (const text of ['{ viewer { login } }', 'query{viewer{login}}', 'query Me {\n viewer { login }\n}']) {
      expect((await query(emulator, text)).json).toEqual({
        data: { viewer: { login: 'github-actions[bot]' } },
      });
    }
    const user = await sendGitHubRequest(emulator, 'GET', '/user');
    expect([user.status, user.json['message']]).toEqual([403, 'Resource not accessible by integration']);
  });

  test('of a user is that user', async ({ emulator }) => {
    await patchGitHubRepository(emulator, { tokens: { monas: { login: 'mona' } } });
    const answer = await query(emulator, '{ viewer { login } }', 'token monas');
    expect(valueAt(answer.json, 'data', 'viewer', 'login')).toBe('mona');
    expect(
      (await sendGitHubRequest(emulator, 'GET', '/user', { authorization: 'token monas' })).json,
    ).toMatchObject({
      login: 'mona',
      type: 'User',
    });
    await patchGitHubRepository(emulator, { tokens: { monas: { permissions: {} } } });
    const refused = await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls`, {
      authorization: 'token monas',
    });
    expect(refused.json['message']).toBe('Resource not accessible by personal access token');
  });

  test('any other GraphQL query gets errors', async ({ emulator }) => {
    for (const text of ['{ viewer { login email } }', 'mutation { x }', '{ viewer { login } } #']) {
      const { status, json } = await query(emulator, text);
      expect([status, Array.isArray(json['errors']), json['data']]).toEqual([200, true, undefined]);
    }
    expect(
      (await sendGitHubRequest(emulator, 'POST', '/graphql', { body: {}, authorization: '' })).status,
    ).toBe(401);
  });
});
