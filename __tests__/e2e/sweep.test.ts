import { describe, expect } from 'vitest';
import { serializeMarker } from '../../src/common/ownership-marker.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, droppedNames, type Inputs, Job } from '../helpers/e2e/job.ts';
import { adminLogin, connect, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
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

const markerText = (pullRequest: number, expires?: Date, repositoryId = '4711'): string =>
  serializeMarker({ kind: 'pull-request', repositoryId, pullRequest, base: 'relecloud' }, expires).replaceAll(
    "'",
    "''",
  );

const yesterday = new Date(Date.now() - 86_400_000);
const tomorrow = new Date(Date.now() + 86_400_000);

describe('sweep', () => {
  test('drops the 48 due ones of 72 databases, regardless of the page on which GitHub lists their pull requests', async ({
    emulator,
  }) => {
    const host = await createBaseServer(emulator, 'many-databases');
    const admin = adminLogin(host);
    const pullRequests = Array.from({ length: 360 }, (_, i) => i + 1);
    const all = pullRequests.filter((n) => n % 5 === 0);
    // A third has expired while the pull request is open, a third is of closed ones, and a third is neither.
    const kind = (n: number): 'expired' | 'closed' | 'current' =>
      (['expired', 'closed', 'current'] as const)[n % 3] ?? 'current';
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
    const pulls = pullRequests.map((n) => [n, { state: kind(n) === 'closed' ? 'closed' : 'open' }]);
    await patchGitHub(emulator, { pulls: Object.fromEntries(pulls) });
    const due = all.filter((n) => kind(n) !== 'current').map((n) => `relecloud_pr_${n}`);

    const dryRun = await createScheduledJob(emulator).step(
      sweepInputs('many-databases', { 'dry-run': 'true' }),
    );
    expect(dryRun.exitCode, dryRun.log).toBe(0);
    expect(droppedNames(dryRun).toSorted()).toEqual(due.toSorted());
    expect(Object.keys((await emulator.serverState('many-databases')).databases)).toHaveLength(76);

    await emulator.clearRecords();
    const step = await createScheduledJob(emulator).step(sweepInputs('many-databases'));
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step).toSorted()).toEqual(due.toSorted());
    const remaining = Object.keys((await emulator.serverState('many-databases')).databases);
    expect(remaining.filter((name) => name.startsWith('relecloud_pr_')).toSorted()).toEqual(
      all
        .filter((n) => kind(n) === 'current')
        .map((n) => `relecloud_pr_${n}`)
        .toSorted(),
    );
    // Three pages of open pull requests; each closed one is read again right before its database is dropped.
    const gitHubPaths = (await emulator.requests())
      .filter(({ service }) => service === 'github')
      .map(({ path }) => path);
    expect(gitHubPaths.filter((path) => /\/pulls\?/.test(path))).toHaveLength(3);
    expect(gitHubPaths.filter((path) => /\/pulls\/\d+$/.test(path))).toHaveLength(24);
  });

  test('that gets no further session states why, and what it could not check', async ({ emulator }) => {
    const host = await createBaseServer(emulator, 'no-session');
    await query(emulator, adminLogin(host), 'CREATE DATABASE relecloud_pr_1');
    await query(
      emulator,
      adminLogin(host),
      `COMMENT ON DATABASE relecloud_pr_1 IS '${markerText(1, yesterday)}'`,
    );
    const listing = await emulator.hold({ service: 'postgres', statement: 'starts_with.*pg_authid' });
    const step = createScheduledJob(emulator).step(sweepInputs('no-session'));
    await listing.triggered;
    await query(emulator, superuserLogin(host), 'ALTER ROLE relecloud_admin CONNECTION LIMIT 0');
    await listing.release();
    const { exitCode, log } = await step;
    expect(exitCode).toBe(1);
    expect(log).toMatch(
      /could not be checked, because the sweep could not open or keep a session: .*too many connections for role/,
    );
    expect(log).toMatch(/%0A *- [^%]*relecloud_pr_1/);
    expect(log).toContain('ALTER ROLE "relecloud_admin" CONNECTION LIMIT -1;');
  });

  test('does not drop the database of a pull request that GitHub does not know, and reports it', async ({
    emulator,
  }) => {
    await createBaseServer(emulator, 'unknown-pulls');
    const created = await pullRequestJob(emulator, 901).step(perPullRequestInputs('unknown-pulls'));
    expect(created.exitCode, created.log).toBe(0);
    const step = await createScheduledJob(emulator).step(sweepInputs('unknown-pulls'));
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/= kept +database relecloud_pr_901 +Reading pull request #901 .*HTTP 404/);
    expect(step.summary).toContain('relecloud_pr_901');
    expect(droppedNames(step)).toEqual([]);
  });

  test('drops only expired databases without a GitHub token, and then fails because it cannot read pull requests', async ({
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
    expect(step.log).toMatch(/github-token is not set.*permissions: pull-requests: read/);
    expect(droppedNames(step)).toEqual(['relecloud_pr_1']);
  });

  test('continues after a failed drop, and then fails with the list of failures', async ({ emulator }) => {
    const host = await createBaseServer(emulator, 'one-fails');
    for (const number of [461, 462, 463]) {
      const created = await pullRequestJob(emulator, number).step(perPullRequestInputs('one-fails'));
      expect(created.exitCode, created.log).toBe(0);
    }
    await patchGitHub(emulator, {
      pulls: { 461: { state: 'closed' }, 462: { state: 'closed' }, 463: { state: 'closed' } },
    });
    // The role cannot be dropped because it owns another database.
    const admin = adminLogin(host);
    await query(emulator, admin, 'GRANT relecloud_app_pr_462 TO CURRENT_USER');
    await query(emulator, admin, 'CREATE DATABASE of_the_role OWNER relecloud_app_pr_462');
    const step = await createScheduledJob(emulator).step(sweepInputs('one-fails'));
    expect(step.exitCode).toBe(1);
    expect(step.log).toMatch(/failed in 1 case:.*Role 'relecloud_app_pr_462' could not be dropped/s);
    expect(step.log).toContain(
      "pull request #462, database 'relecloud_pr_462', role 'relecloud_app_pr_462': Role",
    );
    expect(step.log).toContain('on the server itself: database of_the_role');
    expect(droppedNames(step).toSorted()).toEqual([
      'relecloud_app_pr_461',
      'relecloud_app_pr_463',
      'relecloud_pr_461',
      'relecloud_pr_462',
      'relecloud_pr_463',
    ]);
    // After that database was dropped, the next sweep drops the role.
    await query(emulator, admin, 'DROP DATABASE of_the_role');
    const next = await createScheduledJob(emulator).step(sweepInputs('one-fails'));
    expect(next.exitCode, next.log).toBe(0);
    expect(droppedNames(next)).toEqual(['relecloud_app_pr_462']);
  });

  test('does not drop databases with a forged or invalid marker, of other repositories, and base databases', async ({
    emulator,
  }) => {
    const host = await createBaseServer(emulator, 'forged');
    const admin = adminLogin(host);
    await query(emulator, admin, `CREATE ROLE mallory LOGIN CREATEDB PASSWORD 'Mallory-Password1'`);
    const mallory = { ...admin, user: 'mallory', password: 'Mallory-Password1' };
    const databases: readonly (readonly [name: string, marker: string, as: typeof admin])[] = [
      ['relecloud_pr_71', markerText(71, yesterday), mallory],
      ['relecloud_pr_72', markerText(72, yesterday, '815'), admin],
      ['misnamed', markerText(73, yesterday), admin],
      ['relecloud_pr_74', markerText(74, yesterday).replace('"kind"', '"more":1,"kind"'), admin],
      ['relecloud_pr_75', '{"madeBy":"azure-postgresql-action"', admin],
    ];
    for (const [name, marker, as] of databases) {
      await query(emulator, as, `CREATE DATABASE ${name}`);
      await query(emulator, as, `COMMENT ON DATABASE ${name} IS '${marker}'`);
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
      "database relecloud_pr_71          its ownership marker is not trusted, because role 'mallory' owns it",
    );
    expect(step.log).toMatch(/= kept +database misnamed +its ownership marker does not match its name/);
    expect(step.log).toMatch(/= kept +database relecloud +its ownership marker does not match its name/);
  });

  test('removes temporary rules of ended runs of this repository, not those of running, unknown or other repositories’ runs', async ({
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
      keptLongAgo: 'gha-kept-4711-20250101-203-0-113-5',
      keptByOthers: 'gha-kept-815-20250101-203-0-113-5',
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
      expect.arrayContaining([
        names.running,
        names.unknown,
        names.others,
        names.kept,
        names.keptLongAgo,
        names.keptByOthers,
      ]),
    );
    expect(step.log).toMatch(new RegExp(`= kept +firewall rule ${names.running} +run 101 has not ended`));
    expect(step.log).toMatch(new RegExp(`= kept +firewall rule ${names.unknown} +.*HTTP 404`));
    expect(step.log).toContain(
      `firewall rule ${names.keptLongAgo}  it was created on 2025-01-01, and kept-rules-older-than is not set`,
    );

    // The rules of keep-firewall-rule are deleted by their age on request; a rule of unknown age and owner stays.
    const byAge = { 'kept-rules-older-than': '30d' };
    const dryRun = await createScheduledJob(emulator).step(
      sweepInputs('rules', { ...byAge, 'dry-run': 'true' }),
    );
    expect(droppedNames(dryRun), dryRun.log).toEqual([names.keptLongAgo]);
    expect(await emulator.ruleNames('rules')).toContain(names.keptLongAgo);
    const aged = await createScheduledJob(emulator).step(sweepInputs('rules', byAge));
    expect(aged.exitCode, aged.log).toBe(0);
    expect(droppedNames(aged)).toEqual([names.keptLongAgo]);
    const left = await emulator.ruleNames('rules');
    expect(left).not.toContain(names.keptLongAgo);
    expect(left).toEqual(expect.arrayContaining([names.kept, names.keptByOthers]));
    expect(aged.log).toMatch(
      new RegExp(`= kept +firewall rule ${names.kept} +its name has no repository and no day`),
    );
  });

  test('does not drop a database that another job renews after the sweep has read its expiry', async ({
    emulator,
  }) => {
    const host = await createBaseServer(emulator, 'renewed');
    const inputs = perPullRequestInputs('renewed', { 'expires-in': '1h' });
    const created = await pullRequestJob(emulator, 81).step(inputs);
    expect(created.exitCode, created.log).toBe(0);
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
    expect(step.log).toContain("Database 'relecloud_pr_81' was renewed by another run");
    expect(Object.keys((await emulator.serverState('renewed')).databases)).toContain('relecloud_pr_81');
    expect(Object.keys((await emulator.serverState('renewed')).roles)).toContain('relecloud_app_pr_81');
  });

  test('continues in new sessions if its sessions are lost', async ({ emulator }) => {
    const host = await createBaseServer(emulator, 'lost');
    const numbers = Array.from({ length: 12 }, (_, i) => 501 + i);
    const admin = adminLogin(host);
    for (const n of numbers) {
      await query(emulator, admin, `CREATE DATABASE relecloud_pr_${n}`);
      await query(emulator, admin, `COMMENT ON DATABASE relecloud_pr_${n} IS '${markerText(n, tomorrow)}'`);
    }
    await patchGitHub(emulator, { pulls: Object.fromEntries(numbers.map((n) => [n, { state: 'closed' }])) });
    const match = { service: 'github', method: 'GET', path: '/pulls/\\d+$' } as const;
    const pullRequests = await emulator.hold(match, 'request', { times: 4 });
    const sweeping = createScheduledJob(emulator).step(sweepInputs('lost'));
    await pullRequests.triggered;
    const ended = await query(
      emulator,
      admin,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'azure-postgresql-action%'`,
    );
    expect(ended.length).toBeGreaterThan(1);
    await pullRequests.release();
    const step = await sweeping;
    expect(step.exitCode, step.log).toBe(0);
    expect(droppedNames(step).toSorted()).toEqual(numbers.map((n) => `relecloud_pr_${n}`).toSorted());
  });

  test('does not start a stopped server in a dry run, and with start-if-stopped: false', async ({
    emulator,
  }) => {
    await createBaseServer(emulator, 'stopped');
    await emulator.patchServer('stopped', { properties: { state: 'Stopped' } });
    for (const more of [{ 'dry-run': 'true' }, { 'start-if-stopped': 'false' }]) {
      const step = await createScheduledJob(emulator).step(sweepInputs('stopped', more));
      expect(step.exitCode, step.log).toBe(0);
      expect(step.log).toMatch(/^::warning::Server 'stopped' is stopped and was not started/m);
    }
    expect(
      (await emulator.writesExceptTemporaryRules()).filter(({ path }) => /\/start\?/.test(path)),
    ).toEqual([]);
  });

  test('fails if the server does not exist, and reports where it searched', async ({ emulator }) => {
    const step = await createScheduledJob(emulator).step(
      sweepInputs('never-was', { 'resource-group': 'a-group' }),
    );
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toMatch(/Server 'never-was' was not found in resource group 'a-group' of subscription/);
    expect(step.log).toContain('(server-not-found)');
  });
});
