import { describe, expect, onTestFinished } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { connect, type Login } from '../helpers/e2e/postgres-client.ts';
import { PullRequestServer } from '../helpers/e2e/pull-request.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const name = 'open-base';
const application = { 'app-username': 'relecloud_app', 'app-password': 'Of-the-application-1' };

/** A base database that every role may connect to, as one is that was not made by the action. */
const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server } = await PullRequestServer.create(emulator, name, { 'postgres-version': '18' });
  await emulator.patch(name, { parameters: { max_prepared_transactions: '20' } });
  for (const state of ['Stopped', 'Ready']) await emulator.patch(name, { properties: { state } });
  await server.setPulls('open', 1, 2, 3, 4, 5, 6, 7);
  await server.asAdmin('GRANT CONNECT, TEMPORARY ON DATABASE relecloud TO PUBLIC');
  return server;
});

/** A session that stays until the test ends; whether it has been ended. */
async function openSession(emulator: EmulatorHarness, login: Login, ...statements: string[]) {
  const session = await connect(emulator, login);
  onTestFinished(() => session.end().catch(() => {}));
  for (const statement of statements) await session.query(statement);
  const isAlive = (): Promise<boolean> =>
    session.query('SELECT 1').then(
      () => true,
      () => false,
    );
  return { session, isAlive };
}

/** The statement by which the action takes the lock, as the server saw it. */
async function migrationLock(emulator: EmulatorHarness): Promise<string> {
  const job = new Job(emulator);
  await job.step({ ...defaultInputs, ...application, 'server-name': name, 'migration-command': 'true' });
  const seen = (await emulator.statements()).find(({ statement }) =>
    statement.includes('pg_try_advisory_lock'),
  );
  expect(seen).toBeDefined();
  return seen?.statement ?? '';
}

describe('one pull request’s role holds up no other work in a base database that is open to everybody', () => {
  test('its session and its prepared transaction in the template: a clone succeeds, and they are named', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensure(1);
    const inTemplate = { ...own, database: 'relecloud' };
    const { isAlive } = await openSession(emulator, inTemplate, 'SELECT 1');
    const prepared = ['BEGIN', 'SELECT lo_create(0)', `PREPARE TRANSACTION 'in the template'`];
    const other = await openSession(emulator, inTemplate, ...prepared);
    await other.session.end();
    const clone = await server.passingStep(2, { template: 'relecloud' });
    expect(await isAlive()).toBe(false);
    expect(await server.asAdmin('SELECT FROM pg_prepared_xacts')).toEqual([]);
    expect(clone.log).toMatch(
      /^::warning::Ended what roles of pull requests held open in database 'relecloud'.*of role relecloud_app_pr_1, process \d+.*prepared transaction 'in the template'.*REVOKE CONNECT ON DATABASE "relecloud" FROM PUBLIC/m,
    );
  });

  test.for([
    ['a session', (lock: string) => [lock]],
    [
      'a prepared transaction',
      (lock: string) => [
        'BEGIN',
        lock.replace('pg_try_advisory_lock', 'pg_try_advisory_xact_lock'),
        `PREPARE TRANSACTION 'locked'`,
      ],
    ],
  ] as const)(
    '%s of it with the migration lock: a deploy goes on',
    async ([, take], { emulator, server }) => {
      const lock = await migrationLock(emulator);
      const own = await server.ensure(3);
      await openSession(emulator, { ...own, database: 'relecloud' }, ...take(lock));
      const deploy = await new Job(emulator).step({
        ...defaultInputs,
        ...application,
        'server-name': name,
        'migration-command': 'true',
        'timeout-minutes': '1',
      });
      expect(deploy.exitCode, deploy.log).toBe(0);
      expect(deploy.log).toContain("Ended what roles of pull requests held open in database 'relecloud'");
    },
  );
});

test('sessions of others, and of a pull request’s role in its own database, are only waited for', async ({
  emulator,
  server,
}) => {
  const own = await server.ensure(4);
  const app = { ...own, database: 'relecloud', user: 'relecloud_app', password: 'Of-the-application-1' };
  for (const [number, login] of [
    [5, own],
    [6, app],
  ] as const) {
    const { session, isAlive } = await openSession(emulator, login);
    const match = { service: 'postgres', statement: '^CREATE DATABASE' } as const;
    const second = await emulator.hold(match, 'request', { skip: 1 });
    const cloning = server.step(number, { template: login.database });
    await second.struck;
    expect(await isAlive()).toBe(true);
    await session.end();
    await second.release();
    const step = await cloning;
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).not.toContain('Ended what roles');
  }
});

test('a clone of a pull request’s database is not open to that pull request’s role', async ({
  emulator,
  server,
}) => {
  const one = await server.ensure(1);
  const clone = await server.ensure(7, { template: one.database });
  await expect(connect(emulator, { ...one, database: clone.database })).rejects.toMatchObject({
    code: '42501',
  });
});
