import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, queryCommand, tutorial } from '../helpers/e2e/job.ts';
import { isLetIn, loginFrom } from '../helpers/e2e/postgres-client.ts';

// The service's real Retry-After: the SDK's own poller would take 60 s for a rule that works after 3 (facts.md §6).
const bench = useAzure({ retryAfter: 1, firewallDelay: 3000 });

describe('from shut out to logged in', () => {
  test('takes seconds, not the 60 of the service’s Retry-After', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    const start = performance.now();
    const step = await job.step({ ...tutorial, 'server-name': 'slow-rule' });
    expect(step.exitCode, step.log).toBe(0);
    // A machine with much else to do takes its time for the server; the rule alone would cost 60 s.
    expect(performance.now() - start).toBeLessThan(50_000);
    const [post] = await job.post();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(await azure.rules('slow-rule')).toEqual([]);
    // ARM shows the rule as gone before it stops working; post waits for the door itself.
    expect(post?.log).toContain('This runner is shut out again.');
    expect(await isLetIn(azure, loginFrom(step.outputs))).toBe(false);
    expect(performance.now() - start).toBeLessThan(100_000);
  }, 120_000);

  test('right after another job’s post, while the door is closing, the next job is not cut off', async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'slow-rule' };
    const first = new Job(azure);
    await first.step(inputs);
    await first.post();
    const next = new Job(azure);
    const step = await next.step({
      ...inputs,
      'migration-command': `sleep 3; ${queryCommand} 'SELECT 1'`,
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(await azure.rules('slow-rule')).toHaveLength(1);
    await next.post();
  });

  test('429 and its Retry-After are obeyed', async () => {
    const { azure } = bench;
    const body = {
      error: { code: 'SubscriptionRequestsThrottled', message: 'Number of read requests exceeded.' },
    };
    await azure.fault(
      { service: 'arm', method: 'GET' },
      { status: 429, headers: { 'retry-after': '2' }, body },
    );
    const start = performance.now();
    const step = await new Job(azure).step({ ...tutorial, 'server-name': 'slow-rule' });
    expect(step.exitCode, step.log).toBe(0);
    expect(performance.now() - start).toBeGreaterThan(2000);
    const [first, second] = (await azure.requests()).filter(({ service }) => service === 'arm');
    expect(Date.parse(second?.at ?? '') - Date.parse(first?.at ?? '')).toBeGreaterThanOrEqual(1990);
  });
});
