import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { expectAllowed, expectBlocked, loginFromOutputs } from '../helpers/e2e/postgres-client.ts';
import { testWith } from '../helpers/e2e/test.ts';

// The firewall drops packets, so the jobs get their address from the echo services.
const test = testWith({ provisionMs: 1500, blockedBehavior: 'timeout' });
const temporaryRules = (rules: readonly string[]): readonly string[] =>
  rules.filter((rule) => rule.startsWith('gha-temporary-'));

describe('concurrent jobs and steps never remove each other’s temporary rule', () => {
  test('and twenty jobs with one address create one server in an empty subscription', async ({
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
    const remaining = temporaryRules(await emulator.ruleNames('twenty'));
    expect(before.length).toBeGreaterThan(1);
    expect(remaining).toHaveLength(1);
    await expectAllowed(emulator, login);
    await last?.runPosts();
    expect(await emulator.ruleNames('twenty')).toEqual([]);
    await expectBlocked(emulator, login);
  });

  test('and two steps of a job share a rule, which the post of the first step removes', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'two-steps' };
    const job = new Job(emulator);
    const one = await job.step(inputs);
    const two = await job.step({ ...inputs, database: 'relecloud_two' });
    expect([one.exitCode, two.exitCode], one.log + two.log).toEqual([0, 0]);
    expect(temporaryRules(await emulator.ruleNames('two-steps'))).toHaveLength(1);
    const [firstRule, secondRule] = [one, two].map(({ state }) => JSON.parse(state['rule'] ?? ''));
    expect(firstRule).toMatchObject({ server: 'two-steps' });
    expect(secondRule).toBeNull();
    await job.runPosts();
    expect(await emulator.ruleNames('two-steps')).toEqual([]);
  });

  test('and a second job of a run creates its own rule, although the rule of the first job already admits it', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'same-run' };
    const first = new Job(emulator);
    const created = await first.step(inputs);
    const second = new Job(emulator, { GITHUB_RUN_ID: first.env['GITHUB_RUN_ID'] ?? '' });
    const step = await second.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(temporaryRules(await emulator.ruleNames('same-run'))).toHaveLength(2);
    await first.runPosts();
    await expectAllowed(emulator, loginFromOutputs(created.outputs));
    await second.runPosts();
    expect(await emulator.ruleNames('same-run')).toEqual([]);
  });
});
