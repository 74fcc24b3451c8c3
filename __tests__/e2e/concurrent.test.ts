import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';
import { isLetIn, loginFrom } from '../helpers/e2e/postgres-client.ts';

const bench = useAzure({ provision: 1500 });
const temporary = (rules: readonly string[]): readonly string[] =>
  rules.filter((rule) => rule.startsWith('gha-temporary-'));

describe('law 5: two jobs, or two steps of one job, never remove each other’s rule', () => {
  test('twenty at once on an empty subscription make one server, behind one address', {
    timeout: 120_000,
  }, async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'twenty' };
    const jobs = Array.from({ length: 20 }, () => new Job(azure));
    const steps = await Promise.all(jobs.map((job) => job.step(inputs)));
    for (const step of steps) expect(step.exitCode, step.log).toBe(0);
    expect(steps.filter(({ outputs }) => outputs['server-created'] === 'true')).toHaveLength(1);
    expect(steps.filter(({ outputs }) => outputs['database-created'] === 'true')).toHaveLength(1);
    expect(Object.keys((await azure.control<{ servers: object }>('GET', 'state')).servers)).toEqual([
      'twenty',
    ]);

    const login = loginFrom(steps[0]?.outputs ?? {});
    const last = jobs.pop();
    const before = temporary(await azure.rules('twenty'));
    const posts = await Promise.all(jobs.map((job) => job.post()));
    for (const [post] of posts) expect(post?.exitCode, post?.log).toBe(0);
    const left = temporary(await azure.rules('twenty'));
    expect(before.length).toBeGreaterThan(1);
    expect(left).toHaveLength(1);
    expect(await isLetIn(azure, login)).toBe(true);
    await last?.post();
    expect(await azure.rules('twenty')).toEqual([]);
    expect(await isLetIn(azure, login)).toBe(false);
  });

  test('two steps of one job share a rule, which the first step’s post removes last', async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'two-steps' };
    const job = new Job(azure);
    const one = await job.step(inputs);
    const two = await job.step({ ...inputs, database: 'relecloud_two' });
    expect([one.exitCode, two.exitCode], one.log + two.log).toEqual([0, 0]);
    expect(temporary(await azure.rules('two-steps'))).toHaveLength(1);
    expect(one.state['rule']).toBeDefined();
    expect(two.state['rule']).toBeUndefined();
    await job.post();
    expect(await azure.rules('two-steps')).toEqual([]);
  });

  test('another job of the same run, behind the same address, makes a rule of its own although it is let in already', async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'same-run' };
    const first = new Job(azure);
    const made = await first.step(inputs);
    const second = new Job(azure, { GITHUB_RUN_ID: first.env['GITHUB_RUN_ID'] ?? '' });
    const step = await second.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(temporary(await azure.rules('same-run'))).toHaveLength(2);
    await first.post();
    expect(await isLetIn(azure, loginFrom(made.outputs))).toBe(true);
    await second.post();
    expect(await azure.rules('same-run')).toEqual([]);
  });
});
