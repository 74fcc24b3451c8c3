import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import {
  createOctokit,
  patchGitHubRepository,
  repositoryName,
  sendGitHubRequest,
} from '../../helpers/emulator/github-client.ts';

const repositoryPath = `/repos/${repositoryName}`;
const ownRepository = { owner: 'relecloud', repo: 'space-travel' };
const listIssues = async (emulator: Emulator, query = '', base = repositoryPath) =>
  JSON.parse((await sendGitHubRequest(emulator, 'GET', `${base}/issues?${query}`)).text) as JsonObject[];
const issueNumbers = async (emulator: Emulator, query: string, base = repositoryPath) =>
  (await listIssues(emulator, query, base)).map((issue) => issue['number']);
const TIMESTAMP_PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

describe('an issue', () => {
  test('is created by the account of the token, with the number after the last issue or pull request', async ({
    emulator,
  }) => {
    await patchGitHubRepository(emulator, {
      pulls: { 7: {} },
      issues: { 3: {} },
      tokens: { monas: { login: 'mona' } },
    });
    const [job, mona] = [createOctokit(emulator, 'a-job'), createOctokit(emulator, 'monas')];
    const created = await job.rest.issues.create({
      ...ownRepository,
      title: 'A sweep',
      body: 'Gone: 2',
      labels: ['ops'],
    });
    expect(created.status).toBe(201);
    expect(created.headers.location).toBe(created.data.url);
    expect(created.data).toMatchObject({
      number: 8,
      title: 'A sweep',
      body: 'Gone: 2',
      state: 'open',
      state_reason: null,
      closed_at: null,
      closed_by: null,
      comments: 0,
      user: { login: 'github-actions[bot]', type: 'Bot' },
      labels: [{ name: 'ops' }],
      html_url: `https://github.com/${repositoryName}/issues/8`,
      url: expect.stringMatching(/\/repos\/relecloud\/space-travel\/issues\/8$/),
      created_at: expect.stringMatching(TIMESTAMP_PATTERN),
    });
    expect(created.data).not.toHaveProperty('pull_request');
    const next = await mona.rest.issues.create({ ...ownRepository, title: 'Thanks' });
    expect(next.data).toMatchObject({ number: 9, body: null, user: { login: 'mona', type: 'User' } });
    expect((await job.rest.issues.get({ ...ownRepository, issue_number: 9 })).data.title).toBe('Thanks');
  });

  const longTitle = 'title is too long (maximum is 256 characters)';
  const longBody = 'body is too long (maximum is 65536 characters)';
  test.for<[string, JsonObject, string, object[] | undefined]>([
    ['no title', { body: 'x' }, 'Invalid request.\n\n"title" wasn\'t supplied.', undefined],
    ['an empty title', { title: ' ' }, 'Validation Failed', [{ code: 'missing_field', field: 'title' }]],
    [
      'a title of 257 characters',
      { title: 'x'.repeat(257) },
      'Validation Failed',
      [{ resource: 'Issue', code: 'custom', field: 'title', message: longTitle }],
    ],
    [
      'a body of 65537 characters',
      { title: 'x', body: 'x'.repeat(65_537) },
      'Validation Failed',
      [{ resource: 'Issue', code: 'custom', field: 'body', message: longBody }],
    ],
    [
      'labels that are null',
      { title: 'x', labels: null },
      "Invalid request.\n\nFor 'properties/labels', nil is not an array.",
      undefined,
    ],
    [
      'a label that is null',
      { title: 'x', labels: [null] },
      "Invalid request.\n\nFor 'items', nil is not a string or object.",
      undefined,
    ],
  ])('with %s is refused with GitHub’s message', async ([_what, body, message, errors], { emulator }) => {
    const before = (await listIssues(emulator, 'state=all&per_page=100')).length;
    const answer = await sendGitHubRequest(emulator, 'POST', `${repositoryPath}/issues`, { body });
    expect(answer.status).toBe(422);
    expect(answer.json).toMatchObject({
      message,
      documentation_url: 'https://docs.github.com/rest/issues/issues#create-an-issue',
      ...(errors && { errors }),
    });
    expect(await listIssues(emulator, 'state=all&per_page=100')).toHaveLength(before);
  });

  test('with 256 and 65536 characters is accepted', async ({ emulator }) => {
    const body = { title: 'x'.repeat(256), body: 'x'.repeat(65_536) };
    expect((await sendGitHubRequest(emulator, 'POST', `${repositoryPath}/issues`, { body })).status).toBe(
      201,
    );
  });

  test('is closed by the account of the token, with a reason, and shows both until it is reopened', async ({
    emulator,
  }) => {
    const { rest } = createOctokit(emulator, 'a-job');
    const { number: issue_number } = (await rest.issues.create({ ...ownRepository, title: 'Open' })).data;
    const update = async (change: JsonObject) =>
      (await rest.issues.update({ ...ownRepository, issue_number, ...change })).data;
    expect(await update({ title: 'Shut', body: 'Done', state: 'closed' })).toMatchObject({
      title: 'Shut',
      body: 'Done',
      state: 'closed',
      state_reason: 'completed',
      closed_at: expect.stringMatching(TIMESTAMP_PATTERN),
      closed_by: { login: 'github-actions[bot]' },
    });
    // GitHub: "Ignored unless `state` is changed".
    expect(await update({ state: 'closed', state_reason: 'not_planned' })).toMatchObject({
      state_reason: 'completed',
    });
    expect(await update({ state: 'open' })).toMatchObject({
      state: 'open',
      state_reason: 'reopened',
      closed_at: null,
      closed_by: null,
    });
    expect(await update({ state: 'closed', state_reason: 'not_planned' })).toMatchObject({
      state_reason: 'not_planned',
    });
    expect(await update({ labels: ['a', { name: 'b' }, 'A'] })).toMatchObject({
      title: 'Shut',
      state: 'closed',
      labels: [{ name: 'a' }, { name: 'b' }],
    });
    expect(await update({ body: null, labels: [] })).toMatchObject({ body: null, labels: [] });
  });

  test.for<[string, JsonObject, RegExp]>([
    ['state', { state: 'merged' }, /^Invalid request\.\n\nmerged is not a member of \["open", "closed"\]\.$/],
    ['reason', { state: 'closed', state_reason: 'bored' }, /^Invalid request\.\n\nbored is not a member of/],
    ['reason for closing', { state: 'closed', state_reason: 'reopened' }, /^Validation Failed$/],
    ['title', { title: '' }, /^Validation Failed$/],
  ])('is not changed by an invalid %s', async ([_what, change, message], { emulator }) => {
    await patchGitHubRepository(emulator, { issues: { 60: { title: 'Kept', state: 'open' } } });
    const answer = await sendGitHubRequest(emulator, 'PATCH', `${repositoryPath}/issues/60`, {
      body: { body: 'New', ...change },
    });
    expect(answer.status).toBe(422);
    expect(answer.json['message']).toMatch(message);
    expect((await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/issues/60`)).json).toMatchObject({
      title: 'Kept',
      body: null,
      state: 'open',
    });
  });

  test('gives 404 if it does not exist, and 410 if it was deleted', async ({ emulator }) => {
    const missing = await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/issues/999`);
    expect([missing.status, missing.json['message']]).toEqual([404, 'Not Found']);
    const base = '/repos/relecloud/deleting';
    await patchGitHubRepository(emulator, { issues: { 1: {}, 2: {} } }, 'relecloud/deleting');
    await patchGitHubRepository(emulator, { issues: { 2: null } }, 'relecloud/deleting');
    for (const path of [`${base}/issues/2`, `${base}/issues/2/comments`]) {
      const deleted = await sendGitHubRequest(emulator, 'GET', path);
      expect([deleted.status, deleted.json['message']]).toEqual([410, 'This issue was deleted']);
    }
    expect(await issueNumbers(emulator, '', base)).toEqual([1]);
    const created = await sendGitHubRequest(emulator, 'POST', `${base}/issues`, { body: { title: 'Next' } });
    expect(created.json['number']).toBe(3);
  });
});

describe('a pull request', () => {
  test('is an issue too, with the member pull_request, and with a separate id as an issue', async ({
    emulator,
  }) => {
    await patchGitHubRepository(emulator, {
      pulls: { 500: { state: 'closed', merged: true } },
      issues: { 501: {} },
    });
    const found = await listIssues(emulator, 'state=all&per_page=100');
    const [pull, issue] = [500, 501].map((number) => found.find((each) => each['number'] === number));
    expect(pull).toMatchObject({
      html_url: `https://github.com/${repositoryName}/pull/500`,
      pull_request: {
        merged_at: expect.stringMatching(TIMESTAMP_PATTERN),
        url: expect.stringMatching(/\/pulls\/500$/),
      },
    });
    expect(issue).not.toHaveProperty('pull_request');
    const { json } = await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/issues/500`);
    expect(json['id']).toBe(pull?.['id']);
    expect(json['id']).not.toBe(
      (await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls/500`)).json['id'],
    );
    const reopened = await sendGitHubRequest(emulator, 'PATCH', `${repositoryPath}/issues/500`, {
      body: { state: 'open' },
    });
    expect([reopened.status, reopened.json['message']]).toEqual([422, 'Validation Failed']);
  });

  test('can be changed as an issue, and the pull request shows the change', async ({ emulator }) => {
    await patchGitHubRepository(emulator, { pulls: { 502: {} } });
    const change = { title: 'Renamed', state: 'closed', labels: ['ops'] };
    expect(
      (await sendGitHubRequest(emulator, 'PATCH', `${repositoryPath}/issues/502`, { body: change })).status,
    ).toBe(200);
    expect((await sendGitHubRequest(emulator, 'GET', `${repositoryPath}/pulls/502`)).json).toMatchObject({
      title: 'Renamed',
      state: 'closed',
      labels: [{ name: 'ops' }],
    });
  });
});

