import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import {
  defaultInputs,
  Job,
  type PhaseResult,
  queryCommand,
  signalWhen,
  spawnStepAndKill,
} from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const inputs = { ...defaultInputs, 'server-name': 'posts' };

/** The job's posts, which must succeed and leave no rule. */
async function expectPostsRemoveRule(emulator: EmulatorHarness, job: Job): Promise<readonly PhaseResult[]> {
  const posts = await job.runPosts();
  for (const post of posts) expect(post.exitCode, post.log).toBe(0);
  expect(await emulator.ruleNames('posts')).toEqual([]);
  return posts;
}

describe('post removes the rule that main recorded in the state', () => {
  test('with the sign-in of main, regardless of what a later step sets in the environment', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    expect((await job.step(inputs)).exitCode).toBe(0);
    Object.assign(job.env, {
      AZURE_CLIENT_SECRET: 'of-another-identity',
      AZURE_CLIENT_ID: emulator.env['AZURE_TENANT_ID'],
    });
    await expectPostsRemoveRule(emulator, job);
    expect(JSON.stringify(await emulator.requests())).not.toContain('client_secret');
  });

  test('although the operation of its creation cannot be polled: the result of the deletion counts', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    expect((await job.step(inputs)).exitCode).toBe(0);
    await emulator.addFault(
      { service: 'arm', method: 'GET', path: '/azureAsyncOperation/' },
      { reset: true },
      { times: 6 },
    );
    await expectPostsRemoveRule(emulator, job);
  });

  test('although main was killed in its second request, after the operation of the first had failed on a busy server', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const match = { service: 'arm', method: 'PUT', path: '/firewallRules/' } as const;
    await emulator.addFault(match, {
      operationFails: { code: 'ServerIsBusy', message: 'Cannot complete operation.' },
    });
    const step = await spawnStepAndKill(emulator, job, inputs, match);
    expect(step.signal, step.log).toBe('SIGKILL');
    await expectPostsRemoveRule(emulator, job);
  });

  test('without a wait or a deletion if Azure rejected its creation', async ({ emulator }) => {
    const job = new Job(emulator);
    const body = { error: { code: 'AuthorizationFailed', message: 'No.' } };
    await emulator.addFault(
      { service: 'arm', method: 'PUT', path: '/firewallRules/' },
      { status: 403, body },
    );
    const step = await job.step(inputs);
    expect(step.exitCode).toBe(1);
    for (const post of await expectPostsRemoveRule(emulator, job))
      expect(post.log).not.toContain('watching whether it appears');
    expect((await emulator.requests()).filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  test('without a failure if the server was deleted in the meantime', async ({ emulator }) => {
    const job = new Job(emulator);
    await job.step({ ...inputs, 'server-name': 'deleted-server' });
    const body = {
      error: { code: 'ResourceNotFound', message: "The Resource 'deleted-server' was not found." },
    };
    await emulator.addFault(
      { service: 'arm', path: '/deleted-server' },
      { status: 404, body },
      { times: 100 },
    );
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    await emulator.control('DELETE', 'faults');
  });

  test.for<[string, Record<string, unknown>]>([
    ['a rule of another run', { rule: 'gha-temporary-4711-1-1-aaaaaaaaaa' }],
    ['a rule that is not temporary', { rule: 'office' }],
    ['a path instead of a server', { server: 'posts/firewallRules/office' }],
    ['a host', { server: 'evil.example' }],
    ['a resource group that leads elsewhere', { resourceGroup: '..' }],
    ['a host instead of an address', { address: 'evil.example' }],
    ['a URL that is not text', { operationUrl: 4711 }],
  ])('but rejects state that names %s, and sends no request', async ([, forged], { emulator }) => {
    const job = new Job(emulator);
    const step = await job.step({
      ...inputs,
      'allowed-ip-ranges': 'here=198.51.100.7',
      'server-name': 'states',
    });
    expect(step.exitCode, step.log).toBe(0);
    await emulator.clearRecords();
    const entry = { resourceGroup: 'states', server: 'states', address: '203.0.113.5' };
    const rule = `gha-temporary-4711-${job.env['GITHUB_RUN_ID']}-1-aaaaaaaaaa`;
    const [post] = await job.runPosts({ rule: JSON.stringify({ ...entry, rule, ...forged }) });
    expect(post?.exitCode, post?.log).toBe(1);
    expect(post?.log).toMatch(/\((state-invalid|rule-not-removed)\)/);
    expect(await emulator.requests()).toEqual([]);
  });

  test('but ignores state that a step sets by GITHUB_ENV, also if main failed at its inputs: main saves every key first', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const step = await job.step({ ...inputs, region: '', mode: 'no-such-mode' });
    expect(step.exitCode).toBe(1);
    const rule = `gha-temporary-4711-${job.env['GITHUB_RUN_ID']}-1-aaaaaaaaaa`;
    job.env['STATE_rule'] = JSON.stringify({ resourceGroup: 'g', server: 's', rule, address: '203.0.113.5' });
    job.env['STATE_sign-in'] = JSON.stringify({
      way: 'ambient',
      cloud: 'AzureCloud',
      signIn: {},
      network: {},
    });
    job.env['STATE_env-file'] = JSON.stringify('/etc/passwd');
    job.env['STATE_migration'] = JSON.stringify('x');
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(post?.log).toContain('No temporary firewall rule to remove');
    expect(await emulator.requests()).toEqual([]);
  });

  test('unless it is cancelled while it ends a killed migration: then the error states how to delete the rule', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    const migrating = { ...inputs, 'migration-command': `${queryCommand} 'SELECT 4711'` };
    const statement = { service: 'postgres', statement: '^SELECT 4711' } as const;
    const step = await spawnStepAndKill(emulator, job, migrating, statement);
    expect(step.signal, step.log).toBe('SIGKILL');
    const read = await emulator.hold(
      { service: 'arm', method: 'GET', path: '/flexibleServers/posts' },
      'request',
      {
        times: 100,
      },
    );
    const [post] = await job.runPosts({}, signalWhen(read.triggered, 'SIGINT'));
    await read.release();
    expect(post?.exitCode, post?.log).toBe(1);
    expect(post?.log).toContain('The sessions of the migration in the server could not be ended');
    expect(post?.log).toMatch(/::error::.*az resource delete --ids .*\(rule-not-removed\)/);
    for (const rule of await emulator.ruleNames('posts'))
      await emulator.patchServer('posts', { rules: { [rule]: null } });
  });

  test('as soon as Azure shows the rule, although every poll of its creation hangs', async ({ emulator }) => {
    const job = new Job(emulator);
    const step = await job.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    const removal = await emulator.hold({ service: 'arm', method: 'DELETE', path: '/firewallRules/' });
    const polls = await emulator.hold({ service: 'arm', path: '/azureAsyncOperation/' }, 'request', {
      times: 100,
    });
    const posts = job.runPosts();
    // Triggered while every poll hangs.
    await removal.triggered;
    await polls.release();
    await removal.release();
    const [post] = await posts;
    expect(post?.exitCode, post?.log).toBe(0);
    expect(await emulator.ruleNames('posts')).toEqual([]);
  });
});

describe('post uses the network settings of main', () => {
  test('and sends nothing to a proxy that a later step sets, which the log states', async ({ emulator }) => {
    const job = new Job(emulator);
    expect((await job.step(inputs)).exitCode).toBe(0);
    // Nothing listens there, so a request through it would fail.
    Object.assign(job.env, { HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: 'example.com' });
    const [post] = await expectPostsRemoveRule(emulator, job);
    expect(post?.log).toContain('has changed HTTPS_PROXY, NO_PROXY. Post does not use this');
  });
});
