import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { expectAllowed, expectBlocked, loginFromOutputs } from '../helpers/e2e/postgres-client.ts';
import { testWith } from '../helpers/e2e/test.ts';

// The service's real Retry-After: a client that obeys it polls the operation of a rule only after 60 s.
const firewallDelayMs = 1500;
const test = testWith({ blockedBehavior: 'timeout', retryAfterScale: 1, firewallDelayMs });
const inputs = { ...defaultInputs, 'server-name': 'slow-rule' };

describe('a blocked runner', () => {
  test('is connected by the first login that succeeds, regardless of what the operation of the rule reports', async ({
    emulator,
  }) => {
    const first = new Job(emulator);
    expect((await first.step(inputs)).exitCode).toBe(0);
    await first.runPosts();

    // No operation ends from now on, so a run that waited for one would not end either.
    await emulator.addFault(
      { service: 'arm', method: 'GET', path: '/azureAsyncOperation/' },
      { status: 200, headers: { 'retry-after': '60' }, body: { status: 'InProgress' } },
      { times: 99 },
    );
    const job = new Job(emulator);
    const step = await job.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    await emulator.control('DELETE', 'faults');
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(await emulator.ruleNames('slow-rule')).toEqual([]);
    // ARM no longer shows a deleted rule although it still works; post waits until it does not.
    expect(post?.log).toContain('Access revoked: the firewall blocks this runner');
    await expectBlocked(emulator, loginFromOutputs(step.outputs));
  });

  test('creates its own rule while another job’s removed rule still works', async ({ emulator }) => {
    const first = new Job(emulator);
    const firstStep = await first.step(inputs);
    expect(firstStep.exitCode, firstStep.log).toBe(0);
    // ARM no longer shows a deleted rule although it still works.
    const path = '/firewallRules\\?';
    await emulator.addFault({ service: 'arm', method: 'GET', path }, { status: 200, body: { value: [] } });
    const next = new Job(emulator);
    const step = await next.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain(
      'access depends on a rule that is being removed; creating a rule for this run',
    );
    await first.runPosts();
    const { rules } = await emulator.serverState('slow-rule');
    expect(Object.values(rules)).toMatchObject([{ startIpAddress: '198.51.100.7' }]);
    // Longer than the first job's rule still works.
    await sleep(2 * firewallDelayMs);
    await expectAllowed(emulator, loginFromOutputs(firstStep.outputs));
    await next.runPosts();
  });

  test('waits for the time in Retry-After if Azure answers 429', async ({ emulator }) => {
    const body = {
      error: { code: 'SubscriptionRequestsThrottled', message: 'Number of read requests exceeded.' },
    };
    await emulator.addFault(
      { service: 'arm', method: 'GET' },
      { status: 429, headers: { 'retry-after': '2' }, body },
    );
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    const requests = await emulator.requests();
    const throttled = requests.find(({ status }) => status === 429);
    // Other reads are sent at the same moment.
    const [first, second] = requests.filter(({ path }) => path === throttled?.path);
    expect(Date.parse(second?.at ?? '') - Date.parse(first?.at ?? '')).toBeGreaterThanOrEqual(1990);
  });
});
