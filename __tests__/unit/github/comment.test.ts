import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { GitHubApi } from '../../../src/github/api.ts';
import { keepComment } from '../../../src/github/comment.ts';
import { type Answer, GitHubAnswering } from '../../helpers/unit/git-hub-answering.ts';
import { testRun, thrownBy } from '../../helpers/unit/run.ts';

const gitHub = new GitHubAnswering();
const viewer = 'github-actions[bot]';
const marker = '<!-- azure-postgresql-action: demo-relecloud/relecloud -->';

interface Comment {
  readonly id: number;
  readonly author: string | undefined;
  readonly body: string;
}

/** The comments of pull request #42, as GitHub keeps them. */
let comments: Comment[] = [];
/** What happens right after the next comment is made. */
let thenHappens = (): void => {};

const pageSize = 2;

/** As GitHub answers; pages are shorter, so that there are some. */
function answer({ method, path, body }: GitHubAnswering['asked'][number]): Answer {
  const { pathname, searchParams } = new URL(path, gitHub.url);
  const text = (body as { body?: string } | undefined)?.body ?? '';
  const id = Number(pathname.split('/').at(-1));
  if (pathname === '/graphql') return { body: { data: { viewer: { login: viewer } } } };
  if (method === 'POST') {
    const made = { id: 1000 + comments.length, author: viewer, body: text };
    comments.push(made);
    thenHappens();
    return { status: 201, body: { id: made.id } };
  }
  if (method === 'PATCH') {
    comments = comments.map((each) => (each.id === id ? { ...each, body: text } : each));
    return { body: { id } };
  }
  if (method === 'DELETE') {
    comments = comments.filter((each) => each.id !== id);
    return { status: 204 };
  }
  const page = Number(searchParams.get('page') ?? 1);
  const some = comments.slice((page - 1) * pageSize, page * pageSize);
  const next = `<${gitHub.url}${pathname}?page=${page + 1}>; rel="next"`;
  return {
    headers: page * pageSize < comments.length ? { link: next } : {},
    body: some.map(({ id, author, body }) => ({
      id,
      body,
      user: author === undefined ? null : { login: author },
    })),
  };
}

const keep = (body: string, create: boolean): Promise<void> => {
  const api = new GitHubApi('ghs_16C7e42F292c69', 'relecloud/tours', testRun());
  return keepComment(api, 42, { marker, body, create });
};

beforeAll(async () => {
  await gitHub.listen();
  vi.stubEnv('GITHUB_API_URL', gitHub.url);
});
beforeEach(() => {
  comments = [];
  thenHappens = () => {};
  gitHub.answer = answer;
  gitHub.asked.splice(0);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await gitHub.close();
});

const own = (id: number, body: string): Comment => ({ id, author: viewer, body: `${marker}\n${body}` });
const writes = (): readonly string[] =>
  gitHub.asked
    .filter(({ method, path }) => method !== 'GET' && path !== '/graphql')
    .map(({ method, path }) => `${method} ${path.replace('/repos/relecloud/tours/issues/', '')}`);

describe('comment: keep one pull request comment up to date', () => {
  test('there is none: it is made, once', async () => {
    await keep('text', true);
    expect(comments).toEqual([own(1000, 'text')]);
    await keep('text', true);
    expect(comments).toHaveLength(1);
    expect(writes()).toEqual(['POST 42/comments']);
  });

  test('there is one that says something else: it is changed', async () => {
    comments = [own(7, 'old')];
    await keep('new', true);
    expect(comments).toEqual([own(7, 'new')]);
    expect(writes()).toEqual(['PATCH comments/7']);
  });

  test('there is one that says the same: nothing is written', async () => {
    comments = [own(7, 'text')];
    await keep('text', true);
    expect(writes()).toEqual([]);
  });

  test('it is found on every page, also where it was edited with other line ends', async () => {
    comments = [1, 2, 3, 4].map((id) => ({ id, author: 'ada', body: 'a remark' }));
    comments.push({ id: 5, author: viewer, body: `${marker}\r\nold` });
    await keep('new', true);
    expect(writes()).toEqual(['PATCH comments/5']);
  });

  test('of several the oldest is kept up to date', async () => {
    comments = [own(9, 'second'), own(8, 'first')];
    await keep('new', true);
    expect(writes()).toEqual(['PATCH comments/8']);
  });

  test('the news that it is gone is told only where it was told of', async () => {
    await keep('gone', false);
    expect(writes()).toEqual([]);
    comments = [own(7, 'there')];
    await keep('gone', false);
    expect(comments).toEqual([own(7, 'gone')]);
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
    comments = [other];
    await keep('text', true);
    expect(comments[0]).toEqual(other);
    expect(writes()).toEqual(['POST 42/comments']);
  });
});

describe('two jobs at once', () => {
  test('another job made one at the same time: the older one stays, and says the newest', async () => {
    thenHappens = () => {
      comments = [own(500, 'theirs'), ...comments];
    };
    await keep('ours', true);
    expect(comments).toEqual([own(500, 'ours')]);
  });

  test('another job made a younger one: that is left to the other job', async () => {
    thenHappens = () => {
      comments = [...comments, own(5000, 'theirs')];
    };
    await keep('ours', true);
    expect(comments).toEqual([own(1000, 'ours'), own(5000, 'theirs')]);
  });
});

describe('a comment whose creation was not answered', () => {
  /** The next creation gets a 502, whether or not it has taken effect. */
  const losing = (takesEffect: boolean): void => {
    gitHub.answer = (asked) => {
      if (asked.method !== 'POST' || asked.path === '/graphql') return answer(asked);
      gitHub.answer = answer;
      if (takesEffect) answer(asked);
      return { status: 502, body: { message: 'Bad Gateway' } };
    };
  };

  test('is there: it is not created again', async () => {
    losing(true);
    await keep('text', true);
    expect(comments).toEqual([own(1000, 'text')]);
    expect(writes()).toEqual(['POST 42/comments']);
  });

  test('is not there: it is created again, after a look', async () => {
    losing(false);
    await keep('text', true);
    expect(comments).toEqual([own(1000, 'text')]);
    expect(gitHub.asked.filter(({ path }) => path !== '/graphql').map(({ method }) => method)).toEqual([
      'GET',
      'POST',
      'GET',
      'POST',
      'GET',
    ]);
  });

  test('is not created again where it was refused', async () => {
    gitHub.answer = (asked) =>
      asked.method === 'POST' && asked.path !== '/graphql'
        ? { status: 403, body: { message: 'Resource not accessible by integration' } }
        : answer(asked);
    expect(String(await thrownBy(keep('text', true)))).toContain('HTTP 403');
    expect(writes()).toEqual(['POST 42/comments']);
  });
});

test('a refusal while reading writes nothing', async () => {
  gitHub.answer = () => ({ status: 403, body: { message: 'Resource not accessible by integration' } });
  expect(String(await thrownBy(keep('text', true)))).toContain('permissions: ');
  expect(writes()).toEqual([]);
});
