import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const failureResponses = [
  [
    '403',
    {
      status: 403,
      body: { error: { code: 'AuthorizationFailed', message: 'The client does not have authorization.' } },
    },
  ],
  [
    'a 404 that does not speak of the thing',
    { status: 404, body: { error: { code: 'InvalidResourceType', message: 'No such type.' } } },
  ],
  [
    '500, again and again',
    { status: 500, body: { error: { code: 'InternalServerError', message: 'An error.' } } },
  ],
  ['a broken connection, again and again', { reset: true }],
] as const;

describe('unknown is never taken for absent', () => {
  test.for(failureResponses)(
    '%s on the server leads to no write, and the error says so',
    async ([, then], { emulator }) => {
      await emulator.addFault({ service: 'arm', method: 'GET', path: '/flexibleServers/' }, then, {
        times: 100,
      });
      const step = await new Job(emulator).step({ ...defaultInputs, 'resource-group': 'rg' });
      expect(step.exitCode).toBe(1);
      expect(step.log).toMatch(/Could not determine whether server 'demo-relecloud' exists/);
      expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
      expect((await emulator.requests()).filter(({ path }) => path.includes('/firewallRules'))).toEqual([]);
    },
  );

  test('unreadable firewall rules of a server that shuts this runner out lead to no rule', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'rules-unknown' };
    const maker = new Job(emulator);
    await maker.step(inputs);
    await maker.runPosts();
    await emulator.clearRecords();
    await emulator.addFault(
      { service: 'arm', method: 'GET', path: '/firewallRules' },
      failureResponses[0][1],
      {
        times: 100,
      },
    );
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('AuthorizationFailed');
    expect(await emulator.armWrites()).toEqual([]);
  });
});
