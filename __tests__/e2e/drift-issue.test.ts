import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fixed } from '../helpers/e2e/drift-scenarios.ts';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';

const bench = useAzure({ blocked: 'reject', provision: 100, firewallDelay: 50 });
const repository = 'relecloud/space-travel';
const inputs = {
  ...tutorial,
  'server-name': 'told',
  'admin-password': 'VerySecurePassword!1',
  'allowed-ip-ranges': 'here=198.51.100.7',
  'backup-retention-days': '14',
};

interface Issue {
  readonly title: string;
  readonly body: string;
  readonly state: string;
  readonly state_reason: string | null;
}

beforeAll(async () => {
  const made = await fixed(bench.azure, inputs);
  expect(made.exitCode, made.log).toBe(0);
});

async function issues(): Promise<readonly Issue[]> {
  const state = await bench.azure.control<{
    repositories: Record<string, { issues: Record<string, Issue> }>;
  }>('GET', 'state');
  return Object.values(state.repositories[repository]?.issues ?? {});
}

async function check(more: Record<string, string> = {}) {
  return await new Job(bench.azure).step({
    ...inputs,
    mode: 'check',
    'drift-issue': 'true',
    'on-drift': 'warn',
    'github-token': 'may-write',
    ...more,
  });
}

const drift = (days: number) =>
  bench.azure.patch('told', { properties: { backup: { backupRetentionDays: days } } });

describe('drift-issue: one issue, as long as the drift lasts', () => {
  beforeEach(async () => {
    const { issues: known = {} } =
      (
        await bench.azure.control<{ repositories: Record<string, { issues?: Record<string, unknown> }> }>(
          'GET',
          'state',
        )
      ).repositories[repository] ?? {};
    await bench.azure.control('PATCH', 'state', {
      repository,
      repositoryId: 4711,
      issues: Object.fromEntries(Object.keys(known).map((number) => [number, null])),
      tokens: {
        'may-write': { permissions: { contents: 'read', issues: 'write' } },
        'may-read': { permissions: { contents: 'read', issues: 'read' } },
      },
    });
    await drift(14);
  });

  test('opened with the drift, updated while it lasts, closed when it ends; a new drift is a new issue', async () => {
    expect((await check()).exitCode).toBe(0);
    expect(await issues()).toEqual([]);

    await drift(7);
    const first = await check();
    expect(first.exitCode, first.log).toBe(0);
    expect(await issues()).toMatchObject([
      { state: 'open', body: expect.stringContaining('`backup retention`') },
    ]);

    await drift(8);
    expect((await check()).exitCode).toBe(0);
    expect(await issues()).toMatchObject([{ state: 'open', body: expect.stringContaining('`8`') }]);

    await drift(14);
    expect((await check()).exitCode).toBe(0);
    expect(await issues()).toMatchObject([{ state: 'closed', state_reason: 'completed' }]);

    await drift(7);
    await check();
    expect((await issues()).map(({ state }) => state).sort()).toEqual(['closed', 'open']);
  });

  test('also where drift fails the step', async () => {
    await drift(7);
    const step = await check({ 'on-drift': 'fail' });
    expect(step.exitCode).toBe(1);
    expect(await issues()).toHaveLength(1);
  });

  test('law 8: what cannot be read neither opens nor closes one', async () => {
    const { azure } = bench;
    const refusal = { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'No.' } } };
    const unreadable = () =>
      azure.fault({ service: 'arm', method: 'GET', path: '/flexibleServers' }, refusal, { times: 20 });
    await unreadable();
    expect((await check()).exitCode).toBe(1);
    expect(await issues()).toEqual([]);
    await azure.forget();
    await drift(7);
    await check();
    await unreadable();
    await check();
    expect(await issues()).toMatchObject([{ state: 'open' }]);
  });

  test('somebody else’s marker is nothing to us: his issue stays as it is', async () => {
    await drift(7);
    await check();
    const [own] = await issues();
    const forged = { title: 'mine', body: own?.body ?? '', user: { login: 'mallory' } };
    await bench.azure.control('PATCH', 'state', { repository, issues: { 1: null, 900: forged } });
    await drift(14);
    await check();
    const state = (await issues()).find(({ title }) => title === 'mine');
    expect(state).toMatchObject({ state: 'open', body: forged.body });
  });

  test('without the right to write issues: a warning that says which permission, and the check is done', async () => {
    await drift(7);
    const step = await check({ 'github-token': 'may-read' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/::warning::The issue about drift could not be kept up to date.*issues: write/);
    expect(step.outputs['drifted']).toBe('true');
  });

  test('nothing of it is secret', async () => {
    await drift(7);
    await check({ 'admin-password': inputs['admin-password'] });
    for (const { title, body } of await issues())
      expect(title + body).not.toContain(inputs['admin-password']);
  });
});
