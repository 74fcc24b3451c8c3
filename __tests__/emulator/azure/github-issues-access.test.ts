import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
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

async function repositoryState(emulator: Emulator, name = repositoryName): Promise<JsonObject> {
  const { json } = await sendControl(emulator, 'GET', 'state');
  return valueAt(json, 'repositories', name) as JsonObject;
}

test.beforeAll(({ emulator }) =>
  patchGitHubRepository(emulator, { pulls: { 7: {} }, issues: { 12: { title: 'Twelve' } } }),
);

describe('permissions of a registered token', () => {
  const reads = { issues: 'read' };
  const writes = { issues: 'write' };
  const pulls = { 'pull-requests': 'write' };
  test.for<[string, string, Record<string, string>, number]>([
    ['GET', 'issues', reads, 200],
    ['GET', 'issues', pulls, 403],
    ['GET', 'issues', {}, 403],
    ['POST', 'issues', writes, 201],
    ['POST', 'issues', reads, 403],
    ['POST', 'issues', pulls, 403],
    ['GET', 'issues/12', reads, 200],
    ['GET', 'issues/12', pulls, 403],
    ['PATCH', 'issues/12', writes, 200],
    ['PATCH', 'issues/12', reads, 403],
    ['PATCH', 'issues/12', pulls, 403],
    ['PATCH', 'issues/7', pulls, 200],
    ['GET', 'issues/12/comments', reads, 200],
    ['GET', 'issues/12/comments', pulls, 403],
    ['POST', 'issues/12/comments', writes, 201],
    ['POST', 'issues/12/comments', { issues: 'read', 'pull-requests': 'write' }, 403],
    ['POST', 'issues/7/comments', pulls, 201],
    ['PATCH', 'issues/12', {}, 403],
  ])('%s %s with %o: %i', async ([method, path, permissions, status], { emulator }) => {
    await patchGitHubRepository(emulator, { tokens: { exact: { permissions } } });
    const body = method === 'GET' ? undefined : { title: 'Twelve', body: 'hello' };
    const answer = await sendGitHubRequest(emulator, method, `${repositoryPath}/${path}`, {
      body,
      authorization: 'token exact',
    });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.json['message']).toBe('Resource not accessible by integration');
  });

  test('give the same access to a comment by its id as to its issue', async ({ emulator }) => {
    await patchGitHubRepository(emulator, {
      tokens: { exact: { permissions: pulls } },
      comments: { 7: [{ body: 'pull' }], 12: [{ body: 'issue' }] },
    });
    const { comments } = await repositoryState(emulator);
    for (const [number, status] of [
      ['7', 204],
      ['12', 403],
    ] as const) {
      const [{ id }] = (comments as Record<string, [JsonObject]>)[number] ?? [{}];
      const path = `${repositoryPath}/issues/comments/${id}`;
      expect(
        (await sendGitHubRequest(emulator, 'DELETE', path, { authorization: 'token exact' })).status,
      ).toBe(status);
    }
  });
});

describe('comments of an issue', () => {
  test('are created, counted, listed and shown by control, and update the issue', async ({ emulator }) => {
    await patchGitHubRepository(emulator, { issues: { 20: { updated_at: '2020-01-01T00:00:00Z' } } });
    const { rest } = createOctokit(emulator, 'a-job');
    const issue = { owner: 'relecloud', repo: 'space-travel', issue_number: 20 };
    const { data } = await rest.issues.createComment({ ...issue, body: 'Swept.' });
    expect(data.html_url).toBe(`https://github.com/${repositoryName}/issues/20#issuecomment-${data.id}`);
    expect((await rest.issues.listComments(issue)).data.map(({ id }) => id)).toEqual([data.id]);
    const after = (await rest.issues.get(issue)).data;
    expect(after.comments).toBe(1);
    expect(after.updated_at).toBe(data.created_at);
    expect(await repositoryState(emulator)).toMatchObject({ comments: { 20: [{ body: 'Swept.' }] } });
  });
});

