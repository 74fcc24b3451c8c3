import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';
import { isLetIn, loginFrom, query } from '../helpers/e2e/postgres-client.ts';

const bench = useAzure();

describe('from nothing to a database, and again', () => {
  test('a client is shut out before the step, in during the job with TLS verified, and shut out after post', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    const inputs = { ...tutorial, 'server-name': 'whole-life' };
    // A rule that admits somebody else makes the server, so that "before" can be looked at.
    const maker = new Job(azure);
    const made = await maker.step(inputs);
    expect(made.log).toContain('create server whole-life');
    await maker.post();
    const login = loginFrom(made.outputs);
    expect(await isLetIn(azure, login)).toBe(false);

    const step = await job.step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(await query(azure, login, 'SELECT current_database() AS name')).toEqual([{ name: 'relecloud' }]);

    const [post] = await job.post();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(await isLetIn(azure, login)).toBe(false);
    expect(await azure.rules('whole-life')).toEqual([]);
  });

  test('law 1: the second run plans nothing and writes nothing but its own temporary rule', async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'second-run' };
    const first = new Job(azure);
    const made = await first.step(inputs);
    expect(JSON.parse(made.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'resource group', name: 'second-run', action: 'create' },
      { resource: 'server', name: 'second-run', action: 'create' },
      { resource: 'database', name: 'relecloud', action: 'create' },
    ]);
    expect(made.outputs).toMatchObject({ 'server-created': 'true', 'database-created': 'true' });
    await first.post();

    await azure.forget();
    const second = await new Job(azure).step(inputs);
    expect(second.exitCode, second.log).toBe(0);
    expect(second.outputs).toMatchObject({
      changes: '[]',
      'server-created': 'false',
      'database-created': 'false',
      drifted: 'false',
    });
    expect(second.log).not.toMatch(/^Plan: create/m);
    expect(await azure.writes()).toEqual([]);
    const statements = await azure.statements();
    expect(statements.filter(({ statement }) => !/^\s*(SELECT|SET|BEGIN|COMMIT)/i.test(statement))).toEqual(
      [],
    );
  });

  test('law 1: within one job, or under a declared rule, not even a temporary rule is written', async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'one-job' };
    const job = new Job(azure);
    await job.step(inputs);
    await azure.forget();
    const again = await job.step({ ...inputs, database: 'relecloud_two' });
    expect(again.exitCode, again.log).toBe(0);
    expect(
      (await azure.requests()).filter(({ service, method }) => service === 'arm' && method !== 'GET'),
    ).toEqual([]);
    await job.post();

    const declared = { ...inputs, 'allowed-ip-ranges': 'office=198.51.100.0/24' };
    const first = await new Job(azure).step(declared);
    expect(JSON.parse(first.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'firewall rule', name: 'office', action: 'create' },
    ]);
    await azure.forget();
    const second = await new Job(azure).step(declared);
    expect(second.outputs['changes']).toBe('[]');
    expect(
      (await azure.requests()).filter(({ service, method }) => service === 'arm' && method !== 'GET'),
    ).toEqual([]);
    expect(await azure.rules('one-job')).toEqual(['office']);
  });
});
