import { describe, expect } from 'vitest';
import { serializeMarker } from '../../src/common/ownership-marker.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job, type PhaseResult } from '../helpers/e2e/job.ts';
import { adminLogin, connect, query } from '../helpers/e2e/postgres-client.ts';
import {
  createBaseServer,
  patchGitHub,
  perPullRequestInputs,
  pullRequestJob,
} from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const sweepInputs = (server: string, more: Inputs = {}): Inputs => ({
  ...defaultInputs,
  'server-name': server,
  mode: 'sweep',
  'github-token': 'ghs_fromthejob',
  ...more,
});

const createScheduledJob = (emulator: EmulatorHarness): Job =>
  new Job(emulator, { GITHUB_EVENT_NAME: 'schedule' });

const droppedNames = (step: PhaseResult): readonly string[] =>
  (JSON.parse(step.outputs['dropped'] ?? '[]') as { name: string }[]).map(({ name }) => name);

const markerText = (pullRequest: number, expires?: Date, repositoryId = '4711'): string =>
  serializeMarker({ kind: 'pull-request', repositoryId, pullRequest, base: 'relecloud' }, expires).replaceAll(
    "'",
    "''",
  );

const yesterday = new Date(Date.now() - 86_400_000);
const tomorrow = new Date(Date.now() + 86_400_000);

