import { describe, expect, vi } from 'vitest';
import { patchRepository } from '../../../emulator/admin/patch-repository.ts';
import type { JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
import { GitHubStore } from '../../../emulator/services/github/github-store.ts';
import { sendControl } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import {
  createOctokit,
  patchGitHubRepository,
  repositoryName,
  sendGitHubRequest,
} from '../../helpers/emulator/github-client.ts';
import { valueAt } from '../../helpers/emulator/http-client.ts';

const repositoryPath = `/repos/${repositoryName}`;
const commentsPath = `${repositoryPath}/issues/7/comments`;

async function repositoryState(emulator: Emulator, name = repositoryName): Promise<JsonObject> {
  const { json } = await sendControl(emulator, 'GET', 'state');
  return valueAt(json, 'repositories', name) as JsonObject;
}

test.beforeAll(({ emulator }) => patchGitHubRepository(emulator, { pulls: { 7: {} } }));

describe('comments', () => {
  test('are created, read, changed and deleted, with the account of the token as author', async ({
    emulator,
  }) => {
    await patchGitHubRepository(emulator, { tokens: { monas: { login: 'mona' } } });
    const own = { owner: 'relecloud', repo: 'space-travel' };
    const [job, mona] = [createOctokit(emulator, 'a-job'), createOctokit(emulator, 'monas')];
    const created = await job.rest.issues.createComment({
      ...own,
      issue_number: 7,
      body: 'A database is there.',
    });
    expect(created.status).toBe(201);
    expect(created.data).toMatchObject({
      body: 'A database is there.',
      user: { login: 'github-actions[bot]', type: 'Bot' },
      issue_url: expect.stringMatching(/\/repos\/relecloud\/space-travel\/issues\/7$/),
      html_url: `https://github.com/${repositoryName}/pull/7#issuecomment-${created.data.id}`,
    });
    const hers = await mona.rest.issues.createComment({ ...own, issue_number: 7, body: 'Thanks.' });
    expect(hers.data.user).toMatchObject({ login: 'mona', type: 'User' });
    const comment_id = created.data.id;
    await job.rest.issues.updateComment({ ...own, comment_id, body: 'It is deleted.' });
    expect((await mona.rest.issues.getComment({ ...own, comment_id })).data.body).toBe('It is deleted.');
    const removed = await job.rest.issues.deleteComment({ ...own, comment_id });
    expect(removed.status).toBe(204);
    await expect(job.rest.issues.getComment({ ...own, comment_id })).rejects.toThrow('Not Found');
    const left = await job.rest.issues.listComments({ ...own, issue_number: 7 });
    expect(left.data.map(({ id }) => id)).toEqual([hers.data.id]);
  });

  test.for([
    ['an empty body', { body: '' }, 422, 'Validation Failed', 'Body cannot be blank'],
    ['a blank body', { body: ' \n' }, 422, 'Validation Failed', 'Body cannot be blank'],
    [
      'more than 65536 characters',
      { body: 'x'.repeat(65_537) },
      422,
      'Validation Failed',
      'Body is too long (maximum is 65536 characters)',
    ],
    ['no body', {}, 422, 'Invalid request.\n\n"body" wasn\'t supplied.', undefined],
    [
      'a body that is not a text',
      { body: 5 },
      422,
      "Invalid request.\n\nFor 'properties/body', 5 is not a string.",
      undefined,
    ],
    ['no JSON', '{', 400, 'Problems parsing JSON', undefined],
  ])(
    'with %s are refused with GitHub’s message',
    async ([_what, body, status, message, detail], { emulator }) => {
      const answer = await sendGitHubRequest(emulator, 'POST', commentsPath, { body });
      expect(answer.status).toBe(status);
      expect(answer.json).toMatchObject({
        message,
        documentation_url: 'https://docs.github.com/rest/issues/comments#create-an-issue-comment',
      });
      const errors = answer.json['errors'];
      if (detail !== undefined) expect(errors).toMatchObject([{ resource: 'IssueComment', message: detail }]);
    },
  );

  test('of 65536 characters are accepted', async ({ emulator }) => {
    const answer = await sendGitHubRequest(emulator, 'POST', commentsPath, {
      body: { body: 'x'.repeat(65_536) },
    });
    expect(answer.status).toBe(201);
  });

  test('are listed ascending by id, in pages', async ({ emulator }) => {
    await patchGitHubRepository(emulator, {
      pulls: { 20: {} },
      comments: { 20: Array.from({ length: 65 }, (_, index) => ({ body: `Number ${index}` })) },
    });
    const { rest, paginate } = createOctokit(emulator, 'unregistered');
    const all = await paginate(rest.issues.listComments, {
      owner: 'relecloud',
      repo: 'space-travel',
      issue_number: 20,
    });
    expect(all.map(({ body }) => body)).toEqual(Array.from({ length: 65 }, (_, index) => `Number ${index}`));
    const ids = all.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });
});

describe('control/state of a repository', () => {
  const hundreds = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [index + 1, {}]));

  test('shows pull requests, comments and runs, but no token', async ({ emulator }) => {
    await patchGitHubRepository(emulator, {
      repositoryId: 4711,
      pulls: { 30: { title: 'Shown' } },
      comments: { 30: [{ body: 'Forged', user: { login: 'mallory', type: 'User' } }] },
      runs: { 5: { status: 'completed', conclusion: 'failure', run_attempt: 3 } },
      tokens: { 'a-secret-token': { permissions: {}, login: 'mona' } },
    });
    const shown = await repositoryState(emulator);
    expect(shown).toMatchObject({
      id: 4711,
      pulls: {
        30: { state: 'open', title: 'Shown', head: { repo: { id: 4711, full_name: repositoryName } } },
      },
      comments: { 30: [{ body: 'Forged', user: { login: 'mallory', type: 'User' } }], 7: expect.any(Array) },
      runs: { 5: { status: 'completed', conclusion: 'failure', run_attempt: 3 } },
    });
    expect((await sendControl(emulator, 'GET', 'state')).text).not.toContain('a-secret-token');
  });

  test('merges changes, adds comments, and null deletes an entry', async ({ emulator }) => {
    const name = 'relecloud/changing';
    await patchGitHubRepository(emulator, { pulls: { 1: { title: 'Kept' }, 2: {} }, runs: { 9: {} } }, name);
    await patchGitHubRepository(emulator, { comments: { 1: [{ body: 'one' }] } }, name);
    await patchGitHubRepository(
      emulator,
      { pulls: { 1: { state: 'closed' }, 2: null }, runs: { 9: null }, comments: { 1: [{ body: 'two' }] } },
      name.toUpperCase(),
    );
    const { pulls, comments: all, runs } = await repositoryState(emulator, name);
    expect(pulls).toMatchObject({ 1: { title: 'Kept', state: 'closed' } });
    expect(Object.keys(pulls as JsonObject)).toEqual(['1']);
    expect(all).toMatchObject({ 1: [{ body: 'one' }, { body: 'two' }] });
    expect(runs).toEqual({});
  });

  test('accepts a pull request in the form of a webhook, also one of a deleted fork', async ({
    emulator,
  }) => {
    const pull = {
      number: 31,
      state: 'open',
      user: { login: 'mona', id: 5 },
      head: { ref: 'x', repo: null },
    };
    await patchGitHubRepository(emulator, { pulls: { 31: pull } });
    const { json } = await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls/31`);
    expect(json).toMatchObject({ user: { login: 'mona', id: 5 }, head: { ref: 'x', repo: null } });
  });

  test('accepts hundreds of pull requests in one call', async ({ emulator }) => {
    await patchGitHubRepository(emulator, { pulls: hundreds }, 'relecloud/many');
    expect(
      Object.keys((await repositoryState(emulator, 'relecloud/many'))['pulls'] as JsonObject),
    ).toHaveLength(300);
  });

  test('sets each pull request without iterating over the others', () => {
    const held = new GitHubStore();
    const { pulls } = held.getOrCreate('relecloud/many', undefined);
    const iterators = (['keys', 'values', 'entries', 'forEach', Symbol.iterator] as const).map((method) =>
      vi.spyOn(pulls, method),
    );
    patchRepository(held, { repository: 'relecloud/many', pulls: hundreds });
    expect(pulls.size).toBe(300);
    for (const iterator of iterators) expect(iterator).not.toHaveBeenCalled();
  });

  test.for<[string, JsonObject]>([
    ['an invalid name', { repository: 'relecloud' }],
    ['an invalid state', { pulls: { 1: { state: 'merged' } } }],
    ['an invalid number', { pulls: { x: {} } }],
    ['a fork without id', { pulls: { 1: { head: { repo: { full_name: 'mona/x' } } } } }],
    ['an invalid status', { runs: { 1: { status: 'done' } } }],
    ['a comment under a number that does not exist', { comments: { 999: [{ body: 'x' }] } }],
    ['a comment without a body', { comments: { 7: [{}] } }],
    ['an invalid level', { tokens: { t: { permissions: { issues: 'admin' } } } }],
  ])('refuses %s', async ([_what, change], { emulator }) => {
    const answer = await sendControl(emulator, 'PATCH', 'state', { repository: repositoryName, ...change });
    expect(answer.status).toBe(400);
    expect(answer.json['error']).toContain('ControlError');
  });
});
