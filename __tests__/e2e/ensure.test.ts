import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { expectBlocked, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { testWith } from '../helpers/e2e/test.ts';

// Azure drops the packets of a client that no rule admits.
const test = testWith({ blockedBehavior: 'timeout' });

describe('ensure', () => {
  test('admits a client, over verified TLS, only between the step and its post', async ({ emulator }) => {
    const job = new Job(emulator);
    const inputs = { ...defaultInputs, 'server-name': 'life-cycle' };
    // An earlier job creates the server, so that the test can check that the client is blocked before the step.
    const creatingJob = new Job(emulator);
    const created = await creatingJob.step(inputs);
    expect(created.log).toMatch(/^\+ create +server life-cycle .*\nCreated/ms);
    await creatingJob.runPosts();
    const login = loginFromOutputs(created.outputs);
    await expectBlocked(emulator, login);

    const step = await job.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(await query(emulator, login, 'SELECT current_database() AS name')).toEqual([
      { name: 'relecloud' },
    ]);

    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    await expectBlocked(emulator, login);
    expect(await emulator.ruleNames('life-cycle')).toEqual([]);
  });

  test('plans nothing in a second run, and writes nothing but its temporary rule', async ({ emulator }) => {
    const inputs = { ...defaultInputs, 'server-name': 'second-run' };
    const first = new Job(emulator);
    const created = await first.step(inputs);
    expect(JSON.parse(created.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'resource group', name: 'second-run', action: 'create' },
      { resource: 'server', name: 'second-run', action: 'create' },
      { resource: 'database', name: 'relecloud', action: 'create' },
    ]);
    expect(created.outputs).toMatchObject({ 'server-created': 'true', 'database-created': 'true' });
    await first.runPosts();

    await emulator.clearRecords();
    const second = await new Job(emulator).step(inputs);
    expect(second.exitCode, second.log).toBe(0);
    expect(second.outputs).toMatchObject({
      changes: '[]',
      'server-created': 'false',
      'database-created': 'false',
      drifted: 'false',
    });
    expect(second.log).not.toMatch(/^\+ create/m);
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
    const statements = await emulator.statements();
    expect(statements.filter(({ statement }) => !/^\s*(SELECT|SET|BEGIN|COMMIT)/i.test(statement))).toEqual(
      [],
    );
  });

  test('writes no temporary rule in a second step of a job, or if a declared rule admits the runner', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'one-job' };
    const job = new Job(emulator);
    await job.step(inputs);
    await emulator.clearRecords();
    const again = await job.step({ ...inputs, database: 'relecloud_two' });
    expect(again.exitCode, again.log).toBe(0);
    expect(await emulator.armWrites()).toEqual([]);
    await job.runPosts();

    const declared = { ...inputs, 'allowed-ip-ranges': 'office=198.51.100.0/24' };
    const first = await new Job(emulator).step(declared);
    expect(JSON.parse(first.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'firewall rule', name: 'office', action: 'create' },
    ]);
    await emulator.clearRecords();
    const second = await new Job(emulator).step(declared);
    expect(second.outputs['changes']).toBe('[]');
    expect(await emulator.armWrites()).toEqual([]);
    expect(await emulator.ruleNames('one-job')).toEqual(['office']);
  });
});
