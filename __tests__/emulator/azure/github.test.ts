import { beforeAll, describe, expect, it } from 'vitest';
import { gitHubHandler } from '../../../emulator/github/index.ts';
import { GitHub } from '../../../emulator/github/store.ts';
import type { Request } from '../../../emulator/http/exchange.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { gitHub, octokit, repository, tell } from '../../helpers/emulator/github.ts';
import { at } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator();
const root = `/repos/${repository}`;
const call = (...args: Parameters<typeof gitHub> extends [unknown, ...infer Rest] ? Rest : never) =>
  gitHub(bench.emulator, ...args);
const list = async (path: string) => JSON.parse((await call('GET', path)).text) as Record<string, unknown>[];
const numbers = async (query: string) => (await list(`${root}/pulls?${query}`)).map((pull) => pull['number']);

function linksOf(header: unknown): Record<string, string> {
  const matches = String(header ?? '').matchAll(/<([^>]+)>; rel="(\w+)"/g);
  return Object.fromEntries([...matches].map(([, url = '', rel = '']) => [rel, url]));
}

describe('authentication', () => {
  it.each([
    ['no token', '', 'Requires authentication'],
    ['another scheme', 'Basic eDp5', 'Bad credentials'],
    ['a revoked token', 'token revoked', 'Bad credentials'],
  ])('refuses %s with 401', async (_what, authorization, message) => {
    await tell(bench.emulator, { tokens: { revoked: { revoked: true } } });
    const answer = await call('GET', `${root}/pulls`, { authorization });
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({ message, status: '401' });
    expect(answer.json['documentation_url']).toMatch(/^https:\/\/docs\.github\.com\/rest/);
  });

  it.each(['token any', 'bearer any', 'Bearer any'])('takes %j', async (authorization) => {
    expect((await call('GET', `${root}/pulls`, { authorization })).status).toBe(200);
  });

  it('tells media type and the rest of the hourly budget with every answer', async () => {
    const get = () => call('GET', `${root}/pulls`, { authorization: 'bearer counted' });
    const first = (await get()).headers;
    const second = (await get()).headers;
    expect(first['x-github-media-type']).toBe('github.v3; format=json');
    expect([first['x-ratelimit-limit'], first['x-ratelimit-remaining']]).toEqual(['5000', '4999']);
    expect([second['x-ratelimit-used'], second['x-ratelimit-remaining']]).toEqual(['2', '4998']);
    expect(Number(first['x-ratelimit-reset'])).toBeGreaterThan(Date.now() / 1000);
  });
});

it('a job’s token is refused after 1000 requests in an hour, as GitHub words it', async () => {
  const held = new GitHub();
  held.tokens.register('busy', { permissions: {}, login: undefined, revoked: undefined }, repository);
  const handler = gitHubHandler(held);
  const request: Request = {
    ...{ method: 'GET', path: '/user', url: new URL('https://127.0.0.1/user'), text: '' },
    ...{ headers: { authorization: 'token busy' }, source: '127.0.0.1', imposedFailure: undefined },
  };
  const messages = await Promise.all(
    Array.from({ length: 1001 }, async () => at((await handler(request)).body, 'message')),
  );
  expect(messages[999]).toBe('Resource not accessible by integration');
  expect(messages[1000]).toMatch(/^API rate limit exceeded for installation ID \d+\.$/);
  expect((await handler(request)).headers).toMatchObject({ 'X-RateLimit-Remaining': '0' });
});

