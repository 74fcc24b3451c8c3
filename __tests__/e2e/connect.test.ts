import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { testWith } from '../helpers/e2e/test.ts';
import { ArmClient } from '../helpers/emulator/arm-client.ts';

// As Azure does: it drops the packets of a client that no rule admits.
const test = testWith({ blockedBehavior: 'timeout' });

describe('the egress address', () => {
  test('the error names both echo services that disagree, and no rule is created', async ({ emulator }) => {
    await emulator.control('PUT', 'client', { ip: '198.51.100.7', echo: ['203.0.113.50', '203.0.113.51'] });
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'two-addresses' });
    await emulator.control('PUT', 'client', { ip: '198.51.100.7' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/sees 203\.0\.113\.50, but .* sees 203\.0\.113\.51/);
    expect(step.log).toContain('Set allowed-ip-ranges in the step with mode: ensure to all of them');
    expect(await emulator.ruleNames('two-addresses')).toEqual([]);
  });

  test('runner-ip is used, and no echo service is requested', async ({ emulator }) => {
    const job = new Job(emulator);
    const step = await job.step({
      ...defaultInputs,
      'server-name': 'two-addresses',
      'runner-ip': '198.51.100.7',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect((await emulator.requests()).filter(({ service }) => service === 'echo')).toEqual([]);
    await job.runPosts();
  });
});

describe('the rule for this runner', () => {
  test('is persistent with keep-firewall-rule: it has another name and counts as a change, and the next run needs no rule', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'persistent', 'keep-firewall-rule': 'true' };
    const job = new Job(emulator);
    const step = await job.step(inputs);
    const [keptRule = ''] = await emulator.ruleNames('persistent');
    expect(keptRule).toMatch(/^gha-kept-4711-\d{8}-198-51-100-7$/);
    expect(JSON.parse(step.outputs['changes'] ?? '')).toContainEqual({
      resource: 'firewall rule',
      name: keptRule,
      action: 'create',
      details: '198.51.100.7',
    });
    await job.runPosts();
    expect(await emulator.ruleNames('persistent')).toEqual([keptRule]);
    await emulator.clearRecords();
    expect((await new Job(emulator).step(inputs)).outputs['changes']).toBe('[]');
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
  });

  test('is requested again if its operation fails because the server is busy (Azure/azure-postgresql#134)', async ({
    emulator,
  }) => {
    const operationFails = {
      code: 'ServerIsBusy',
      message:
        "Cannot complete operation while server 'persistent' is busy processing another operation. Try again later.",
    };
    const [keptRule = ''] = await emulator.ruleNames('persistent');
    await emulator.patchServer('persistent', { rules: { [keptRule]: null } });
    await emulator.addFault({ service: 'arm', method: 'PUT', path: '/firewallRules/' }, { operationFails });
    const job = new Job(emulator);
    const step = await job.step({ ...defaultInputs, 'server-name': 'persistent' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain('ServerIsBusy');
    await job.runPosts();
    expect(await emulator.ruleNames('persistent')).toEqual([]);
  });

  test('is deleted again by post if the first deletion fails because the server is busy', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    await job.step({ ...defaultInputs, 'server-name': 'persistent' });
    const operationFails = { code: 'ServerIsBusy', message: 'Cannot complete operation.' };
    await emulator.addFault(
      { service: 'arm', method: 'DELETE', path: '/firewallRules/' },
      { operationFails },
    );
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(await emulator.ruleNames('persistent')).toEqual([]);
  });

  test('cannot be deleted if a lock forbids it: post fails, and the error states how to delete the rule', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    await job.step({ ...defaultInputs, 'server-name': 'persistent' });
    const body = {
      error: {
        code: 'ScopeLocked',
        message: 'The scope cannot perform delete operation because the following scope is locked.',
      },
    };
    await emulator.addFault(
      { service: 'arm', method: 'DELETE', path: '/firewallRules/' },
      { status: 409, body },
    );
    const [post] = await job.runPosts();
    expect(post?.exitCode).toBe(1);
    expect(post?.log).toContain('ScopeLocked');
    expect(post?.log).toMatch(/remove the lock\. .* Then: Remove it manually/);
    // The command of the error names the resource that az deletes, as the request did.
    const [, ruleId = ''] = /az resource delete --ids (\S+?)(?:%0A|$)/m.exec(post?.log ?? '') ?? [];
    const [failed] = (await emulator.requests()).filter(({ method }) => method === 'DELETE');
    expect(failed?.path.toLowerCase()).toContain(ruleId.toLowerCase());
    expect(ruleId).toMatch(/^\/subscriptions\/[^/]+\/resourceGroups\/.+\/firewallRules\/gha-temporary-/);
  });

  test('cannot be deleted while the server is stopped: post fails at once, and its two commands delete the rule', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    await job.step({ ...defaultInputs, 'server-name': 'persistent' });
    const before = await emulator.ruleNames('persistent');
    await emulator.patchServer('persistent', { properties: { state: 'Stopped' } });
    const [post] = await job.runPosts();
    expect(post?.exitCode).toBe(1);
    expect(post?.log).toContain("Server 'persistent' is in state Stopped.");
    const commands =
      /az postgres flexible-server start --resource-group persistent --name persistent%0A.*Then: Remove it manually.*az resource delete --ids (\S+?)(?:%0A|$)/m;
    const [, ruleId = ''] = commands.exec(post?.log ?? '') ?? [];
    await emulator.patchServer('persistent', { properties: { state: 'Ready' } });
    const client = await ArmClient.signIn(emulator.instance);
    await client.sendAndWait('DELETE', ruleId);
    expect(await emulator.ruleNames('persistent')).toHaveLength(before.length - 1);
  });

  test('cannot be deleted without the right to: the error states how to delete it, and what later runs need', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    await job.step({ ...defaultInputs, 'server-name': 'persistent' });
    const body = { error: { code: 'AuthorizationFailed', message: 'No.' } };
    await emulator.addFault(
      { service: 'arm', method: 'DELETE', path: '/firewallRules/' },
      { status: 403, body },
    );
    const [post] = await job.runPosts();
    expect(post?.exitCode).toBe(1);
    expect(post?.log).toMatch(/az resource delete --ids \S+%0AFor later runs: Give the identity a role/);
  });
});
