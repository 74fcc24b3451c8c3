import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';

// Refusing at once, since it is not how long a block takes that is looked at here.
const bench = useAzure({ blocked: 'reject' });

const refusals = [
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

describe('law 8: unknown is never taken for absent', () => {
  test.for(refusals)('%s on the server leads to no write, and the error says so', async ([, then]) => {
    const { azure } = bench;
    await azure.fault({ service: 'arm', method: 'GET', path: '/flexibleServers/' }, then, { times: 100 });
    const step = await new Job(azure).step({ ...tutorial, 'resource-group': 'rg' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/Whether server 'demo-relecloud' exists could not be found out/);
    expect(await azure.writes()).toEqual([]);
    expect((await azure.requests()).filter(({ path }) => path.includes('/firewallRules'))).toEqual([]);
  });

  test('unreadable firewall rules of a server that shuts this runner out lead to no rule', async () => {
    const { azure } = bench;
    const inputs = { ...tutorial, 'server-name': 'rules-unknown' };
    const maker = new Job(azure);
    await maker.step(inputs);
    await maker.post();
    await azure.forget();
    await azure.fault({ service: 'arm', method: 'GET', path: '/firewallRules' }, refusals[0][1], {
      times: 100,
    });
    const step = await new Job(azure).step(inputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('AuthorizationFailed');
    expect(
      (await azure.requests()).filter(({ service, method }) => service === 'arm' && method !== 'GET'),
    ).toEqual([]);
  });
});