describe('the list of issues', () => {
  const lists = 'relecloud/issue-lists';
  const base = `/repos/${lists}`;

  test.beforeAll(async ({ emulator }) => {
    const bot = { login: 'github-actions[bot]' };
    const at = (day: number) => `2031-01-0${day}T00:00:00Z`;
    await patchGitHubRepository(
      emulator,
      {
        issues: {
          1: { user: bot, created_at: at(1), updated_at: at(9), labels: ['Ops', 'db'] },
          2: { user: bot, created_at: at(2), updated_at: at(2), state: 'closed', labels: [{ name: 'ops' }] },
          3: { user: { login: 'Mona' }, created_at: at(3), updated_at: at(3) },
        },
        pulls: { 4: { user: bot, created_at: at(4), updated_at: at(4) } },
        comments: { 3: [{ body: 'one', created_at: at(3) }] },
      },
      lists,
    );
  });

  test.for<[string, number[]]>([
    ['', [4, 3, 1]],
    ['state=closed', [2]],
    ['state=all', [4, 3, 2, 1]],
    ['creator=github-actions%5Bbot%5D', [4, 1]],
    ['creator=GitHub-Actions%5BBot%5D&state=all', [4, 2, 1]],
    ['creator=mona', [3]],
    ['creator=github-actions', []],
    ['labels=ops&state=all', [2, 1]],
    ['labels=ops,DB&state=all', [1]],
    ['since=2031-01-04T00:00:00Z', [4, 1]],
    ['sort=updated', [1, 4, 3]],
    ['sort=comments', [3, 4, 1]],
    ['direction=asc', [1, 3, 4]],
    ['sort=created&direction=asc&state=all&per_page=2&page=2', [3, 4]],
  ])('with %j contains %j', async ([query, expected], { emulator }) => {
    expect(await issueNumbers(emulator, query, base)).toEqual(expected);
  });

  test.for(['state=OPEN', 'state=', 'sort=title', 'direction=up'])(
    'refuses %s',
    async (query, { emulator }) => {
      const [field, value] = query.split('=');
      const answer = await sendGitHubRequest(emulator, 'GET', `${base}/issues?${query}`);
      expect(answer.status).toBe(422);
      expect(answer.json).toMatchObject({
        message: 'Validation Failed',
        errors: [{ value, resource: 'Issue', field, code: 'invalid' }],
        documentation_url: 'https://docs.github.com/v3/issues/#list-issues',
      });
    },
  );

  test('is complete with octokit’s paginate, which follows Link', async ({ emulator }) => {
    const issues = Object.fromEntries(Array.from({ length: 45 }, (_, index) => [index + 1, {}]));
    await patchGitHubRepository(emulator, { issues }, 'relecloud/many-issues');
    const { rest, paginate } = createOctokit(emulator, 'unregistered');
    const many = { owner: 'relecloud', repo: 'many-issues', per_page: 20 };
    const all = await paginate(rest.issues.listForRepo, many);
    expect(all.map(({ number }) => number)).toEqual(Array.from({ length: 45 }, (_, index) => 45 - index));
    const { link } = (await rest.issues.listForRepo(many)).headers;
    expect(link).toMatch(/\/repositories\/\d+\/issues\?per_page=20&page=2>; rel="next"/);
  });
});