describe('permissions of a registered token', () => {
  beforeAll(async () => {
    await tell(bench.emulator, {
      pulls: { 70: {} },
      comments: { 70: [{ body: 'there' }] },
      runs: { 700: {} },
    });
  });

  const pulls = ['GET', `${root}/pulls/70`] as const;
  const reading = ['GET', `${root}/issues/70/comments`] as const;
  const writing = ['POST', `${root}/issues/70/comments`] as const;
  const runs = ['GET', `${root}/actions/runs/700`] as const;

  it.each([
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
  ])('%s by %o %o: %i', async (_what, [method, path], permissions, status) => {
    await tell(bench.emulator, { tokens: { exact: { permissions } } });
    const body = method === 'POST' ? { body: 'hello' } : undefined;
    const answer = await call(method, path, { body, authorization: 'token exact' });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.json['message']).toBe('Resource not accessible by integration');
  });

  it('reach no repository but those that it was registered for', async () => {
    await tell(bench.emulator, { pulls: { 1: {} } }, 'relecloud/other');
    await tell(bench.emulator, { tokens: { own: { permissions: { 'pull-requests': 'write' } } } });
    const other = () => call('GET', '/repos/relecloud/other/pulls/1', { authorization: 'token own' });
    expect((await other()).status).toBe(404);
    await tell(bench.emulator, { tokens: { own: {} } }, 'relecloud/other');
    expect((await other()).status).toBe(200);
  });
});

