import { describe, expect } from 'vitest';
import { runFix } from '../helpers/e2e/drift-scenarios.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const repository = 'relecloud/space-travel';
const inputs = {
  ...defaultInputs,
  'server-name': 'issues',
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
  const step = await runFix(emulator, inputs);
  expect(step.exitCode, step.log).toBe(0);
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
  emulator.patchServer('issues', { properties: { backup: { backupRetentionDays: days } } });

describe('drift-issue: one issue while the drift persists', () => {
  test.beforeEach(async ({ emulator }) => {
    const { issues: existing = {} } =
      (
        await emulator.control<{ repositories: Record<string, { issues?: Record<string, unknown> }> }>(
          'GET',
          'state',
        )
      ).repositories[repository] ?? {};
    await emulator.control('PATCH', 'state', {
      repository,
      repositoryId: 4711,
      issues: Object.fromEntries(Object.keys(existing).map((number) => [number, null])),
      tokens: {
        'may-write': { permissions: { contents: 'read', issues: 'write' } },
        'may-read': { permissions: { contents: 'read', issues: 'read' } },
      },
    });
    await setRetention(emulator, 14);
  });

  test('it is opened with the drift, updated while it persists, and closed when it ends; new drift opens a new issue', async ({
    emulator,
  }) => {
    expect((await check(emulator)).exitCode).toBe(0);
    expect(await issues(emulator)).toEqual([]);

    await setRetention(emulator, 7);
    const first = await check(emulator);
    expect(first.exitCode, first.log).toBe(0);
    expect(await issues(emulator)).toMatchObject([
      { state: 'open', body: expect.stringContaining('backup retention | `14 days` | `7 days` |') },
    ]);

    await setRetention(emulator, 8);
    expect((await check(emulator)).exitCode).toBe(0);
    expect(await issues(emulator)).toMatchObject([
      { state: 'open', body: expect.stringContaining('`8 days`') },
    ]);

    await setRetention(emulator, 14);
    expect((await check(emulator)).exitCode).toBe(0);
    expect(await issues(emulator)).toMatchObject([{ state: 'closed', state_reason: 'completed' }]);

    await setRetention(emulator, 7);
    await check(emulator);
    expect((await issues(emulator)).map(({ state }) => state).sort()).toEqual(['closed', 'open']);
  });

  test('it is opened even if drift fails the step', async ({ emulator }) => {
    await setRetention(emulator, 7);
    const step = await check(emulator, { 'on-drift': 'fail' });
    expect(step.exitCode).toBe(1);
    expect(await issues(emulator)).toHaveLength(1);
  });

  test('a resource that cannot be read neither opens nor closes an issue', async ({ emulator }) => {
    const refusal = { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'No.' } } };
    const makeUnreadable = () =>
      emulator.addFault({ service: 'arm', method: 'GET', path: '/flexibleServers' }, refusal, { times: 20 });
    await makeUnreadable();
    expect((await check(emulator)).exitCode).toBe(1);
    expect(await issues(emulator)).toEqual([]);
    await emulator.clearRecords();
    await setRetention(emulator, 7);
    await check(emulator);
    await makeUnreadable();
    await check(emulator);
    expect(await issues(emulator)).toMatchObject([{ state: 'open' }]);
  });

  test('an issue of another author with the same marker is not changed', async ({ emulator }) => {
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

  test('without permission to write issues: a warning names the permission, and the check succeeds', async ({
    emulator,
  }) => {
    await setRetention(emulator, 7);
    const step = await check(emulator, { 'github-token': 'may-read' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/::warning::The issue about drift could not be updated.*issues: write/);
    expect(step.outputs['drifted']).toBe('true');
  });

  test('it contains no secret', async ({ emulator }) => {
    await setRetention(emulator, 7);
    await check(emulator, { 'admin-password': inputs['admin-password'] });
    for (const { title, body } of await issues(emulator))
      expect(title + body).not.toContain(inputs['admin-password']);
  });
});
