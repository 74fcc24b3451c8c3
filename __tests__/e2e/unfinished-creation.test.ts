import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, spawnStepAndKill } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

const unfinishedTag = 'gha-unfinished-creation';
const firewallInputs = { 'allowed-ip-ranges': 'here=198.51.100.7' };
const declaredInputs = {
  ...defaultInputs,
  ...firewallInputs,
  tags: 'team=space',
  'server-parameters': 'work_mem=8192\nlog_min_duration_statement=250',
  'maintenance-window': 'Sun 03:30',
};
const maintenanceWindow = { customWindow: 'Enabled', dayOfWeek: 0, startHour: 3, startMinute: 30 };

/** The actual values of a server's declared properties. */
async function creationStateOf(emulator: EmulatorHarness, name: string) {
  const { tags, parameters, properties } = await emulator.serverState(name);
  return {
    tags,
    work_mem: parameters['work_mem'],
    log: parameters['log_min_duration_statement'],
    window: properties['maintenanceWindow'],
  };
}

const finishedState = {
  tags: { team: 'space' },
  work_mem: '8192',
  log: '250',
  window: expect.objectContaining(maintenanceWindow),
};

/** The bodies of a method's requests to the server itself. */
async function requestBodies(emulator: EmulatorHarness, method: string): Promise<readonly unknown[]> {
  const writes = await emulator.writesExceptTemporaryRules();
  return writes
    .filter((write) => write.method === method && /\/flexibleServers\/[^/]+\?/.test(write.path))
    .map(({ body }) => body);
}

