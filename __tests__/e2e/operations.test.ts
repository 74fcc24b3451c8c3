import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const operationReads = {
  service: 'arm',
  method: 'GET',
  path: '/(azureAsyncOperation|operationResults)/',
} as const;
const forbiddenResponse = {
  status: 403,
  body: { error: { code: 'AuthorizationFailed', message: 'The client does not have authorization.' } },
};

/** The action of Azure's access control that a request needs. */
function requiredPermission(method: string, path: string): string {
  const [pathname = ''] = path.split('?');
  const verb = { GET: 'read', PUT: 'write', PATCH: 'write', DELETE: 'delete' }[method];
  const provider = /\/providers\/([^/]+)\/(.+)$/.exec(pathname);
  if (provider === null) return `Microsoft.Resources/subscriptions/resourceGroups/${verb}`;
  const [, namespace = '', rest = ''] = provider;
  // Types alternate with names; a POST is an action on the last of them.
  const segments = rest.split('/');
  const types = segments.filter((_, i) => i % 2 === 0).join('/');
  if (verb !== undefined) return `${namespace}/${types}/${verb}`;
  return `${namespace}/${types}/action`;
}

const role = JSON.parse(readFileSync(new URL('../../docs/azure-role.json', import.meta.url), 'utf8'));
const grantedPatterns = (role.Actions as readonly string[]).map(
  (action) => new RegExp(`^${action.replaceAll('.', '\\.').replaceAll('*', '.*')}$`, 'i'),
);

/** Checks that docs/azure-role.json grants every request to ARM. */
async function expectGranted(emulator: EmulatorHarness): Promise<void> {
  const asked = (await emulator.requests()).filter(({ service }) => service === 'arm');
  const permissions = [...new Set(asked.map(({ method, path }) => requiredPermission(method, path)))];
  expect(permissions.length).toBeGreaterThan(8);
  expect(permissions.filter((each) => !grantedPatterns.some((pattern) => pattern.test(each)))).toEqual([]);
}

const inputs = {
  ...defaultInputs,
  'server-name': 'no-operation-reads',
  'server-parameters': 'work_mem=8192',
  tags: 'team=space',
  extensions: 'pgcrypto',
  'allowed-ip-ranges': 'office=203.0.113.64/26',
};

describe('an identity that cannot read operations', () => {
  test('creates and changes every resource and removes its rule, with the permissions of docs/azure-role.json', async ({
    emulator,
  }) => {
    await emulator.addFault(operationReads, forbiddenResponse, { times: 10_000 });
    const job = new Job(emulator);
    const created = await job.step(inputs);
    expect(created.exitCode, created.log).toBe(0);
    expect(await emulator.serverState('no-operation-reads')).toMatchObject({
      parameters: { work_mem: '8192', 'azure.extensions': 'pgcrypto' },
    });
    await emulator.patchServer('no-operation-reads', { properties: { state: 'Stopped' } });
    const started = await job.step(inputs);
    expect(started.exitCode, started.log).toBe(0);
    const fixed = await job.step({
      ...inputs,
      'server-parameters': 'work_mem=16384',
      tags: 'team=time',
      'storage-size-gb': '64',
      'allowed-ip-ranges': 'office=203.0.113.128/26',
      'on-drift': 'fix',
    });
    expect(fixed.exitCode, fixed.log).toBe(0);
    expect(await emulator.serverState('no-operation-reads')).toMatchObject({
      tags: { team: 'time' },
      properties: { storage: { storageSizeGB: 64 } },
      parameters: { work_mem: '16384' },
      rules: { office: { startIpAddress: '203.0.113.128' } },
    });
    for (const post of await job.runPosts()) expect(post.exitCode, post.log).toBe(0);
    expect(await emulator.ruleNames('no-operation-reads')).toEqual(['office']);
    await expectGranted(emulator);
  });
});

describe('post removes the rule', () => {
  const server = 'polls';
  const inputs = { ...defaultInputs, 'server-name': server };
  const put = { service: 'arm', method: 'PUT', path: '/firewallRules/' } as const;

  test.beforeAll(async ({ emulator }) => {
    const firstJob = new Job(emulator);
    await firstJob.step(inputs);
    await firstJob.runPosts();
  });

  test.for([
    ['403', forbiddenResponse],
    ['404', { status: 404, body: { error: { code: 'ResourceNotFound', message: 'was not found' } } }],
    ['503', { status: 503, headers: { 'retry-after': '0' }, body: {} }],
  ] as const)(
    'although the first poll of its creation was answered by %s',
    async ([, then], { emulator }) => {
      await emulator.addFault(operationReads, then, { times: 1 });
      const job = new Job(emulator);
      const step = await job.step(inputs);
      expect(step.exitCode, step.log).toBe(0);
      expect(await emulator.ruleNames(server)).toHaveLength(1);
      const [post] = await job.runPosts();
      expect(post?.exitCode, post?.log).toBe(0);
      expect(post?.log).toContain('Removed the temporary firewall rule');
      expect(await emulator.ruleNames(server)).toEqual([]);
    },
  );

  test('that a PUT created whose response was lost and whose repetition was rejected', async ({
    emulator,
  }) => {
    await emulator.addFault(put, { applyThenReset: true });
    await emulator.addFault(put, forbiddenResponse);
    const job = new Job(emulator);
    const step = await job.step(inputs);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('AuthorizationFailed');
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(post?.log).toContain('Removed the temporary firewall rule');
    expect(await emulator.ruleNames(server)).toEqual([]);
  });

  test('with a second DELETE if the first finds nothing to delete although Azure shows the rule', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    await job.step(inputs);
    await emulator.addFault({ service: 'arm', method: 'DELETE', path: '/firewallRules/' }, { status: 204 });
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(await emulator.ruleNames(server)).toEqual([]);
    expect((await emulator.requests()).filter(({ method }) => method === 'DELETE')).toHaveLength(2);
  });
});
