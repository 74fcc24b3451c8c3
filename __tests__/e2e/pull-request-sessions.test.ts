import type pg from 'pg';
import { describe, expect, onTestFinished } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job } from '../helpers/e2e/job.ts';
import { connect, isConnected, type Login, openSession, query } from '../helpers/e2e/postgres-client.ts';
import { PullRequestServer } from '../helpers/e2e/pull-request.ts';
import { test as e2e } from '../helpers/e2e/test.ts';

const name = 'open-base';
const applicationInputs = { 'app-username': 'relecloud_app', 'app-password': 'Of-the-application-1' };

/** A server whose base database every role can connect to, as if the action had not created it. */
const test = e2e.extend('server', { scope: 'file' }, async ({ emulator }) => {
  const { server } = await PullRequestServer.create(emulator, name, { 'postgres-version': '18' });
  await emulator.patchServer(name, { parameters: { max_prepared_transactions: '20' } });
  for (const state of ['Stopped', 'Ready']) await emulator.patchServer(name, { properties: { state } });
  await server.setPullRequestState('open', 1, 2, 3, 4, 5, 6, 7);
  await server.queryAsAdmin('GRANT CONNECT, TEMPORARY ON DATABASE relecloud TO PUBLIC');
  return server;
});

/**
 * Runs clients that connect, execute a statement, and connect again when their session is terminated, as in a connection
 * pool, until the test ends.
 */
function keepReconnecting(emulator: EmulatorHarness, login: Login, statement: string, clients: number): void {
  const open = new Set<pg.Client>();
  let hasEnded = false;
  const reconnectLoop = async (): Promise<void> => {
    while (!hasEnded) {
      const client = await connect(emulator, login).catch(() => undefined);
      if (client === undefined) continue;
      const ended = new Promise((resolve) => client.once('end', resolve));
      open.add(client);
      client.query(statement).catch(() => {});
      if (hasEnded) await client.end();
      await ended;
      open.delete(client);
    }
  };
  const loops = Array.from({ length: clients }, reconnectLoop);
  onTestFinished(async () => {
    hasEnded = true;
    for (const client of open) void client.end().catch(() => {});
    await Promise.all(loops);
  });
}

const deployInputs: Inputs = {
  ...defaultInputs,
  ...applicationInputs,
  'server-name': name,
  'migration-command': 'true',
  'timeout-minutes': '1',
};

/** The statement with which the action takes the migration lock, from the emulator's records. */
async function migrationLockStatement(emulator: EmulatorHarness): Promise<string> {
  const job = new Job(emulator);
  await job.step(deployInputs);
  const lockStatement = (await emulator.statements()).find(({ statement }) =>
    statement.includes('pg_try_advisory_lock'),
  );
  expect(lockStatement).toBeDefined();
  return lockStatement?.statement ?? '';
}

