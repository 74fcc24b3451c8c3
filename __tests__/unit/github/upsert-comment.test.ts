import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { GitHubApi } from '../../../src/github/api.ts';
import { type CommentOutcome, upsertComment } from '../../../src/github/upsert-comment.ts';
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

/** The comments of pull request #42, as the fake GitHub stores them. */
let storedComments: Comment[] = [];
/** Called right after the next comment is created. */
let afterCreate = (): void => {};

const pageSize = 2;

const pageUrl = (id: number): string => `https://github.com/relecloud/tours/pull/42#issuecomment-${id}`;

/** Responds as GitHub does, with shorter pages, so that there are several. */
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
      html_url: pageUrl(id),
    })),
  };
}

const upsert = (body: string, create: boolean): Promise<CommentOutcome> => {
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

describe('one comment is created and updated', () => {
  test('a missing comment is created, once', async () => {
    const url = pageUrl(1000);
    expect(await upsert('text', true)).toEqual({ action: 'created', url });
    expect(storedComments).toEqual([ownComment(1000, 'text')]);
    expect(await upsert('text', true)).toEqual({ action: 'unchanged', url });
    expect(storedComments).toHaveLength(1);
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });

  test('a comment with another text is updated', async () => {
    storedComments = [ownComment(7, 'old')];
    expect(await upsert('new', true)).toEqual({ action: 'updated', url: pageUrl(7) });
    expect(storedComments).toEqual([ownComment(7, 'new')]);
    expect(writeRequests()).toEqual(['PATCH comments/7']);
  });

  test('a comment with the same text is not updated', async () => {
    storedComments = [ownComment(7, 'text')];
    await upsert('text', true);
    expect(writeRequests()).toEqual([]);
  });

  test('the comment is found on every page, also with other line endings after an edit', async () => {
    storedComments = [1, 2, 3, 4].map((id) => ({ id, author: 'ada', body: 'a remark' }));
    storedComments.push({ id: 5, author: viewer, body: `${marker}\r\nold` });
    await upsert('new', true);
    expect(writeRequests()).toEqual(['PATCH comments/5']);
  });

  test('of several comments the oldest is updated', async () => {
    storedComments = [ownComment(9, 'second'), ownComment(8, 'first')];
    await upsert('new', true);
    expect(writeRequests()).toEqual(['PATCH comments/8']);
  });

  test('without create, only an existing comment is updated', async () => {
    expect(await upsert('dropped', false)).toEqual({ action: 'none', url: undefined });
    expect(writeRequests()).toEqual([]);
    storedComments = [ownComment(7, 'created')];
    await upsert('dropped', false);
    expect(storedComments).toEqual([ownComment(7, 'dropped')]);
  });
});

describe('a comment is not used by its marker alone, which anyone can write', () => {
  test.each([
    ['another author', { author: 'mallory', body: `${marker}\nold` }],
    ['a deleted author', { author: undefined, body: `${marker}\nold` }],
    ['a marker further down', { author: viewer, body: `> ${marker}\n${marker}\nold` }],
    [
      'the marker of another database',
      { author: viewer, body: `${marker.replace('/relecloud', '/tours')}\nold` },
    ],
    ['text behind the marker', { author: viewer, body: `${marker} old` }],
  ])('%s: it is not changed, and a new comment is created', async (_, theirs) => {
    const other = { id: 7, ...theirs };
    storedComments = [other];
    await upsert('text', true);
    expect(storedComments[0]).toEqual(other);
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });
});

describe('two jobs at the same time', () => {
  test('another job created an older comment: it stays and is updated, and the new one is deleted', async () => {
    afterCreate = () => {
      storedComments = [ownComment(500, 'theirs'), ...storedComments];
    };
    await upsert('ours', true);
    expect(storedComments).toEqual([ownComment(500, 'ours')]);
  });

  test('another job created a newer comment: the older one stays, and the other job deletes its own', async () => {
    afterCreate = () => {
      storedComments = [...storedComments, ownComment(5000, 'theirs')];
    };
    await upsert('ours', true);
    expect(storedComments).toEqual([ownComment(1000, 'ours'), ownComment(5000, 'theirs')]);
  });
});

describe('the creation of a comment without a response', () => {
  /** The next creation gets a 502, whether or not it has taken effect. */
  const loseResponse = (takesEffect: boolean): void => {
    gitHub.respond = (request) => {
      if (request.method !== 'POST' || request.path === '/graphql') return respondToComments(request);
      gitHub.respond = respondToComments;
      if (takesEffect) respondToComments(request);
      return { status: 502, body: { message: 'Bad Gateway' } };
    };
  };

  test('is not repeated if the comment exists', async () => {
    loseResponse(true);
    await upsert('text', true);
    expect(storedComments).toEqual([ownComment(1000, 'text')]);
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });

  test('is repeated after a search that does not find the comment', async () => {
    loseResponse(false);
    await upsert('text', true);
    expect(storedComments).toEqual([ownComment(1000, 'text')]);
    expect(
      gitHub.receivedRequests.filter(({ path }) => path !== '/graphql').map(({ method }) => method),
    ).toEqual(['GET', 'POST', 'GET', 'POST', 'GET']);
  });

  test('is not repeated if GitHub rejected it', async () => {
    gitHub.respond = (request) =>
      request.method === 'POST' && request.path !== '/graphql'
        ? { status: 403, body: { message: 'Resource not accessible by integration' } }
        : respondToComments(request);
    expect(String(await errorOf(upsert('text', true)))).toContain('HTTP 403');
    expect(writeRequests()).toEqual(['POST 42/comments']);
  });
});

test('a rejected read writes nothing', async () => {
  gitHub.respond = () => ({ status: 403, body: { message: 'Resource not accessible by integration' } });
  expect(String(await errorOf(upsert('text', true)))).toContain('permissions: ');
  expect(writeRequests()).toEqual([]);
});