describe('sweep', () => {
  test('over 300 databases of which 200 are due drops exactly those 200, whatever page GitHub lists them on', async ({
    emulator,
  }) => {
    const host = await createBaseServer(emulator, 'three-hundred');
    const admin = adminLogin(host);
    const all = Array.from({ length: 300 }, (_, i) => i + 1);
    // Of every three, one has expired while its pull request is open, one is closed, and one is neither.
    const kind = (n: number): 'expired' | 'closed' | 'kept' =>
      (['expired', 'closed', 'kept'] as const)[n % 3] ?? 'kept';
    const queue = [...all];
    const create = async (): Promise<void> => {
      const session = await connect(emulator, admin);
      for (let n = queue.shift(); n !== undefined; n = queue.shift()) {
        await session.query(`CREATE DATABASE relecloud_pr_${n}`);
        const expires = kind(n) === 'expired' ? yesterday : tomorrow;
        await session.query(`COMMENT ON DATABASE relecloud_pr_${n} IS '${markerText(n, expires)}'`);
      }
      await session.end();
    };
    await Promise.all([create(), create(), create()]);
    const pulls = all.map((n) => [n, { state: kind(n) === 'closed' ? 'closed' : 'open' }]);
    await patchGitHub(emulator, { pulls: Object.fromEntries(pulls) });
    const due = all.filter((n) => kind(n) !== 'kept').map((n) => `relecloud_pr_${n}`);

    const shown = await createScheduledJob(emulator).step(
      sweepInputs('three-hundred', { 'dry-run': 'true' }),
    );
    expect(shown.exitCode, shown.log).toBe(0);
    expect(droppedNames(shown).toSorted()).toEqual(due.toSorted());
    expect(Object.keys((await emulator.serverState('three-hundred')).databases)).toHaveLength(304);

    await emulator.clearRecords();
    const step = await createScheduledJob(emulator).step(sweepInputs('three-hundred'));
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step).toSorted()).toEqual(due.toSorted());
    const left = Object.keys((await emulator.serverState('three-hundred')).databases);
    expect(left.filter((name) => name.startsWith('relecloud_pr_')).toSorted()).toEqual(
      all
        .filter((n) => kind(n) === 'kept')
        .map((n) => `relecloud_pr_${n}`)
        .toSorted(),
    );
    // Two pages of open pull requests; each closed one is asked for again right before it goes.
    const asked = (await emulator.requests())
      .filter(({ service }) => service === 'github')
      .map(({ path }) => path);
    expect(asked.filter((path) => /\/pulls\?/.test(path))).toHaveLength(2);
    expect(asked.filter((path) => /\/pulls\/\d+$/.test(path))).toHaveLength(100);
  });

  test('a pull request that GitHub does not know is unknown, and so is kept and reported', async ({
    emulator,
  }) => {
    await createBaseServer(emulator, 'unknown-pulls');
    const made = await pullRequestJob(emulator, 901).step(perPullRequestInputs('unknown-pulls'));
    expect(made.exitCode, made.log).toBe(0);
    const step = await createScheduledJob(emulator).step(sweepInputs('unknown-pulls'));
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(
      /Skipped: database relecloud_pr_901: Asking GitHub for pull request #901 .*HTTP 404/,
    );
    expect(step.summary).toContain('relecloud_pr_901');
    expect(droppedNames(step)).toEqual([]);
  });

  test('without a token only what has expired goes, and the step fails for what it could not ask', async ({
    emulator,
  }) => {
    const host = await createBaseServer(emulator, 'no-token');
    for (const [n, expires] of [
      [1, yesterday],
      [2, tomorrow],
    ] as const) {
      await query(emulator, adminLogin(host), `CREATE DATABASE relecloud_pr_${n}`);
      await query(
        emulator,
        adminLogin(host),
        `COMMENT ON DATABASE relecloud_pr_${n} IS '${markerText(n, expires)}'`,
      );
    }
    const step = await createScheduledJob(emulator).step(sweepInputs('no-token', { 'github-token': '' }));
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/there is no github-token.*permissions: pull-requests: read/);
    expect(droppedNames(step)).toEqual(['relecloud_pr_1']);
  });

  test('one failure does not stop the rest, and the step then fails with the list', async ({ emulator }) => {
    const host = await createBaseServer(emulator, 'one-fails');
    for (const number of [461, 462, 463]) {
      const made = await pullRequestJob(emulator, number).step(perPullRequestInputs('one-fails'));
      expect(made.exitCode, made.log).toBe(0);
    }
    await patchGitHub(emulator, {
      pulls: { 461: { state: 'closed' }, 462: { state: 'closed' }, 463: { state: 'closed' } },
    });
    // A database that belongs to the role is not dropped with it.
    const admin = adminLogin(host);
    await query(emulator, admin, 'GRANT relecloud_app_pr_462 TO CURRENT_USER');
    await query(emulator, admin, 'CREATE DATABASE of_the_role OWNER relecloud_app_pr_462');
    const step = await createScheduledJob(emulator).step(sweepInputs('one-fails'));
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/failed in 1 case:.*Role 'relecloud_app_pr_462' could not be dropped/s);
    expect(step.log).toContain('on the server itself: database of_the_role');
    expect(droppedNames(step).toSorted()).toEqual([
      'relecloud_app_pr_461',
      'relecloud_app_pr_463',
      'relecloud_pr_461',
      'relecloud_pr_462',
      'relecloud_pr_463',
    ]);
    // The orphaned role is found by the next sweep, once nothing holds it.
    await query(emulator, admin, 'DROP DATABASE of_the_role');
    const next = await createScheduledJob(emulator).step(sweepInputs('one-fails'));
    expect(next.exitCode, next.log).toBe(0);
    expect(droppedNames(next)).toEqual(['relecloud_app_pr_462']);
  });

  test('marks that others forged, other repositories’ and base databases survive', async ({ emulator }) => {
    const host = await createBaseServer(emulator, 'forged');
    const admin = adminLogin(host);
    await query(emulator, admin, `CREATE ROLE mallory LOGIN CREATEDB PASSWORD 'Mallory-Password1'`);
    const mallory = { ...admin, user: 'mallory', password: 'Mallory-Password1' };
    const marks: readonly (readonly [name: string, mark: string, as: typeof admin])[] = [
      ['relecloud_pr_71', markerText(71, yesterday), mallory],
      ['relecloud_pr_72', markerText(72, yesterday, '815'), admin],
      ['misnamed', markerText(73, yesterday), admin],
      ['relecloud_pr_74', markerText(74, yesterday).replace('"kind"', '"more":1,"kind"'), admin],
      ['relecloud_pr_75', '{"madeBy":"azure-postgresql-action"', admin],
    ];
    for (const [name, mark, as] of marks) {
      await query(emulator, as, `CREATE DATABASE ${name}`);
      await query(emulator, as, `COMMENT ON DATABASE ${name} IS '${mark}'`);
    }
    await query(emulator, admin, `COMMENT ON DATABASE relecloud IS '${markerText(76, yesterday)}'`);
    await patchGitHub(emulator, {
      pulls: Object.fromEntries([71, 73, 76].map((n) => [n, { state: 'closed' }])),
    });
    const before = Object.keys((await emulator.serverState('forged')).databases);
    const step = await createScheduledJob(emulator).step(sweepInputs('forged'));
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step)).toEqual([]);
    expect(Object.keys((await emulator.serverState('forged')).databases)).toEqual(before);
    expect(step.log).toContain(
      "Skipped: database relecloud_pr_71: its mark is not believed, for it belongs to 'mallory'",
    );
    expect(step.log).toContain('Skipped: database misnamed: its mark does not fit its name');
    expect(step.log).toContain('Skipped: database relecloud: its mark does not fit its name');
  });

  test('temporary rules of this repository whose run has ended go; running, unknown and others’ stay', async ({
    emulator,
  }) => {
    await createBaseServer(emulator, 'rules');
    const range = { startIpAddress: '203.0.113.5', endIpAddress: '203.0.113.5' };
    const names = {
      ended: 'gha-temporary-4711-100-1-aaaaaaaaaa',
      earlierAttempt: 'gha-temporary-4711-101-1-aaaaaaaaaa',
      running: 'gha-temporary-4711-101-2-aaaaaaaaaa',
      unknown: 'gha-temporary-4711-102-1-aaaaaaaaaa',
      others: 'gha-temporary-815-100-1-aaaaaaaaaa',
      kept: 'gha-kept-203-0-113-5',
    };
    await emulator.patchServer('rules', {
      rules: Object.fromEntries(Object.values(names).map((name) => [name, range])),
    });
    await patchGitHub(emulator, {
      runs: { 100: { status: 'completed', run_attempt: 1 }, 101: { status: 'in_progress', run_attempt: 2 } },
    });
    const step = await createScheduledJob(emulator).step(sweepInputs('rules'));
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step).toSorted()).toEqual([names.ended, names.earlierAttempt].toSorted());
    expect(await emulator.ruleNames('rules')).toEqual(
      expect.arrayContaining([names.running, names.unknown, names.others, names.kept]),
    );
    expect(step.log).toContain(`Skipped: firewall rule ${names.running}: run 101 has not ended`);
    expect(step.log).toMatch(new RegExp(`Skipped: firewall rule ${names.unknown}: .*HTTP 404`));
  });

  test('what was ensured again since the sweep looked has not expired', async ({ emulator }) => {
    const host = await createBaseServer(emulator, 'renewed');
    const inputs = perPullRequestInputs('renewed', { 'expires-in': '1h' });
    const made = await pullRequestJob(emulator, 81).step(inputs);
    expect(made.exitCode, made.log).toBe(0);
    const expired = `COMMENT ON DATABASE relecloud_pr_81 IS '${markerText(81, yesterday)}'`;
    await query(emulator, adminLogin(host), expired);
    await patchGitHub(emulator, { pulls: { 81: { state: 'open' } } });
    // Another job renews it after the sweep has read the databases and the time.
    const read = await emulator.hold({ service: 'postgres', statement: 'clock_timestamp' }, 'answer');
    const sweeping = createScheduledJob(emulator).step(sweepInputs('renewed'));
    await read.triggered;
    const again = await pullRequestJob(emulator, 81).step(inputs);
    expect(again.exitCode, again.log).toBe(0);
    await read.release();
    const step = await sweeping;
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step)).toEqual([]);
    expect(step.log).toContain("Database 'relecloud_pr_81' was ensured again just now");
    expect(Object.keys((await emulator.serverState('renewed')).databases)).toContain('relecloud_pr_81');
    expect(Object.keys((await emulator.serverState('renewed')).roles)).toContain('relecloud_app_pr_81');
  });

  test('sessions that are lost on the way cost nothing: what was under way is taken up again', async ({
    emulator,
  }) => {
    const host = await createBaseServer(emulator, 'lost');
    const numbers = Array.from({ length: 12 }, (_, i) => 501 + i);
    const admin = adminLogin(host);
    for (const n of numbers) {
      await query(emulator, admin, `CREATE DATABASE relecloud_pr_${n}`);
      await query(emulator, admin, `COMMENT ON DATABASE relecloud_pr_${n} IS '${markerText(n, tomorrow)}'`);
    }
    await patchGitHub(emulator, { pulls: Object.fromEntries(numbers.map((n) => [n, { state: 'closed' }])) });
    const match = { service: 'github', method: 'GET', path: '/pulls/\\d+$' } as const;
    const asked = await emulator.hold(match, 'request', { times: 4 });
    const sweeping = createScheduledJob(emulator).step(sweepInputs('lost'));
    await asked.triggered;
    const ended = await query(
      emulator,
      admin,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'azure-postgresql-action%'`,
    );
    expect(ended.length).toBeGreaterThan(1);
    await asked.release();
    const step = await sweeping;
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step).toSorted()).toEqual(numbers.map((n) => `relecloud_pr_${n}`).toSorted());
  });

  test('a stopped server is left asleep by a dry run, and with start-if-stopped: false', async ({
    emulator,
  }) => {
    await createBaseServer(emulator, 'asleep');
    await emulator.patchServer('asleep', { properties: { state: 'Stopped' } });
    for (const more of [{ 'dry-run': 'true' }, { 'start-if-stopped': 'false' }]) {
      const step = await createScheduledJob(emulator).step(sweepInputs('asleep', more));
      expect(step.exitCode, step.log).toBe(0);
      expect(step.log).toMatch(/^::warning::Server 'asleep' is stopped and was not started/m);
    }
    expect(
      (await emulator.writesExceptTemporaryRules()).filter(({ path }) => /\/start\?/.test(path)),
    ).toEqual([]);
  });

  test('a server that is not there is an error, which names where it was looked for', async ({
    emulator,
  }) => {
    const step = await createScheduledJob(emulator).step(
      sweepInputs('never-was', { 'resource-group': 'a-group' }),
    );
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toMatch(/Server 'never-was' was not found in resource group 'a-group' of subscription/);
    expect(step.log).toContain('(server-not-found)');
  });
});
