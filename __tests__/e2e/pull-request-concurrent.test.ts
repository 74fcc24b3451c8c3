import { describe, expect } from 'vitest';
import type { Change } from '../../src/reconcile/findings.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, droppedNames, type Inputs, Job } from '../helpers/e2e/job.ts';
import { loginFromOutputs, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
import {
  listComments,
  patchGitHub,
  perPullRequestInputs,
  pullRequestJob,
} from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

/** Creates a server of a major version, with a template that has a table and a function of an application role. */
async function createServerOfMajor(emulator: EmulatorHarness, server: string, major: string): Promise<void> {
  const created = await new Job(emulator).step({
    ...defaultInputs,
    'server-name': server,
    'postgres-version': major,
    'allowed-ip-ranges': '198.51.100.7',
    'app-username': 'relecloud_app',
    'app-password': 'Some-App-Password1',
  });
  expect(created.exitCode, created.log).toBe(0);
  await query(
    emulator,
    loginFromOutputs(created.outputs),
    'CREATE TABLE trips AS SELECT i AS id FROM generate_series(1, 1000) i; CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1',
  );
}

const inputsFor = (server: string): Inputs =>
  perPullRequestInputs(server, { template: 'relecloud', comment: 'true', 'runner-ip': '198.51.100.7' });

test.for([['17'], ['18']] as const)(
  'concurrent jobs of the same pull request both succeed on PostgreSQL %s, with one clone and one comment',
  async ([major], { emulator }) => {
    const server = `at-once-${major}`;
    const inputs = inputsFor(server);
    await createServerOfMajor(emulator, server, major);
    await patchGitHub(emulator, { pulls: { [major]: { state: 'open' } } });
    await emulator.clearRecords();
    const jobs = [pullRequestJob(emulator, Number(major)), pullRequestJob(emulator, Number(major))];
    const steps = await Promise.all(jobs.map((job) => job.step(inputs)));
    for (const step of steps) expect(step.exitCode, step.log).toBe(0);
    expect(steps.filter(({ outputs }) => outputs['database-created'] === 'true')).toHaveLength(1);
    expect(steps[0]?.outputs['db-password']).toBe(steps[1]?.outputs['db-password']);
    const login = loginFromOutputs(steps[1]?.outputs ?? {});
    expect(await query(emulator, login, `SELECT count(*)::int AS rows, one() AS one FROM trips`)).toEqual([
      { rows: 1000, one: 1 },
    ]);
    await query(emulator, login, 'DROP TABLE trips; DROP FUNCTION one()');
    expect(await listComments(emulator, Number(major))).toHaveLength(1);
  },
);

// On 17, where a statement meets the drop of another session more often than on 18.
describe('concurrent jobs', () => {
  const server = 'at-once-17';
  const inputs = inputsFor(server);

  test('report a creation once: after a run that failed, and after a reset by all of them', async ({
    emulator,
  }) => {
    const number = 50;
    const runStep = (overrides: Inputs) =>
      pullRequestJob(emulator, number).step({ ...inputs, comment: 'false', ...overrides });
    const failed = await runStep({ 'migration-command': 'exit 1' });
    expect(failed.log).toContain('(migration-failed)');
    // Its later steps do not run, so this report reaches none.
    expect(failed.outputs['database-created']).toBe('true');
    for (const overrides of [{}, { reset: 'true' }]) {
      const steps = await Promise.all(Array.from({ length: 4 }, () => runStep(overrides)));
      for (const step of steps) expect(step.exitCode, step.log).toBe(0);
      const reporting = steps.filter(({ outputs }) => outputs['database-created'] === 'true');
      expect(reporting, steps.map(({ log }) => log).join('\n')).toHaveLength(1);
      const creations = steps.flatMap(({ outputs }) =>
        JSON.parse(outputs['changes'] ?? '').filter(
          ({ resource, action }: Change) => resource === 'database' && action === 'create',
        ),
      );
      expect(creations).toHaveLength(1);
    }
    const last = await runStep({});
    expect(last.outputs).toMatchObject({ 'database-created': 'false', changes: '[]' });
  });

  test('drop a database whose DROP DATABASE runs in another job or was interrupted', async ({ emulator }) => {
    const step = (mode: string) => pullRequestJob(emulator, 50).step({ ...inputs, mode, comment: 'false' });
    const created = await step('ensure');
    // PostgreSQL does so at the start of DROP DATABASE, outside its transaction.
    await query(
      emulator,
      superuserLogin(created.outputs['db-host'] ?? ''),
      "UPDATE pg_database SET datallowconn = false, datconnlimit = -2 WHERE datname = 'relecloud_pr_50'",
    );
    const dropped = await step('drop');
    expect(dropped.exitCode, dropped.log).toBe(0);
    expect(droppedNames(dropped)).toContain('relecloud_pr_50');
  });

  test('of twenty pull requests all succeed, and twenty concurrent drops leave the server as before', async ({
    emulator,
  }) => {
    const before = await emulator.serverState(server);
    const numbers = Array.from({ length: 20 }, (_, i) => 100 + i);
    const runStep = (n: number, mode: string) =>
      pullRequestJob(emulator, n).step({ ...inputs, mode, comment: 'false' });
    const steps = await Promise.all(numbers.map((n) => runStep(n, 'ensure')));
    for (const step of steps) expect(step.exitCode, step.log).toBe(0);
    const logins = steps.map(({ outputs }) => loginFromOutputs(outputs));
    for (const login of [logins[0], logins[19]]) {
      if (login)
        expect(await query(emulator, login, 'SELECT count(*)::int AS n FROM trips')).toEqual([{ n: 1000 }]);
    }
    expect(new Set(logins.map(({ password }) => password)).size).toBe(20);
    const drops = await Promise.all(numbers.map((n) => runStep(n, 'drop')));
    for (const step of drops) expect(step.exitCode, step.log).toBe(0);
    expect(await emulator.serverState(server)).toEqual(before);
  });
});
