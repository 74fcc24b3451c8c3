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
    'a 404 for another reason than a missing resource',
    { status: 404, body: { error: { code: 'InvalidResourceType', message: 'No such type.' } } },
  ],
  ['repeated 500', { status: 500, body: { error: { code: 'InternalServerError', message: 'An error.' } } }],
  ['a connection that always breaks', { reset: true }],
] as const;

describe('a resource that cannot be read is not treated as absent', () => {
  test.for(failureResponses)(
    'a server with %s: nothing is written, and the error states so',
    async ([, then], { emulator }) => {
      await emulator.addFault({ service: 'arm', method: 'GET', path: '/flexibleServers/' }, then, {
        times: 100,
      });
      const step = await new Job(emulator).step({ ...defaultInputs, 'resource-group': 'rg' });
      expect(step.exitCode).toBe(1);
      expect(step.log).toMatch(/Could not determine whether server 'demo-relecloud' exists/);
      expect(await emulator.armWrites()).toEqual([]);
    },
  );

  test('firewall rules of a server that blocks this runner: no rule is created', async ({ emulator }) => {
    const inputs = { ...defaultInputs, 'server-name': 'rules-unknown' };
    const creatingJob = new Job(emulator);
    await creatingJob.step(inputs);
    await creatingJob.runPosts();
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
