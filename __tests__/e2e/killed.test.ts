import { describe, expect } from 'vitest';
import { defaultInputs, Job, spawnStepAndKill } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

// Every type of request that a first run sends, in order.
const killPoints = [
  ['sign-in', { service: 'entra', method: 'POST', path: '/oauth2/' }],
  ['the search for the server', { service: 'arm', method: 'GET', path: '/flexibleServers\\?' }],
  ['the creation of the group', { service: 'arm', method: 'PUT', path: '/resourceGroups/[^/]+\\?' }],
  ['the creation of the server', { service: 'arm', method: 'PUT', path: '/flexibleServers/[^/]+\\?' }],
  ['a poll of the server’s creation', { service: 'arm', method: 'GET', path: '/azureAsyncOperation/' }],
  ['the list of firewall rules', { service: 'arm', method: 'GET', path: '/firewallRules\\?' }],
  ['the creation of the temporary rule', { service: 'arm', method: 'PUT', path: '/firewallRules/' }],
] as const;

describe('a run that is killed after any request leaves no temporary rule after post, and the next run completes its work', () => {
  test.for(killPoints.map(([name, match], i) => [name, match, `killed-${i}`] as const))(
    '%s',
    async ([, match, server], { emulator }) => {
      const inputs = { ...defaultInputs, 'server-name': server };
      const job = new Job(emulator);
      // The request itself goes through: it is released only after the kill.
      const killed = await spawnStepAndKill(emulator, job, inputs, match);
      expect(killed.signal, killed.log).toBe('SIGKILL');

      const [post] = await job.runPosts();
      expect(post?.exitCode, post?.log).toBe(0);

      const again = new Job(emulator);
      const result = await again.step(inputs);
      expect(result.exitCode, result.log).toBe(0);
      expect(Object.keys((await emulator.serverState(server)).databases)).toContain('relecloud');
      await again.runPosts();
      expect(await emulator.ruleNames(server)).toEqual([]);
    },
  );
});