describe('pull requests', () => {
  const lists = 'relecloud/lists';

  beforeAll(async () => {
    const states = Array.from({ length: 45 }, (_, index) => [
      index + 1,
      { state: index < 40 ? 'open' : 'closed' },
    ]);
    await tell(bench.emulator, { pulls: Object.fromEntries(states) }, lists);
    await tell(bench.emulator, {
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

  it('are there with the main fields of GitHub’s, the repositories’ ids among them', async () => {
    const { json } = await call('GET', `${root}/pulls/7`);
    expect(json).toMatchObject({
      number: 7,
      state: 'open',
      title: 'Fly',
      merged: false,
      draft: false,
      html_url: `https://github.com/${repository}/pull/7`,
      user: { login: 'mona', type: 'User' },
      head: { label: 'mona:fly', ref: 'fly', repo: { id: 9, full_name: 'mona/x', fork: true } },
      base: { ref: 'main', repo: { id: 700_100_200, full_name: repository } },
    });
    expect((await call('GET', `${root.toUpperCase().replace('REPOS', 'repos')}/pulls/7`)).status).toBe(200);
  });

  it('that are merged are closed, and lists tell it by merged_at alone', async () => {
    expect((await call('GET', `${root}/pulls/8`)).json).toMatchObject({ state: 'closed', merged: true });
    const listed = (await list(`${root}/pulls?state=closed`)).find((pull) => pull['number'] === 8);
    expect(listed?.['merged_at']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(listed).not.toHaveProperty('merged');
  });

  it('and repositories that are not there are not found', async () => {
    for (const path of [`${root}/pulls/999`, `${root}/issues/999/comments`, '/repos/nobody/nothing/pulls']) {
      const answer = await call('GET', path);
      expect([answer.status, answer.json['message'], answer.json['status']]).toEqual([
        404,
        'Not Found',
        '404',
      ]);
    }
  });

  it('are listed open, newest first, thirty a page, unless something else is asked for', async () => {
    const base = `/repos/${lists}/pulls`;
    const first = await list(base);
    expect(first.map((pull) => pull['number'])).toEqual(Array.from({ length: 30 }, (_, i) => 40 - i));
    const counts = ['state=closed', 'state=all&per_page=100', 'per_page=500', 'per_page=0'].map(
      async (query) => (await list(`${base}?${query}`)).length,
    );
    expect(await Promise.all(counts)).toEqual([5, 45, 40, 30]);
    expect((await list(`${base}?direction=asc&per_page=2`)).map((pull) => pull['number'])).toEqual([1, 2]);
    expect((await call('GET', `${base}?state=odd`)).status).toBe(422);
  });

  it('sorted by updated come in ascending order, and head and base narrow the list', async () => {
    await tell(bench.emulator, {
      pulls: { 7: { updated_at: '2031-01-01T00:00:00Z' }, 8: { state: 'open' } },
    });
    const updated = await numbers('sort=updated');
    expect(updated.at(-1)).toBe(7);
    expect(await numbers('head=mona:fly')).toEqual([7]);
    expect(await numbers('base=elsewhere')).toEqual([]);
  });

  it('name the other pages in Link, by absolute URLs with the repository’s id', async () => {
    const base = `/repos/${lists}/pulls?state=all&per_page=20`;
    const links = linksOf((await call('GET', `${base}&page=2`)).headers['link']);
    expect(Object.keys(links)).toEqual(['prev', 'next', 'last', 'first']);
    const url = new URL(links['next'] ?? '');
    expect(url.origin).toBe(bench.emulator.ready.env['GITHUB_API_URL']);
    expect(url.pathname).toMatch(/^\/repositories\/\d+\/pulls$/);
    expect(url.search).toBe('?state=all&per_page=20&page=3');
    const ends = await Promise.all([1, 3].map((page) => call('GET', `${base}&page=${page}`)));
    expect(ends.map(({ headers }) => Object.keys(linksOf(headers['link'])))).toEqual([
      ['next', 'last'],
      ['prev', 'first'],
    ]);
    expect((await call('GET', `/repos/${lists}/pulls?state=closed`)).headers).not.toHaveProperty('link');
  });

  it('are all found by octokit’s paginate', async () => {
    const { rest, paginate } = octokit(bench.emulator, 'by-hand');
    const [owner, repo] = lists.split('/') as [string, string];
    const all = await paginate(rest.pulls.list, { owner, repo, state: 'all', per_page: 10 });
    expect(new Set(all.map(({ number }) => number)).size).toBe(45);
  });
});

describe('workflow runs', () => {
  it('tell status, conclusion and attempt; earlier attempts have ended, later ones are not there', async () => {
    await tell(bench.emulator, { runs: { 123: { status: 'in_progress', run_attempt: 2 } } });
    const run = (path: string) => call('GET', `${root}/actions/runs/${path}`);
    expect((await run('123')).json).toMatchObject({
      id: 123,
      status: 'in_progress',
      conclusion: null,
      run_attempt: 2,
      repository: { full_name: repository },
    });
    const attempts = await Promise.all([1, 2, 3].map((attempt) => run(`123/attempts/${attempt}`)));
    expect(attempts.map(({ status, json }) => [status, json['status']])).toEqual([
      [200, 'completed'],
      [200, 'in_progress'],
      [404, '404'],
    ]);
    await tell(bench.emulator, { runs: { 123: { status: 'completed' } } });
    expect((await run('123')).json).toMatchObject({ status: 'completed', conclusion: 'success' });
    expect((await run('124')).status).toBe(404);
  });
});

describe('who the token is', () => {
  const query = (text: string, authorization?: string) =>
    call('POST', '/graphql', { body: { query: text }, ...(authorization && { authorization }) });

  it('a job’s is github-actions[bot] to GraphQL, and nobody’s to GET /user', async () => {
    for (const text of ['{ viewer { login } }', 'query{viewer{login}}', 'query Me {\n viewer { login }\n}']) {
      expect((await query(text)).json).toEqual({ data: { viewer: { login: 'github-actions[bot]' } } });
    }
    const user = await call('GET', '/user');
    expect([user.status, user.json['message']]).toEqual([403, 'Resource not accessible by integration']);
  });

  it('a person’s is theirs', async () => {
    await tell(bench.emulator, { tokens: { monas: { login: 'mona' } } });
    const answer = await query('{ viewer { login } }', 'token monas');
    expect(at(answer.json, 'data', 'viewer', 'login')).toBe('mona');
    expect((await call('GET', '/user', { authorization: 'token monas' })).json).toMatchObject({
      login: 'mona',
      type: 'User',
    });
    await tell(bench.emulator, { tokens: { monas: { permissions: {} } } });
    const refused = await call('GET', `${root}/pulls`, { authorization: 'token monas' });
    expect(refused.json['message']).toBe('Resource not accessible by personal access token');
  });

  it('any other GraphQL query is answered with errors', async () => {
    for (const text of ['{ viewer { login email } }', 'mutation { x }', '{ viewer { login } } #']) {
      const { status, json } = await query(text);
      expect([status, Array.isArray(json['errors']), json['data']]).toEqual([200, true, undefined]);
    }
    expect((await call('POST', '/graphql', { body: {}, authorization: '' })).status).toBe(401);
  });
});
