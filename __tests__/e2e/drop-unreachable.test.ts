import { describe, expect } from 'vitest';
import { listComments, PullRequestServer, patchGitHub } from '../helpers/e2e/pull-request.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server } = await PullRequestServer.create(emulator, 'unreachable');
  await server.setPullRequestState('open', 7);
  await server.ensureDatabase(7, { comment: 'true' });
  return server;
});

const otherSubscription = '11111111-2222-4333-8444-555555555555';

const serverNotFoundCases = [
  ['another resource group', { 'resource-group': 'another-group' }, /resource group 'another-group'/, 0],
  // For a subscription that does not exist Azure returns an error, so the server is unknown, not absent.
  [
    'another subscription',
    { 'subscription-id': otherSubscription, 'resource-group': 'unreachable' },
    /11111111/,
    1,
  ],
] as const;

describe('drop and sweep report nothing about databases of a server that they cannot reach', () => {
  test.for(serverNotFoundCases)(
    'drop with %s reports where it searched, and does not change the comment',
    async ([, inputs, where, exitCode], { emulator, server }) => {
      const before = await listComments(emulator, 7);
      expect(before[0]?.body).toContain('relecloud_pr_7');
      const step = await server.runStep(7, { mode: 'drop', comment: 'true', ...inputs });
      expect(step.exitCode, step.log).toBe(exitCode);
      const warning = /^::warning::Server 'unreachable' was not found in .*subscription/m;
      expect(warning.test(step.log)).toBe(exitCode === 0);
      expect(step.summary).not.toMatch(/nothing to drop/i);
      expect(step.log).toMatch(where);
      expect(step.log).not.toMatch(/nothing to drop/i);
      expect(step.outputs['dropped']).toBe('[]');
      expect(await listComments(emulator, 7)).toEqual(before);
    },
  );

  test.for(serverNotFoundCases)('sweep with %s fails', async ([, inputs, where], { emulator, server }) => {
    await patchGitHub(emulator, { pulls: { 7: { state: 'closed' } } });
    const before = await listComments(emulator, 7);
    const step = await server.runStep(7, { mode: 'sweep', comment: 'true', ...inputs });
    await server.setPullRequestState('open', 7);
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toMatch(where);
    expect(step.log).not.toMatch(/nothing to (drop|sweep)/i);
    expect(await listComments(emulator, 7)).toEqual(before);
  });

  test.for([
    ['drop', { mode: 'drop', 'dry-run': 'true' }],
    ['sweep', { mode: 'sweep', 'dry-run': 'true' }],
    ['sweep', { mode: 'sweep', 'start-if-stopped': 'false' }],
  ] as const)(
    '%s of a stopped server that it does not start warns, and does not change the comment',
    async ([, inputs], { emulator, server }) => {
      const before = await listComments(emulator, 7);
      await emulator.patchServer('unreachable', { properties: { state: 'Stopped' } });
      const step = await server.runStep(7, { comment: 'true', ...inputs });
      await emulator.patchServer('unreachable', { properties: { state: 'Ready' } });
      expect(step.exitCode, step.log).toBe(0);
      expect(step.log).toMatch(/^::warning::Server 'unreachable' is stopped and was not started/m);
      expect(step.log).not.toMatch(/nothing to (drop|sweep)/i);
      expect(step.summary).not.toMatch(/nothing to drop/i);
      expect(step.outputs['dropped']).toBe('[]');
      expect(await listComments(emulator, 7)).toEqual(before);
    },
  );
});
