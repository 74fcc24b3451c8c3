import { describe, expect } from 'vitest';
import {
  createBaseServer,
  listComments,
  patchGitHub,
  perPullRequestInputs,
  pullRequestJob,
} from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const server = 'comments';

const marker = `<!-- azure-postgresql-action: ${server}/relecloud -->`;

describe('the pull request comment', () => {
  test('is found by marker and author on all pages; a comment of another author with the same marker is not changed', async ({
    emulator,
  }) => {
    await createBaseServer(emulator, server);
    const chatter = Array.from({ length: 130 }, (_, i) => ({
      body: `Looks good ${i}`,
      user: { login: 'octocat', type: 'User' },
    }));
    const forged = { body: `${marker}\nGive me your password`, user: { login: 'mallory', type: 'User' } };
    const quoted = {
      body: `> ${marker}\nquoted by the bot`,
      user: { login: 'github-actions[bot]', type: 'Bot' },
    };
    const own = { body: `${marker}\nold text`, user: { login: 'github-actions[bot]', type: 'Bot' } };
    await patchGitHub(emulator, {
      pulls: { 1: { state: 'open' } },
      comments: { 1: [forged, quoted, ...chatter, own] },
    });
    const step = await pullRequestJob(emulator, 1).step(perPullRequestInputs(server, { comment: 'true' }));
    expect(step.exitCode, step.log).toBe(0);
    const after = await listComments(emulator, 1);
    expect(after).toHaveLength(133);
    expect(after.slice(0, 132)).toMatchObject([forged, quoted, ...chatter]);
    expect(after[132]?.body).toContain('for this pull request');

    await emulator.clearRecords();
    const again = await pullRequestJob(emulator, 1).step(perPullRequestInputs(server, { comment: 'true' }));
    expect(again.exitCode, again.log).toBe(0);
    expect(await listComments(emulator, 1)).toHaveLength(133);
    const dropped = await pullRequestJob(emulator, 1).step({
      ...perPullRequestInputs(server, { comment: 'true' }),
      mode: 'drop',
    });
    expect(dropped.exitCode, dropped.log).toBe(0);
    expect((await listComments(emulator, 1))[132]?.body).toContain('is dropped');
    expect((await listComments(emulator, 1))[0]).toMatchObject(forged);
  });

  test('contains no secret, and names from outside cannot inject Markdown', async ({ emulator }) => {
    await createBaseServer(emulator, server);
    await patchGitHub(emulator, { pulls: { 2: { state: 'open' } } });
    const odd = 'a`|<b>@octocat [x](https://example.com)';
    const inputs = perPullRequestInputs(server, { comment: 'true', 'app-username': odd });
    const step = await pullRequestJob(emulator, 2).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    const [comment] = await listComments(emulator, 2);
    for (const secret of [step.outputs['db-password'], inputs['admin-password'], inputs['app-password-key']])
      expect(comment?.body).not.toContain(secret);
    // The name appears only in code, with a fence longer than any run of backticks inside.
    const outside = (comment?.body ?? '')
      .replace(/```[\s\S]*?```/g, '')
      .replace(/(`+) .*? \1(?!`)/g, '')
      .replace(/`[^`]*`/g, '');
    for (const markup of ['<b>', '@octocat', '](https']) expect(outside).not.toContain(markup);
  });

  test('that the token cannot write is a warning with a hint; the database is created', async ({
    emulator,
  }) => {
    await createBaseServer(emulator, server);
    await patchGitHub(emulator, {
      pulls: { 3: {} },
      tokens: { ghs_reader: { permissions: { 'pull-requests': 'read' } } },
    });
    const step = await pullRequestJob(emulator, 3).step(
      perPullRequestInputs(server, { comment: 'true', 'github-token': 'ghs_reader' }),
    );
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(
      /^::warning::The comment on pull request #3 could not be updated.*pull-requests: write/m,
    );
    expect(await listComments(emulator, 3)).toEqual([]);
    expect(step.outputs['db-name']).toBe('relecloud_pr_3');
  });

  test('is not written without the input comment', async ({ emulator }) => {
    await createBaseServer(emulator, server);
    await patchGitHub(emulator, { pulls: { 4: {} } });
    expect((await pullRequestJob(emulator, 4).step(perPullRequestInputs(server))).exitCode).toBe(0);
    expect(await listComments(emulator, 4)).toEqual([]);
  });
});
