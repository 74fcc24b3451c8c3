import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';

const bench = useAzure();

describe('the egress address', () => {
  test('echo services that disagree are both named, and nothing is opened', async () => {
    const { azure } = bench;
    await azure.control('PUT', 'client', { ip: '198.51.100.7', echo: ['203.0.113.50', '203.0.113.51'] });
    const step = await new Job(azure).step({ ...tutorial, 'server-name': 'two-minds' });
    await azure.control('PUT', 'client', { ip: '198.51.100.7' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/sees 203\.0\.113\.50, but .* sees 203\.0\.113\.51/);
    expect(step.log).toContain('Give it with the input runner-ip');
    expect(await azure.rules('two-minds')).toEqual([]);
  });

  test('runner-ip is taken as given, and no echo service is asked', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    const step = await job.step({ ...tutorial, 'server-name': 'two-minds', 'runner-ip': '198.51.100.7' });
    expect(step.exitCode, step.log).toBe(0);
    expect((await azure.requests()).filter(({ service }) => service === 'echo')).toEqual([]);
    await job.post();
  });
});

describe('a rule that stays', () => {
  test('keep-firewall-rule leaves the rule under another name, as a change; the next run needs none', async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'kept', 'keep-firewall-rule': 'true' };
    const job = new Job(azure);
    const step = await job.step(inputs);
    expect(JSON.parse(step.outputs['changes'] ?? '')).toContainEqual({
      resource: 'firewall rule',
      name: 'gha-kept-198-51-100-7',
      action: 'create',
      details: '198.51.100.7',
    });
    await job.post();
    expect(await azure.rules('kept')).toEqual(['gha-kept-198-51-100-7']);
    await azure.forget();
    expect((await new Job(azure).step(inputs)).outputs['changes']).toBe('[]');
    expect(await azure.writes()).toEqual([]);
  });

  test('a busy server is tried again: the rule’s failed poll does not end the run (Azure/azure-postgresql#134)', async () => {
    const { azure } = bench;
    const operationFails = {
      code: 'ServerIsBusy',
      message:
        "Cannot complete operation while server 'kept' is busy processing another operation. Try again later.",
    };
    await azure.patch('kept', { rules: { 'gha-kept-198-51-100-7': null } });
    await azure.fault({ service: 'arm', method: 'PUT', path: '/firewallRules/' }, { operationFails });
    const job = new Job(azure);
    const step = await job.step({ ...tutorial, 'server-name': 'kept' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain('ServerIsBusy');
    await job.post();
    expect(await azure.rules('kept')).toEqual([]);
  });

  test('post goes on until the rule is gone, also where the first deletion finds the server busy', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    await job.step({ ...tutorial, 'server-name': 'kept' });
    const operationFails = { code: 'ServerIsBusy', message: 'Cannot complete operation.' };
    await azure.fault({ service: 'arm', method: 'DELETE', path: '/firewallRules/' }, { operationFails });
    const [post] = await job.post();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(await azure.rules('kept')).toEqual([]);
  });

  test('a deletion that a lock forbids fails post, and says how to remove the rule', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    await job.step({ ...tutorial, 'server-name': 'kept' });
    const body = {
      error: {
        code: 'ScopeLocked',
        message: 'The scope cannot perform delete operation because the following scope is locked.',
      },
    };
    await azure.fault({ service: 'arm', method: 'DELETE', path: '/firewallRules/' }, { status: 409, body });
    const [post] = await job.post();
    expect(post?.exitCode).toBe(1);
    expect(post?.log).toContain('ScopeLocked');
    expect(post?.log).toContain('az postgres flexible-server firewall-rule delete');
  });
});
