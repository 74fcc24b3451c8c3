import { describe, expect } from 'vitest';
import { runFix } from '../helpers/e2e/drift-scenarios.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const repository = 'relecloud/space-travel';
const inputs = {
  ...defaultInputs,
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

test.beforeAll(async ({ emulator }) => {
  const made = await runFix(emulator, inputs);
  expect(made.exitCode, made.log).toBe(0);
});

async function issues(emulator: EmulatorHarness): Promise<readonly Issue[]> {
  const state = await emulator.control<{
    repositories: Record<string, { issues: Record<string, Issue> }>;
  }>('GET', 'state');
  return Object.values(state.repositories[repository]?.issues ?? {});
}

async function check(emulator: EmulatorHarness, more: Record<string, string> = {}) {
  return await new Job(emulator).step({
    ...inputs,
    mode: 'check',
    'drift-issue': 'true',
    'on-drift': 'warn',
    'github-token': 'may-write',
    ...more,
  });
}

const setRetention = (emulator: EmulatorHarness, days: number) =>
  emulator.patchServer('told', { properties: { backup: { backupRetentionDays: days } } });

describe('drift-issue: one issue, as long as the drift lasts', () => {
  test.beforeEach(async ({ emulator }) => {
    const { issues: known = {} } =
      (
        await emulator.control<{ repositories: Record<string, { issues?: Record<string, unknown> }> }>(
          'GET',
          'state',
        )
      ).repositories[repository] ?? {};
    await emulator.control('PATCH', 'state', {
      repository,
      repositoryId: 4711,
      issues: Object.fromEntries(Object.keys(known).map((number) => [number, null])),
      tokens: {
        'may-write': { permissions: { contents: 'read', issues: 'write' } },
        'may-read': { permissions: { contents: 'read', issues: 'read' } },
      },
    });
    await setRetention(emulator, 14);
  });

  test('opened with the drift, updated while it lasts, closed when it ends; a new drift is a new issue', async ({
    emulator,
  }) => {
    expect((await check(emulator)).exitCode).toBe(0);
    expect(await issues(emulator)).toEqual([]);

    await setRetention(emulator, 7);
    const first = await check(emulator);
    expect(first.exitCode, first.log).toBe(0);
    expect(await issues(emulator)).toMatchObject([
      { state: 'open', body: expect.stringContaining('`backup retention`') },
    ]);

    await setRetention(emulator, 8);
    expect((await check(emulator)).exitCode).toBe(0);
    expect(await issues(emulator)).toMatchObject([{ state: 'open', body: expect.stringContaining('`8`') }]);

    await setRetention(emulator, 14);
    expect((await check(emulator)).exitCode).toBe(0);
    expect(await issues(emulator)).toMatchObject([{ state: 'closed', state_reason: 'completed' }]);

    await setRetention(emulator, 7);
    await check(emulator);
    expect((await issues(emulator)).map(({ state }) => state).sort()).toEqual(['closed', 'open']);
  });

  test('also where drift fails the step', async ({ emulator }) => {
    await setRetention(emulator, 7);
    const step = await check(emulator, { 'on-drift': 'fail' });
    expect(step.exitCode).toBe(1);
    expect(await issues(emulator)).toHaveLength(1);
  });

  test('what cannot be read neither opens nor closes one', async ({ emulator }) => {
    const refusal = { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'No.' } } };
    const unreadable = () =>
      emulator.addFault({ service: 'arm', method: 'GET', path: '/flexibleServers' }, refusal, { times: 20 });
    await unreadable();
    expect((await check(emulator)).exitCode).toBe(1);
    expect(await issues(emulator)).toEqual([]);
    await emulator.clearRecords();
    await setRetention(emulator, 7);
    await check(emulator);
    await unreadable();
    await check(emulator);
    expect(await issues(emulator)).toMatchObject([{ state: 'open' }]);
  });

  test('somebody else’s marker is nothing to us: his issue stays as it is', async ({ emulator }) => {
    await setRetention(emulator, 7);
    await check(emulator);
    const [own] = await issues(emulator);
    const forged = { title: 'mine', body: own?.body ?? '', user: { login: 'mallory' } };
    await emulator.control('PATCH', 'state', { repository, issues: { 1: null, 900: forged } });
    await setRetention(emulator, 14);
    await check(emulator);
    const state = (await issues(emulator)).find(({ title }) => title === 'mine');
    expect(state).toMatchObject({ state: 'open', body: forged.body });
  });

  test('without the right to write issues: a warning that says which permission, and the check is done', async ({
    emulator,
  }) => {
    await setRetention(emulator, 7);
    const step = await check(emulator, { 'github-token': 'may-read' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/::warning::The issue about drift could not be updated.*issues: write/);
    expect(step.outputs['drifted']).toBe('true');
  });

  test('nothing of it is secret', async ({ emulator }) => {
    await setRetention(emulator, 7);
    await check(emulator, { 'admin-password': inputs['admin-password'] });
    for (const { title, body } of await issues(emulator))
      expect(title + body).not.toContain(inputs['admin-password']);
  });
});