describe('a repository whose issues are disabled', () => {
  const name = 'relecloud/no-issues';
  const base = `/repos/${name}`;

  test('answers 410 for issues, lists only its pull requests, and works again when they are enabled', async ({
    emulator,
  }) => {
    await patchGitHubRepository(
      emulator,
      { issues: { 1: {} }, pulls: { 2: {} }, issuesDisabled: true },
      name,
    );
    expect(await repositoryState(emulator, name)).toMatchObject({ issuesDisabled: true, issues: { 1: {} } });
    const requests = [
      ['POST', 'issues'],
      ['GET', 'issues/1'],
      ['PATCH', 'issues/1'],
      ['POST', 'issues/1/comments'],
    ] as const;
    for (const [method, path] of requests) {
      const body = method === 'GET' ? undefined : { title: 'x', body: 'x' };
      const answer = await sendGitHubRequest(emulator, method, `${base}/${path}`, { body });
      expect([answer.status, answer.json['message']]).toEqual([410, 'Issues are disabled for this repo']);
    }
    const listed = async () =>
      JSON.parse((await sendGitHubRequest(emulator, 'GET', `${base}/issues`)).text) as JsonObject[];
    expect((await listed()).map(({ number }) => number)).toEqual([2]);
    const comment = { body: { body: 'x' } };
    expect((await sendGitHubRequest(emulator, 'POST', `${base}/issues/2/comments`, comment)).status).toBe(
      201,
    );
    await patchGitHubRepository(emulator, { issuesDisabled: false }, name);
    expect((await listed()).map(({ number }) => number)).toEqual([2, 1]);
  });
});

describe('control/state of a repository', () => {
  test('accepts issues in the form of the API, merges changes, and shows them', async ({ emulator }) => {
    const name = 'relecloud/patched-issues';
    const given = {
      title: 'Report',
      body: 'text',
      state: 'closed',
      state_reason: 'not_planned',
      user: { login: 'mallory', type: 'User' },
      labels: [{ name: 'ops' }],
      created_at: '2030-01-01T00:00:00Z',
      updated_at: '2030-01-02T00:00:00Z',
      closed_at: '2030-01-02T00:00:00Z',
      closed_by: { login: 'mona' },
    };
    await patchGitHubRepository(emulator, { issues: { 12: given } }, name);
    const shown = { ...given, labels: ['ops'] };
    expect((await repositoryState(emulator, name))['issues']).toMatchObject({ 12: shown });
    expect((await sendGitHubRequest(emulator, 'GET', `/repos/${name}/issues/12`)).json).toMatchObject(given);
    await patchGitHubRepository(
      emulator,
      { issues: { 12: { state: 'open' } }, comments: { 12: [{ body: 'x' }] } },
      name,
    );
    expect(await repositoryState(emulator, name)).toMatchObject({
      issues: { 12: { title: 'Report', state: 'open', state_reason: 'reopened', closed_at: null } },
      comments: { 12: [{ body: 'x' }] },
    });
    await patchGitHubRepository(emulator, { issues: { 12: null } }, name);
    expect(await repositoryState(emulator, name)).toMatchObject({ issues: {}, comments: {} });
    expect(Object.keys((await repositoryState(emulator, name))['comments'] as JsonObject)).toEqual([]);
  });

  test.for<[string, JsonObject]>([
    ['an invalid state', { issues: { 1: { state: 'merged' } } }],
    ['an invalid reason', { issues: { 1: { state: 'closed', state_reason: 'bored' } } }],
    ['a reason that does not fit the state', { issues: { 1: { state: 'open', state_reason: 'completed' } } }],
    ['an empty title', { issues: { 1: { title: '' } } }],
    ['a body that GitHub would refuse', { issues: { 1: { body: 'x'.repeat(65_537) } } }],
    ['invalid labels', { issues: { 1: { labels: [1] } } }],
    ['a pull request’s number', { issues: { 7: {} } }],
    ['the deletion of a pull request as an issue', { issues: { 7: null } }],
    ['a pull request with an issue’s number', { pulls: { 12: {} } }],
    ['an invalid number', { issues: { x: {} } }],
  ])('refuses %s', async ([_what, change], { emulator }) => {
    const answer = await sendControl(emulator, 'PATCH', 'state', { repository: repositoryName, ...change });
    expect(answer.status).toBe(400);
    expect(answer.json['error']).toContain('ControlError');
  });
});