describe('a pull request’s role cannot block others in a base database that every role can connect to', () => {
  test('with a session and a prepared transaction in a template: a clone ends both and reports them', async ({
    emulator,
    server,
  }) => {
    const own = await server.ensureDatabase(1);
    const inTemplate = { ...own, database: 'relecloud' };
    const session = await openSession(emulator, inTemplate, 'SELECT 1');
    const prepared = ['BEGIN', 'SELECT lo_create(0)', `PREPARE TRANSACTION 'in the template'`];
    const preparing = await openSession(emulator, inTemplate, ...prepared);
    await preparing.end();
    const clone = await server.runSuccessfulStep(2, { template: 'relecloud' });
    expect(await isConnected(session)).toBe(false);
    expect(await server.queryAsAdmin('SELECT FROM pg_prepared_xacts')).toEqual([]);
    expect(clone.log).toMatch(
      /^::warning::Ended sessions and prepared transactions of pull requests’ roles in database 'relecloud'.*of role relecloud_app_pr_1, process \d+.*prepared transaction 'in the template'.*REVOKE CONNECT ON DATABASE "relecloud" FROM PUBLIC/m,
    );
    for (const statement of statementsAfter(clone.log, 'Revoke CONNECT from PUBLIC:'))
      await server.queryAsAdmin(statement.replace(' TO ROLE;', ' TO relecloud_app;'));
    await expect(query(emulator, inTemplate, 'SELECT 1')).rejects.toMatchObject({ code: '42501' });
    await server.queryAsAdmin('GRANT CONNECT ON DATABASE relecloud TO PUBLIC');
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
    'with %s that holds the migration lock: a deploy succeeds',
    async ([, take], { emulator, server }) => {
      const lock = await migrationLockStatement(emulator);
      const own = await server.ensureDatabase(3);
      await openSession(emulator, { ...own, database: 'relecloud' }, ...take(lock));
      const deploy = await new Job(emulator).step(deployInputs);
      expect(deploy.exitCode, deploy.log).toBe(0);
      expect(deploy.log).toContain(
        "Ended sessions and prepared transactions of pull requests’ roles in database 'relecloud'",
      );
    },
  );

  test('with a second prepared transaction that waits for the migration lock: a deploy succeeds', async ({
    emulator,
    server,
  }) => {
    const lock = (await migrationLockStatement(emulator)).replace(
      'pg_try_advisory_lock',
      'pg_advisory_xact_lock',
    );
    const inBase = { ...(await server.ensureDatabase(3)), database: 'relecloud' };
    await openSession(emulator, inBase, 'BEGIN', lock, "PREPARE TRANSACTION 'first'");
    const session = await openSession(emulator, inBase, 'BEGIN');
    const second = session.query(lock).then(() => session.query("PREPARE TRANSACTION 'second'"));
    second.catch(() => {});
    const deploy = await new Job(emulator).step(deployInputs);
    expect(deploy.exitCode, deploy.log).toBe(0);
    expect(await server.queryAsAdmin('SELECT FROM pg_prepared_xacts')).toEqual([]);
  });

  test('with clients that reconnect at once and request the migration lock: a deploy succeeds', async ({
    emulator,
    server,
  }) => {
    const lock = (await migrationLockStatement(emulator)).replace('pg_try_advisory_lock', 'pg_advisory_lock');
    const inBase = { ...(await server.ensureDatabase(3)), database: 'relecloud' };
    keepReconnecting(emulator, inBase, lock, 3);
    const deploy = await new Job(emulator).step(deployInputs);
    expect(deploy.exitCode, deploy.log).toBe(0);
  });

  test('with clients that reconnect at once to the template: a clone succeeds', async ({
    emulator,
    server,
  }) => {
    const inTemplate = { ...(await server.ensureDatabase(1)), database: 'relecloud' };
    keepReconnecting(emulator, inTemplate, 'SELECT 1', 2);
    await server.runSuccessfulStep(2, { template: 'relecloud', reset: 'true' });
  });
});

test('a run that is cancelled while it waits for the migration lock reports the prepared transaction that holds it', async ({
  emulator,
  server,
}) => {
  const lock = (await migrationLockStatement(emulator)).replace(
    'pg_try_advisory_lock',
    'pg_advisory_xact_lock',
  );
  const app = {
    ...server.adminLogin('relecloud'),
    user: 'relecloud_app',
    password: applicationInputs['app-password'],
  };
  await openSession(emulator, app, 'BEGIN', lock, "PREPARE TRANSACTION 'kept'");
  onTestFinished(() => query(emulator, app, "ROLLBACK PREPARED 'kept'").then(() => {}));
  const deploy = await new Job(emulator).spawnStep(deployInputs, {
    onStarted: (child) =>
      child.stdout?.on('data', (text: string) => {
        if (String(text).includes('Another migration of this database is running')) child.kill('SIGINT');
      }),
  });
  expect(deploy.log).toMatch(
    /was cancelled.*while waiting for the migration lock \(.* s: held by prepared transaction 'kept' of role relecloud_app in database 'relecloud'\)/,
  );
  expect(deploy.log).not.toContain('Ended sessions and prepared transactions of pull requests’ roles');
});

test('a clone waits for sessions of other roles, and of a pull request’s role in its own database, and does not end them', async ({
  emulator,
  server,
}) => {
  const own = await server.ensureDatabase(4);
  const app = { ...own, database: 'relecloud', user: 'relecloud_app', password: 'Of-the-application-1' };
  for (const [number, login] of [
    [5, own],
    [6, app],
  ] as const) {
    const session = await openSession(emulator, login);
    const match = { service: 'postgres', statement: '^CREATE DATABASE' } as const;
    const second = await emulator.hold(match, 'request', { skip: 1 });
    const cloning = server.runStep(number, { template: login.database });
    await second.triggered;
    expect(await isConnected(session)).toBe(true);
    await session.end();
    await second.release();
    const step = await cloning;
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).not.toContain('Ended sessions and prepared transactions of pull requests’ roles');
  }
});

test('a pull request’s role cannot connect to another pull request’s clone of its database', async ({
  emulator,
  server,
}) => {
  const one = await server.ensureDatabase(1);
  const clone = await server.ensureDatabase(7, { template: one.database });
  await expect(connect(emulator, { ...one, database: clone.database })).rejects.toMatchObject({
    code: '42501',
  });
});
