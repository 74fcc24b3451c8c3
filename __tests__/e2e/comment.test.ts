import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import {
  commentsOn,
  hostOfServer,
  perPullRequest,
  pullRequestJob,
  tellGitHub,
} from '../helpers/e2e/pull-request.ts';

const bench = useAzure();
const server = 'comments';

const comments = (number: number) => commentsOn(bench.azure, number);

const marker = `<!-- azure-postgresql-action: ${server}/relecloud -->`;

const withServer = (): Promise<string> => hostOfServer(bench.azure, server);

describe('the comment', () => {
  test('is recognised by marker and author among all pages, and another’s with the same marker is left alone', async () => {
    await withServer();
    const { azure } = bench;
    const chatter = Array.from({ length: 130 }, (_, i) => ({
      body: `Looks good ${i}`,
      user: { login: 'octocat', type: 'User' },
    }));
    const forged = { body: `${marker}\nGive me your password`, user: { login: 'mallory', type: 'User' } };
    const quoted = {
      body: `> ${marker}\nquoted by the bot`,
      user: { login: 'github-actions[bot]', type: 'Bot' },
    };
    const own = { body: `${marker}\nold news`, user: { login: 'github-actions[bot]', type: 'Bot' } };
    await tellGitHub(azure, {
      pulls: { 1: { state: 'open' } },
      comments: { 1: [forged, quoted, ...chatter, own] },
    });
    const step = await pullRequestJob(azure, 1).step(perPullRequest(server, { comment: 'true' }));
    expect(step.exitCode, step.log).toBe(0);
    const after = await comments(1);
    expect(after).toHaveLength(133);
    expect(after.slice(0, 132)).toMatchObject([forged, quoted, ...chatter]);
    expect(after[132]?.body).toContain('This pull request has a database of its own');

    await azure.forget();
    const again = await pullRequestJob(azure, 1).step(perPullRequest(server, { comment: 'true' }));
    expect(again.exitCode, again.log).toBe(0);
    expect(await comments(1)).toHaveLength(133);
    const dropped = await pullRequestJob(azure, 1).step({
      ...perPullRequest(server, { comment: 'true' }),
      mode: 'drop',
    });
    expect(dropped.exitCode, dropped.log).toBe(0);
    expect((await comments(1))[132]?.body).toContain('The database of this pull request is gone');
    expect((await comments(1))[0]).toMatchObject(forged);
  });

  test('never holds a secret, and names from outside cannot inject Markdown', async () => {
    await withServer();
    const { azure } = bench;
    await tellGitHub(azure, { pulls: { 2: { state: 'open' } } });
    const odd = 'a`|<b>@octocat [x](https://example.com)';
    const inputs = perPullRequest(server, { comment: 'true', 'app-username': odd });
    const step = await pullRequestJob(azure, 2).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    const [comment] = await comments(2);
    for (const secret of [step.outputs['db-password'], inputs['admin-password'], inputs['app-password-key']])
      expect(comment?.body).not.toContain(secret);
    // Wherever the name stands, it stands in code, whose fence is longer than any run of back-ticks inside.
    const outside = (comment?.body ?? '')
      .replace(/```[\s\S]*?```/g, '')
      .replace(/(`+) .*? \1(?!`)/g, '')
      .replace(/`[^`]*`/g, '');
    for (const markup of ['<b>', '@octocat', '](https']) expect(outside).not.toContain(markup);
  });

  test('that may not be written is a warning with what to do; the database is as it should be', async () => {
    await withServer();
    const { azure } = bench;
    await tellGitHub(azure, {
      pulls: { 3: {} },
      tokens: { ghs_reader: { permissions: { 'pull-requests': 'read' } } },
    });
    const step = await pullRequestJob(azure, 3).step(
      perPullRequest(server, { comment: 'true', 'github-token': 'ghs_reader' }),
    );
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(
      /^::warning::The comment on pull request #3 could not be kept up to date.*pull-requests: write/m,
    );
    expect(await comments(3)).toEqual([]);
    expect(step.outputs['db-name']).toBe('relecloud_pr_3');
  });

  test('is not there where nobody asked for it', async () => {
    await withServer();
    await tellGitHub(bench.azure, { pulls: { 4: {} } });
    expect((await pullRequestJob(bench.azure, 4).step(perPullRequest(server))).exitCode).toBe(0);
    expect(await comments(4)).toEqual([]);
  });
});