describe('the tag of an unfinished creation', () => {
  test('is set by the first request, and removed by the last one, which sets the maintenance window', async ({
    emulator,
  }) => {
    await emulator.clearRecords();
    const inputs = { ...declaredInputs, 'server-name': 'with-window' };
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(await requestBodies(emulator, 'PUT')).toMatchObject([
      { tags: { team: 'space', [unfinishedTag]: '4711' } },
    ]);
    expect(await requestBodies(emulator, 'PATCH')).toMatchObject([
      { tags: { team: 'space' }, properties: { maintenanceWindow: maintenanceWindow } },
    ]);
    expect(await creationStateOf(emulator, 'with-window')).toEqual(finishedState);

    await emulator.clearRecords();
    const again = await new Job(emulator).step(inputs);
    expect(again.outputs).toMatchObject({ changes: '[]', drifted: 'false' });
    expect(await emulator.armWrites()).toEqual([]);
  });

  test('is removed by an additional request if no maintenance window is declared', async ({ emulator }) => {
    await emulator.clearRecords();
    const { 'maintenance-window': _, ...inputs } = declaredInputs;
    const step = await new Job(emulator).step({ ...inputs, 'server-name': 'without-window' });
    expect(step.exitCode, step.log).toBe(0);
    const patches = await requestBodies(emulator, 'PATCH');
    expect(patches).toHaveLength(1);
    expect(patches[0]).toMatchObject({ tags: { team: 'space' } });
    expect((await emulator.serverState('without-window')).tags).toEqual({ team: 'space' });
  });

  test('is not set if the creation is a single request', async ({ emulator }) => {
    await emulator.clearRecords();
    const step = await new Job(emulator).step({
      ...defaultInputs,
      ...firewallInputs,
      'server-name': 'plain',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(JSON.stringify(await requestBodies(emulator, 'PUT'))).not.toContain(unfinishedTag);
    expect(await requestBodies(emulator, 'PATCH')).toEqual([]);
  });
});

describe('the next run finishes a creation, although it only warns about drift, after a run was killed', () => {
  const killPoints = [
    ['the request that creates the server', 'PUT', '/flexibleServers/[^/]+\\?', 'request'],
    ['the response to it', 'PUT', '/flexibleServers/[^/]+\\?', 'answer'],
    ['the request for a parameter', 'PUT', '/configurations/', 'request'],
    ['the request for a firewall rule', 'PUT', '/firewallRules/here', 'request'],
    ['the request for the maintenance window', 'PATCH', '/flexibleServers/[^/]+\\?', 'request'],
  ] as const;

  test.for(killPoints.map((killPoint, i) => [...killPoint, `unfinished-${i}`] as const))(
    'at %s',
    async ([, method, path, target, name], { emulator }) => {
      const inputs = { ...declaredInputs, 'server-name': name };
      const match = { service: 'arm', method, path } as const;
      const killed = await spawnStepAndKill(emulator, new Job(emulator), inputs, match, target);
      expect(killed.signal, killed.log).toBe('SIGKILL');
      // A job of another repository waits for the server, and does not finish its creation.
      const other = await new Job(emulator, { GITHUB_REPOSITORY_ID: '815' }).step({
        ...defaultInputs,
        ...firewallInputs,
        'server-name': name,
      });
      expect(other.exitCode, other.log).toBe(0);

      const next = await new Job(emulator).step(inputs);
      expect(next.exitCode, next.log).toBe(0);
      // Azure executes the held request after the kill; the one for the window is the last of the creation.
      const isFinished = method === 'PATCH';
      expect(next.outputs).toMatchObject({ drifted: 'false', 'server-created': String(!isFinished) });
      if (!isFinished) expect(next.log).toContain('which another run had begun');
      expect(await creationStateOf(emulator, name)).toEqual(finishedState);

      await emulator.clearRecords();
      const second = await new Job(emulator).step(inputs);
      expect(second.outputs).toMatchObject({ changes: '[]', 'server-created': 'false' });
      expect(await emulator.armWrites()).toEqual([]);
    },
  );
});

describe('a server with the tag of an unfinished creation', () => {
  const createUnfinishedServer = async (emulator: EmulatorHarness, name: string, repositoryId: string) => {
    const created = await new Job(emulator).step({
      ...defaultInputs,
      ...firewallInputs,
      'server-name': name,
    });
    expect(created.exitCode, created.log).toBe(0);
    await emulator.patchServer(name, { tags: { team: 'space', cost: '7', [unfinishedTag]: repositoryId } });
    await emulator.clearRecords();
  };

  test('is reported by check as unknown, which is not drift', async ({ emulator }) => {
    await createUnfinishedServer(emulator, 'checked', '4711');
    const plain = { ...defaultInputs, ...firewallInputs, 'server-name': 'checked', mode: 'check' };
    const check = await new Job(emulator).step(plain);
    expect(check.exitCode, check.log).toBe(0);
    expect(check.outputs['drifted']).toBe('false');
    expect(JSON.parse(check.outputs['drift'] ?? '')).toContainEqual({
      resource: 'server',
      name: 'checked',
      property: 'creation',
      expected: 'finished',
      actual: 'a run of repository 4711 has not finished it (tag gha-unfinished-creation)',
      kind: 'unknown',
    });
    expect(await emulator.armWrites()).toEqual([]);
  });

  test('of another repository is not finished: differences are drift, and the tag is kept', async ({
    emulator,
  }) => {
    await createUnfinishedServer(emulator, 'other-repository', '815');
    const step = await new Job(emulator).step({ ...declaredInputs, 'server-name': 'other-repository' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['drifted']).toBe('true');
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
    const fixed = await new Job(emulator).step({
      ...declaredInputs,
      'server-name': 'other-repository',
      'on-drift': 'fix',
    });
    expect(fixed.exitCode, fixed.log).toBe(0);
    expect((await emulator.serverState('other-repository')).tags).toEqual({
      team: 'space',
      cost: '7',
      [unfinishedTag]: '815',
    });
  });

  test('of this repository is finished, also if it is stopped, and other tags are kept', async ({
    emulator,
  }) => {
    await createUnfinishedServer(emulator, 'stopped', '4711');
    await emulator.patchServer('stopped', { properties: { state: 'Stopped' } });
    const step = await new Job(emulator).step({ ...declaredInputs, 'server-name': 'stopped' });
    expect(step.exitCode, step.log).toBe(0);
    expect(await creationStateOf(emulator, 'stopped')).toEqual({
      ...finishedState,
      tags: { team: 'space', cost: '7' },
    });
  });
});

test('jobs that adopt a server do not finish its creation, which its creating job does', async ({
  emulator,
}) => {
  const inputs = { ...declaredInputs, 'server-name': 'together' };
  const steps = await Promise.all(Array.from({ length: 8 }, () => new Job(emulator).step(inputs)));
  for (const step of steps) expect(step.exitCode, step.log).toBe(0);
  expect(steps.filter(({ outputs }) => outputs['server-created'] === 'true')).toHaveLength(1);
  expect(steps.map(({ outputs }) => outputs['drifted'])).toEqual(steps.map(() => 'false'));
  expect(await creationStateOf(emulator, 'together')).toEqual(finishedState);
});
