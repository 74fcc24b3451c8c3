import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult, spawnStepAndKill } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const inputs = { ...defaultInputs, 'server-name': 'posts' };

/** The job's posts, which must succeed and leave no rule. */
async function closes(emulator: EmulatorHarness, job: Job): Promise<readonly PhaseResult[]> {
  const posts = await job.post();
  for (const post of posts) expect(post.exitCode, post.log).toBe(0);
  expect(await emulator.rules('posts')).toEqual([]);
  return posts;
}

describe('post closes what main wrote in its journal', () => {
  test('whatever a later step puts into the environment: it signs in as main did', async ({ emulator }) => {
    const job = new Job(emulator);
    expect((await job.spawnStep(inputs)).exitCode).toBe(0);
    Object.assign(job.env, {
      AZURE_CLIENT_SECRET: 'a-stranger’s',
      AZURE_CLIENT_ID: emulator.env['AZURE_TENANT_ID'],
    });
    await closes(emulator, job);
    expect(JSON.stringify(await emulator.requests())).not.toContain('client_secret');
  });

  test('also where the creation’s operation cannot be polled: the deletion decides', async ({ emulator }) => {
    const job = new Job(emulator);
    expect((await job.spawnStep(inputs)).exitCode).toBe(0);
    await emulator.fault(
      { service: 'arm', method: 'GET', path: '/azureAsyncOperation/' },
      { reset: true },
      { times: 6 },
    );
    await closes(emulator, job);
  });

  test('killed in the second attempt after a busy server, whose first attempt’s operation has failed', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const match = { service: 'arm', method: 'PUT', path: '/firewallRules/' } as const;
    await emulator.fault(match, {
      operationFails: { code: 'ServerIsBusy', message: 'Cannot complete operation.' },
    });
    const step = await spawnStepAndKill(emulator, job, inputs, match);
    expect(step.signal, step.log).toBe('SIGKILL');
    await closes(emulator, job);
  });

  test('a rule that Azure refused is not waited for', async ({ emulator }) => {
    const job = new Job(emulator);
    const body = { error: { code: 'AuthorizationFailed', message: 'No.' } };
    await emulator.fault({ service: 'arm', method: 'PUT', path: '/firewallRules/' }, { status: 403, body });
    const step = await job.spawnStep(inputs);
    expect(step.exitCode).toBe(1);
    for (const post of await closes(emulator, job))
      expect(post.log).not.toContain('watching whether it still shows');
    expect((await emulator.requests()).filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  test('a server that was deleted in the meantime has taken the rule along', async ({ emulator }) => {
    const job = new Job(emulator);
    await job.spawnStep({ ...inputs, 'server-name': 'goes-away' });
    const body = { error: { code: 'ResourceNotFound', message: "The Resource 'goes-away' was not found." } };
    await emulator.fault({ service: 'arm', path: '/goes-away' }, { status: 404, body }, { times: 100 });
    const [post] = await job.post();
    expect(post?.exitCode, post?.log).toBe(0);
    await emulator.control('DELETE', 'faults');
  });

  test('a rule of another run is not removed, whatever the state says', async ({ emulator }) => {
    const other = 'gha-temporary-4711-1-1-aaaaaaaaaa';
    const range = { startIpAddress: '203.0.113.5', endIpAddress: '203.0.113.5' };
    const declared = { ...inputs, 'allowed-ip-ranges': 'here=198.51.100.7' };
    const job = new Job(emulator);
    const step = await job.spawnStep(declared);
    expect(step.exitCode, step.log).toBe(0);
    expect(step.state['rule']).toBeUndefined();
    await emulator.patch('posts', { rules: { [other]: range } });
    // As a later step could set it by GITHUB_ENV.
    const entry = {
      resourceGroup: 'posts',
      server: 'posts',
      rule: other,
      host: '127.0.0.1',
      address: '203.0.113.5',
    };
    job.env['STATE_rule'] = JSON.stringify(entry);
    const [post] = await job.post();
    expect(post?.exitCode).toBe(1);
    expect(post?.log).toContain('its name is not of this run');
    expect(await emulator.rules('posts')).toContain(other);
  });
});
