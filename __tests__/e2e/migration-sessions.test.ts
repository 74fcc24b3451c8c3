import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import {
  defaultInputs,
  type Inputs,
  Job,
  queryCommand,
  signalWhen,
  waitForFile,
} from '../helpers/e2e/job.ts';
import { adminLoginTo, openSession, query } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';

const SERVER = 'sessions';
const inputs: Inputs = {
  ...defaultInputs,
  'server-name': SERVER,
  'allowed-ip-ranges': 'here=198.51.100.7',
};
const applicationInputs: Inputs = { 'app-username': 'relecloud_app', 'app-password-key': 'ab'.repeat(32) };

test.beforeAll(async ({ emulator }) => {
  const step = await new Job(emulator).step(inputs);
  expect(step.exitCode, step.log).toBe(0);
  await emulator.patchServer(SERVER, { parameters: { max_prepared_transactions: '20' } });
  for (const state of ['Stopped', 'Ready']) await emulator.patchServer(SERVER, { properties: { state } });
});

/** A statement that reports its start, and runs until its session is terminated. */
const LONG_STATEMENT = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(36000); END $$";

/** Starts the statement in the background, and continues once the server executes it. */
const startStatement = [
  `${queryCommand} "$STATEMENT" 2> notices & client=$!`,
  'until [ -s notices ]; do sleep 0.05; done',
].join('\n');

/** Leaves the statement running on the server without a client. */
const orphanStatement = [startStatement, 'kill -9 $client; wait $client || true'].join('\n');

/** Clients that take the migration's application name from the environment, and clients that set another. */
const clientVariants = [
  ['a client with the migration’s application name', {}],
  ['a client with another name', { PGAPPNAME: 'flyway' }],
] as const;

const createJob = (emulator: EmulatorHarness, env: Readonly<Record<string, string>> = {}): Job =>
  new Job(emulator, { STATEMENT: LONG_STATEMENT, ...env });

const databaseLogin = (emulator: EmulatorHarness, server = SERVER) =>
  adminLoginTo(emulator, server, 'relecloud');

