import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { GitHubApi } from '../../../src/github/api.ts';
import { upsertComment } from '../../../src/github/upsert-comment.ts';
import { FakeGitHub, type GitHubResponse } from '../../helpers/unit/fake-github.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

const gitHub = new FakeGitHub();
const viewer = 'github-actions[bot]';
const marker = '<!-- azure-postgresql-action: demo-relecloud/relecloud -->';

interface Comment {
  readonly id: number;
  readonly author: string | undefined;
  readonly body: string;
}

/** The comments of pull request #42, as GitHub keeps them. */
let storedComments: Comment[] = [];
/** What happens right after the next comment is made. */
let afterCreate = (): void => {};

const pageSize = 2;

/** As GitHub answers; pages are shorter, so that there are some. */
function respondToComments({ method, path, body }: FakeGitHub['receivedRequests'][number]): GitHubResponse {
  const { pathname, searchParams } = new URL(path, gitHub.url);
  const text = (body as { body?: string } | undefined)?.body ?? '';
  const id = Number(pathname.split('/').at(-1));
  if (pathname === '/graphql') return { body: { data: { viewer: { login: viewer } } } };
  if (method === 'POST') {
    const made = { id: 1000 + storedComments.length, author: viewer, body: text };
    storedComments.push(made);
    afterCreate();
    return { status: 201, body: { id: made.id } };
  }
  if (method === 'PATCH') {
    storedComments = storedComments.map((each) => (each.id === id ? { ...each, body: text } : each));
    return { body: { id } };
  }
  if (method === 'DELETE') {
    storedComments = storedComments.filter((each) => each.id !== id);
    return { status: 204 };
  }
  const page = Number(searchParams.get('page') ?? 1);
  const some = storedComments.slice((page - 1) * pageSize, page * pageSize);
  const next = `<${gitHub.url}${pathname}?page=${page + 1}>; rel="next"`;
  return {
    headers: page * pageSize < storedComments.length ? { link: next } : {},
    body: some.map(({ id, author, body }) => ({
      id,
      body,
      user: author === undefined ? null : { login: author },
    })),
  };
}

const upsert = (body: string, create: boolean): Promise<void> => {
  const api = new GitHubApi('ghs_16C7e42F292c69', 'relecloud/tours', createTestRun());
  return upsertComment(api, 42, { marker, body, create });
};

beforeAll(async () => {
  await gitHub.listen();
  vi.stubEnv('GITHUB_API_URL', gitHub.url);
});
beforeEach(() => {
  storedComments = [];
  afterCreate = () => {};
  gitHub.respond = respondToComments;
  gitHub.receivedRequests.splice(0);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await gitHub.close();
});

const ownComment = (id: number, body: string): Comment => ({
  id,
  author: viewer,
  body: `${marker}\n${body}`,
});
const writeRequests = (): readonly string[] =>
  gitHub.receivedRequests
    .filter(({ method, path }) => method !== 'GET' && path !== '/graphql')
    .map(({ method, path }) => `${method} ${path.replace('/repos/relecloud/tours/issues/', '')}`);

describe('comment: keep one pull request comment up to date', () => {
  test('there is none: it is made, once', async () => {
    await upsert('text', true);
    expect(storedComments).toEqual([ownComment(1000, 'text')]);
    await upsert('text', true);
    expect(storedComments).toHaveLength(1);
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });

  test('there is one that says something else: it is changed', async () => {
    storedComments = [ownComment(7, 'old')];
    await upsert('new', true);
    expect(storedComments).toEqual([ownComment(7, 'new')]);
    expect(writeRequests()).toEqual(['PATCH comments/7']);
  });

  test('there is one that says the same: nothing is written', async () => {
    storedComments = [ownComment(7, 'text')];
    await upsert('text', true);
    expect(writeRequests()).toEqual([]);
  });

  test('it is found on every page, also where it was edited with other line ends', async () => {
    storedComments = [1, 2, 3, 4].map((id) => ({ id, author: 'ada', body: 'a remark' }));
    storedComments.push({ id: 5, author: viewer, body: `${marker}\r\nold` });
    await upsert('new', true);
    expect(writeRequests()).toEqual(['PATCH comments/5']);
  });

  test('of several the oldest is kept up to date', async () => {
    storedComments = [ownComment(9, 'second'), ownComment(8, 'first')];
    await upsert('new', true);
    expect(writeRequests()).toEqual(['PATCH comments/8']);
  });

  test('the news that it is gone is told only where it was told of', async () => {
    await upsert('gone', false);
    expect(writeRequests()).toEqual([]);
    storedComments = [ownComment(7, 'there')];
    await upsert('gone', false);
    expect(storedComments).toEqual([ownComment(7, 'gone')]);
  });
});

