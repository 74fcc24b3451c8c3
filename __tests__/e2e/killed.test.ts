import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Azure, useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';

const bench = useAzure();

/** Runs a step and kills it while the n-th request (from 0) that matches is on its way; the request itself goes through. */
async function killedAt(
  azure: Azure,
  job: Job,
  inputs: Record<string, string>,
  match: Record<string, string>,
): Promise<void> {
  await azure.fault(match, { delay: 250 });
  const pattern = new RegExp(match['path'] ?? '.', 'i');
  const result = await job.step(inputs, {
    started: (child) => {
      void (async () => {
        while (child.exitCode === null && child.signalCode === null) {
          const seen = await azure.requests();
          const hit = seen.some(
            (r) => r.service === match['service'] && r.method === match['method'] && pattern.test(r.path),
          );
          if (hit) child.kill('SIGKILL');
          await sleep(5);
        }
      })();
    },
  });
  expect(result.signal, result.log).toBe('SIGKILL');
}

// Every kind of request that a first run sends, in their order.
const moments = [
  ['sign-in', { service: 'entra', method: 'POST', path: '/oauth2/' }],
  ['the search for the server', { service: 'arm', method: 'GET', path: '/flexibleServers\\?' }],
  ['the creation of the group', { service: 'arm', method: 'PUT', path: '/resourceGroups/[^/]+\\?' }],
  ['the creation of the server', { service: 'arm', method: 'PUT', path: '/flexibleServers/[^/]+\\?' }],
  ['a poll of the server’s creation', { service: 'arm', method: 'GET', path: '/azureAsyncOperation/' }],
  ['the list of firewall rules', { service: 'arm', method: 'GET', path: '/firewallRules\\?' }],
  ['the creation of the temporary rule', { service: 'arm', method: 'PUT', path: '/firewallRules/' }],
] as const;

describe('law 4: killed after any request, then run again: the same end; then post: no temporary rule remains', () => {
  test.for(moments)('%s', async ([name, match]) => {
    const { azure } = bench;
    const server = `killed-${moments.findIndex(([n]) => n === name)}`;
    const inputs = { ...tutorial, 'server-name': server };
    const job = new Job(azure);
    await killedAt(azure, job, inputs, match);
    await azure.control('DELETE', 'faults');

    const [post] = await job.post();
    expect(post?.exitCode, post?.log).toBe(0);

    const again = new Job(azure);
    const result = await again.step(inputs);
    expect(result.exitCode, result.log).toBe(0);
    expect(Object.keys((await azure.server(server)).databases)).toContain('relecloud');
    await again.post();
    expect(await azure.rules(server)).toEqual([]);
  });
});