/** Application names of the sessions in the database, without the action's own. */
async function listSessions(emulator: EmulatorHarness, server = SERVER): Promise<readonly unknown[]> {
  const rows = await query(
    emulator,
    await databaseLogin(emulator, server),
    `SELECT application_name AS name FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND NOT application_name LIKE 'azure-postgresql-action % run %' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Another client with the administrator's role, which is also the role of the migration. */
const openNamedSession = async (emulator: EmulatorHarness, applicationName: string): Promise<pg.Client> =>
  openSession(emulator, await databaseLogin(emulator), `SET application_name = '${applicationName}'`);

describe('sessions that a migration leaves on the server are terminated before its lock is released', () => {
  test.for(clientVariants)('after a failure, and the error lists them: %s', async ([, env], { emulator }) => {
    const job = createJob(emulator, env);
    const terminating = await emulator.hold({ service: 'postgres', statement: 'pg_terminate_backend' });
    const step = job.step({ ...inputs, 'migration-command': `${orphanStatement}\nexit 3` });
    await terminating.triggered;
    const locks = await query(
      emulator,
      await databaseLogin(emulator),
      "SELECT count(*)::int AS held FROM pg_locks WHERE locktype = 'advisory' AND granted",
    );
    await terminating.release();
    const { exitCode, log } = await step;
    expect(locks).toEqual([{ held: 1 }]);
    expect(exitCode).toBe(1);
    expect(log).toContain('ended with exit code 3');
    expect(log).toContain('Its sessions were still running on the server and were terminated:');
    expect(log).toMatch(
      /application '(flyway|azure-postgresql-action migration \w{24})', role 'relecloud_admin', process \d+/,
    );
    expect(await listSessions(emulator)).toEqual([]);
  });

  test.for([
    ['a client with the migration’s application name', {}, {}],
    ['a client with another name', {}, { PGAPPNAME: 'flyway' }],
    ['of the application role, a client with another name', applicationInputs, { PGAPPNAME: 'flyway' }],
    [
      'of the administrator next to an application role, a client with another name',
      { ...applicationInputs, 'migrate-as': 'admin' },
      { PGAPPNAME: 'flyway' },
    ],
  ] as const)('after a success: %s', async ([, given, env], { emulator }) => {
    const job = createJob(emulator, env);
    const step = await job.step({ ...inputs, ...given, 'migration-command': orphanStatement });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain('Terminated a session of the migration');
    expect(await listSessions(emulator)).toEqual([]);
    // Post must not terminate anything, because later steps may have sessions by then.
    expect(JSON.parse(step.state['migration'] ?? '{}')).toMatchObject({ ended: true });
  });

  test('after a success that left a process running, regardless of the application name of its session', async ({
    emulator,
  }) => {
    const job = createJob(emulator, { PGAPPNAME: 'flyway' });
    const step = await job.step({ ...inputs, 'migration-command': startStatement });
    expect(step.exitCode, step.log).toBe(0);
    expect(await listSessions(emulator)).toEqual([]);
  });

  test.for(clientVariants)('when the job is cancelled: %s', async ([, env], { emulator }) => {
    const job = createJob(emulator, env);
    const started = join(job.tempDirectory, 'started');
    const step = await job.spawnStep(
      { ...inputs, ...applicationInputs, 'migration-command': `${startStatement}; touch ${started}; wait` },
      signalWhen(waitForFile(started), 'SIGINT'),
    );
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('was cancelled');
    expect(await listSessions(emulator)).toEqual([]);
  });

  test('after the loss of the lock’s session', async ({ emulator }) => {
    const job = createJob(emulator);
    const started = join(job.tempDirectory, 'started');
    const step = job.step({
      ...inputs,
      'migration-command': `${startStatement}; touch ${started}; wait`,
    });
    await waitForFile(started);
    await query(
      emulator,
      await databaseLogin(emulator),
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
    );
    expect((await step).log).toContain('(migration-lock-lost)');
    expect(await listSessions(emulator)).toEqual([]);
  });
});

describe('sessions that are not the migration’s are not terminated', () => {
  test('after a success, idle sessions of its role, also those with advisory locks; there is no login to search for others', async ({
    emulator,
  }) => {
    const job = createJob(emulator);
    const [started, go] = [join(job.tempDirectory, 'started'), join(job.tempDirectory, 'go')];
    await emulator.clearRecords();
    const step = job.step({
      ...inputs,
      'migration-command': `touch ${started}; until [ -e ${go} ]; do sleep 0.05; done`,
    });
    await waitForFile(started);
    const other = await openNamedSession(emulator, 'idle with a lock');
    await other.query('SELECT pg_advisory_lock(1)');
    await writeFile(go, '');
    const { exitCode, log } = await step;
    expect(exitCode, log).toBe(0);
    expect(await listSessions(emulator)).toEqual(['idle with a lock']);
    const ending = (await emulator.statements()).filter(({ statement }) =>
      statement.includes('pg_terminate_backend'),
    );
    expect(ending).toEqual([]);
  });

  test('a prepared transaction with an advisory lock is listed with the statement that ends it', async ({
    emulator,
  }) => {
    const client = await openNamedSession(emulator, 'prepares');
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(72707369)');
    await client.query("PREPARE TRANSACTION 'it''s left'");
    const { log } = await createJob(emulator).step({ ...inputs, 'migration-command': 'exit 1' });
    expect(log).toContain(
      "hold advisory locks in the database:%0A  - prepared transaction 'it's left' of role relecloud_admin in database 'relecloud': ROLLBACK PREPARED 'it''s left';",
    );
    const [rollBack = ''] = statementsAfter(log, 'hold advisory locks in the database:');
    await client.query(rollBack);
    expect((await client.query('SELECT FROM pg_prepared_xacts')).rowCount).toBe(0);
  });

  test('sessions that are older, idle without a lock, or of the action; those with advisory locks are listed', async ({
    emulator,
  }) => {
    const job = createJob(emulator);
    const [started, go] = [join(job.tempDirectory, 'started'), join(job.tempDirectory, 'go')];
    const older = await openNamedSession(emulator, 'older');
    const sleeping = older.query('SELECT pg_sleep(36000)');
    sleeping.catch(() => {});
    const holder = await openNamedSession(emulator, 'prisma');
    const { rows } = await holder.query('SELECT pg_advisory_lock(72707369), pg_backend_pid() AS pid');
    const step = job.step({
      ...inputs,
      'migration-command': `touch ${started}; until [ -e ${go} ]; do sleep 0.05; done; exit 1`,
    });
    await waitForFile(started);
    await openNamedSession(emulator, 'idle');
    const other = await openNamedSession(emulator, 'azure-postgresql-action migration of another run');
    await other.query('BEGIN');
    const left = await openNamedSession(emulator, 'idle with a lock');
    await left.query('SELECT pg_advisory_lock(1)');
    await writeFile(go, '');
    const { log } = await step;
    expect(log).toContain('ended with exit code 1');
    expect(log).toContain("terminated:%0A  - application 'idle with a lock'");
    expect(await listSessions(emulator)).toEqual([
      'azure-postgresql-action migration of another run',
      'idle',
      'older',
      'prisma',
    ]);
    const [{ pid }] = rows;
    expect(log).toMatch(
      new RegExp(
        `hold advisory locks in the database:%0A  - application 'prisma', role 'relecloud_admin', process ${pid}.*: SELECT pg_terminate_backend\\(${pid}\\);`,
      ),
    );
    const [terminate = ''] = statementsAfter(log, `process ${pid}`);
    await other.query('ROLLBACK');
    await other.query(terminate);
    await expect(holder.query('SELECT 1')).rejects.toThrow();
  });
});

describe('if the step is killed, post terminates the sessions of the migration before it removes the firewall rule', () => {
  test.for([
    ['as the administrator, with its name', 'killed-1', {}, {}],
    ['as the administrator, with another name', 'killed-2', {}, { PGAPPNAME: 'flyway' }],
    ['as the application role, with another name', 'killed-3', applicationInputs, { PGAPPNAME: 'flyway' }],
  ] as const)('%s', async ([, server, given, env], { emulator }) => {
    const job = createJob(emulator, env);
    const started = join(job.tempDirectory, 'started');
    const step = await job.spawnStep(
      {
        ...defaultInputs,
        'server-name': server,
        ...given,
        'migration-command': `${startStatement}; touch ${started}; wait`,
      },
      { ...signalWhen(waitForFile(started), 'SIGKILL'), output: 'ignore' },
    );
    expect(step.signal).toBe('SIGKILL');
    expect(JSON.stringify(step.state)).not.toContain(defaultInputs['admin-password']);
    expect(await listSessions(emulator, server)).toHaveLength(1);
    const removing = await emulator.hold({ service: 'arm', method: 'DELETE', path: '/firewallRules/' });
    const posts = job.runPosts();
    await removing.triggered;
    const left = await listSessions(emulator, server);
    await removing.release();
    expect(left).toEqual([]);
    const [post] = await posts;
    expect(post?.exitCode, post?.log).toBe(0);
    expect(post?.log).toContain('Terminated a session of the migration');
    expect(await emulator.ruleNames(server)).toEqual([]);
  });
});