describe('a marker alone proves nothing, since anybody can write one', () => {
  test.each([
    ['another author', { author: 'mallory', body: `${marker}\nold` }],
    ['an author who is gone', { author: undefined, body: `${marker}\nold` }],
    ['a marker further down', { author: viewer, body: `> ${marker}\n${marker}\nold` }],
    [
      'the marker of another database',
      { author: viewer, body: `${marker.replace('/relecloud', '/tours')}\nold` },
    ],
    ['text behind the marker', { author: viewer, body: `${marker} old` }],
  ])('%s: left, and one of our own is made', async (_, theirs) => {
    const other = { id: 7, ...theirs };
    storedComments = [other];
    await upsert('text', true);
    expect(storedComments[0]).toEqual(other);
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });
});

describe('two jobs at once', () => {
  test('another job made one at the same time: the older one stays, and says the newest', async () => {
    afterCreate = () => {
      storedComments = [ownComment(500, 'theirs'), ...storedComments];
    };
    await upsert('ours', true);
    expect(storedComments).toEqual([ownComment(500, 'ours')]);
  });

  test('another job made a younger one: that is left to the other job', async () => {
    afterCreate = () => {
      storedComments = [...storedComments, ownComment(5000, 'theirs')];
    };
    await upsert('ours', true);
    expect(storedComments).toEqual([ownComment(1000, 'ours'), ownComment(5000, 'theirs')]);
  });
});

describe('a comment whose creation was not answered', () => {
  /** The next creation gets a 502, whether or not it has taken effect. */
  const losing = (takesEffect: boolean): void => {
    gitHub.respond = (asked) => {
      if (asked.method !== 'POST' || asked.path === '/graphql') return respondToComments(asked);
      gitHub.respond = respondToComments;
      if (takesEffect) respondToComments(asked);
      return { status: 502, body: { message: 'Bad Gateway' } };
    };
  };

  test('is there: it is not created again', async () => {
    losing(true);
    await upsert('text', true);
    expect(storedComments).toEqual([ownComment(1000, 'text')]);
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });

  test('is not there: it is created again, after a look', async () => {
    losing(false);
    await upsert('text', true);
    expect(storedComments).toEqual([ownComment(1000, 'text')]);
    expect(
      gitHub.receivedRequests.filter(({ path }) => path !== '/graphql').map(({ method }) => method),
    ).toEqual(['GET', 'POST', 'GET', 'POST', 'GET']);
  });

  test('is not created again where it was refused', async () => {
    gitHub.respond = (asked) =>
      asked.method === 'POST' && asked.path !== '/graphql'
        ? { status: 403, body: { message: 'Resource not accessible by integration' } }
        : respondToComments(asked);
    expect(String(await errorOf(upsert('text', true)))).toContain('HTTP 403');
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });
});

test('a refusal while reading writes nothing', async () => {
  gitHub.respond = () => ({ status: 403, body: { message: 'Resource not accessible by integration' } });
  expect(String(await errorOf(upsert('text', true)))).toContain('permissions: ');
  expect(writeRequests()).toEqual([]);
});
