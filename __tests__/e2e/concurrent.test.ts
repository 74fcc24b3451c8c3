import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { expectAllowed, expectBlocked, loginFromOutputs } from '../helpers/e2e/postgres-client.ts';
import { testWith } from '../helpers/e2e/test.ts';

// Swallowed connections: so the jobs find their address by the echo services.
const test = testWith({ provisionMs: 1500, blockedBehavior: 'timeout' });
const temporaryRules = (rules: readonly string[]): readonly string[] =>
  rules.filter((rule) => rule.startsWith('gha-temporary-'));

describe('two jobs, or two steps of one job, never remove each other’s rule', () => {
  test('twenty at once on an empty subscription make one server, behind one address', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'twenty' };
    const jobs = Array.from({ length: 20 }, () => new Job(emulator));
    const steps = await Promise.all(jobs.map((job) => job.step(inputs)));
    for (const step of steps) expect(step.exitCode, step.log).toBe(0);
    expect(steps.filter(({ outputs }) => outputs['server-created'] === 'true')).toHaveLength(1);
    expect(steps.filter(({ outputs }) => outputs['database-created'] === 'true')).toHaveLength(1);
    expect(Object.keys((await emulator.control<{ servers: object }>('GET', 'state')).servers)).toEqual([
      'twenty',
    ]);

    const login = loginFromOutputs(steps[0]?.outputs ?? {});
    const last = jobs.pop();
    const before = temporaryRules(await emulator.ruleNames('twenty'));
    const posts = await Promise.all(jobs.map((job) => job.runPosts()));
    for (const [post] of posts) expect(post?.exitCode, post?.log).toBe(0);
    const left = temporaryRules(await emulator.ruleNames('twenty'));
    expect(before.length).toBeGreaterThan(1);
    expect(left).toHaveLength(1);
    await expectAllowed(emulator, login);
    await last?.runPosts();
    expect(await emulator.ruleNames('twenty')).toEqual([]);
    await expectBlocked(emulator, login);
  });

  test('two steps of one job share a rule, which the first step’s post removes last', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'two-steps' };
    const job = new Job(emulator);
    const one = await job.step(inputs);
    const two = await job.step({ ...inputs, database: 'relecloud_two' });
    expect([one.exitCode, two.exitCode], one.log + two.log).toEqual([0, 0]);
    expect(temporaryRules(await emulator.ruleNames('two-steps'))).toHaveLength(1);
    const [ofOne, ofTwo] = [one, two].map(({ state }) => JSON.parse(state['rule'] ?? ''));
    expect(ofOne).toMatchObject({ server: 'two-steps' });
    expect(ofTwo).toBeNull();
    await job.runPosts();
    expect(await emulator.ruleNames('two-steps')).toEqual([]);
  });

  test('another job of the same run, behind the same address, makes a rule of its own although it is let in already', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'same-run' };
    const first = new Job(emulator);
    const made = await first.step(inputs);
    const second = new Job(emulator, { GITHUB_RUN_ID: first.env['GITHUB_RUN_ID'] ?? '' });
    const step = await second.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(temporaryRules(await emulator.ruleNames('same-run'))).toHaveLength(2);
    await first.runPosts();
    await expectAllowed(emulator, loginFromOutputs(made.outputs));
    await second.runPosts();
    expect(await emulator.ruleNames('same-run')).toEqual([]);
  });
});
