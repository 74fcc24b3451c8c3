import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { perPullRequestInputs, pullRequestJob } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const inputs = { ...defaultInputs, 'server-name': 'bundled', 'allowed-ip-ranges': '198.51.100.7' };

describe('the bundle, in its own process', () => {
  test('runs ensure and its post', async ({ emulator }) => {
    const job = new Job(emulator);
    const step = await job.spawnStep(inputs);
    expect([step.exitCode, step.signal], step.log).toEqual([0, null]);
    expect(step.outputs).toMatchObject({ 'server-created': 'true', 'db-name': 'relecloud' });
    expect(step.exportedEnv).toMatchObject({ DB_NAME: 'relecloud', DB_USER: 'relecloud_admin' });
    expect(step.summary).toContain('bundled');
    const [post] = await job.runPosts();
    expect([post?.exitCode, post?.signal], post?.log).toEqual([0, null]);
  });

  test('runs check, and exits with 1 if there is drift', async ({ emulator }) => {
    const same = await new Job(emulator).spawnStep({ ...inputs, mode: 'check' });
    expect(same.exitCode, same.log).toBe(0);
    expect(same.outputs).toMatchObject({ drifted: 'false', drift: '[]' });
    const other = { ...inputs, mode: 'check', 'backup-retention-days': '21' };
    const drifted = await new Job(emulator).spawnStep(other);
    expect(drifted.exitCode).toBe(1);
    expect(drifted.log).toContain('(drifted)');
    expect(drifted.outputs['drifted']).toBe('true');
  });

  test('runs ensure for a pull request, drop and sweep', async ({ emulator }) => {
    const pullRequest = perPullRequestInputs('bundled');
    const created = await pullRequestJob(emulator, 7).spawnStep(pullRequest);
    expect(created.exitCode, created.log).toBe(0);
    expect(created.outputs['db-name']).toBe('relecloud_pr_7');
    const dropped = await pullRequestJob(emulator, 7).spawnStep({ ...pullRequest, mode: 'drop' });
    expect(dropped.exitCode, dropped.log).toBe(0);
    expect(JSON.parse(dropped.outputs['dropped'] ?? '')).toMatchObject([
      { resource: 'database', name: 'relecloud_pr_7' },
      { resource: 'role', name: 'relecloud_app_pr_7' },
    ]);
    const sweep = { ...defaultInputs, 'server-name': 'bundled', 'github-token': 'ghs_fromthejob' };
    const swept = await new Job(emulator).spawnStep({ ...sweep, mode: 'sweep' });
    expect(swept.exitCode, swept.log).toBe(0);
    expect(swept.outputs['dropped']).toBe('[]');
  });

  test('verifies TLS, regardless of the environment variables that an earlier step has set', async ({
    emulator,
  }) => {
    const job = new Job(emulator, { NODE_EXTRA_CA_CERTS: '', NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    const step = await job.spawnStep(inputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('(sign-in-failed)');
    expect(await emulator.requests()).toEqual([]);
  });
});
