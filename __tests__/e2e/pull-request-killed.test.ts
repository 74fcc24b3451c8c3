import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job, signalWhen, spawnStepAndKill } from '../helpers/e2e/job.ts';
import { adminLogin, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { createBaseServer, perPullRequestInputs, pullRequestJob } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const server = 'killed';

/** Runs a step and kills it once PostgreSQL has executed a statement that matches. */
async function runAndKillAt(
  emulator: EmulatorHarness,
  job: Job,
  inputs: Inputs,
  statement: RegExp,
): Promise<void> {
  const match = { service: 'postgres', statement: statement.source } as const;
  const killed = await spawnStepAndKill(emulator, job, inputs, match, 'answer');
  expect(killed.signal, killed.log).toBe('SIGKILL');
}

test.beforeAll(async ({ emulator }) => {
  const created = await new Job(emulator).step({
    ...defaultInputs,
    'server-name': server,
    'allowed-ip-ranges': '198.51.100.7',
    extensions: 'hstore',
  });
  expect(created.exitCode, created.log).toBe(0);
  await query(
    emulator,
    loginFromOutputs(created.outputs),
    'CREATE TABLE trips AS SELECT i AS id FROM generate_series(1, 500) i',
  );
});

// Every kind of statement that creates a pull request's database, in its order.
const createKillPoints = [
  ['the role', /^\s*CREATE ROLE/],
  ['the clone', /^CREATE DATABASE/],
  ['its ownership marker', /^COMMENT ON DATABASE/],
  ['its grants', /^REVOKE CONNECT/],
  ['the transfer of the cloned objects', /DO \$batch\$/],
  ['its completion', /^ALTER DATABASE \S+ CONNECTION LIMIT \d{10}/],
  ['the report of its creation', /CONNECTION LIMIT -1/],
] as const;

const dropKillPoints = [
  ['the end of connections to the database', /ALLOW_CONNECTIONS false/],
  ['the drop of the database', /^DROP DATABASE/],
  ['NOLOGIN of the role', /NOLOGIN/],
  ['the drop of the role', /^DROP ROLE/],
] as const;

describe('after a run was killed at a statement', () => {
  test.for(createKillPoints.map(([name, pattern], i) => [name, pattern, 100 + i] as const))(
    'of ensure (%s), the next ensure completes the database, and reports that it was created',
    async ([, pattern, number], { emulator }) => {
      const inputs = perPullRequestInputs(server, { template: 'relecloud', 'expires-in': '1h' });
      await runAndKillAt(emulator, pullRequestJob(emulator, number), inputs, pattern);

      const again = await pullRequestJob(emulator, number).step(inputs);
      expect(again.exitCode, again.log).toBe(0);
      expect(again.outputs['database-created']).toBe('true');
      expect(JSON.parse(again.outputs['changes'] ?? '')).toContainEqual(
        expect.objectContaining({ resource: 'database', name: `relecloud_pr_${number}`, action: 'create' }),
      );
      const own = loginFromOutputs(again.outputs);
      expect(await query(emulator, own, 'SELECT count(*)::int AS rows FROM trips')).toEqual([{ rows: 500 }]);
      await query(emulator, own, 'ALTER TABLE trips ADD COLUMN price int');
      const { databases, roles } = await emulator.serverState(server);
      expect(databases[own.database]).toMatchObject({
        owner: 'relecloud_admin',
        connectionLimit: -1,
        acl: ['=T/relecloud_admin', 'relecloud_admin=CTc/relecloud_admin', `${own.user}=CTc/relecloud_admin`],
        comment: expect.stringContaining(`"pullRequest":${number}`),
      });
      expect(roles[own.user]).toMatchObject({ comment: expect.stringContaining(`"pullRequest":${number}`) });
      const third = await pullRequestJob(emulator, number).step(inputs);
      expect(third.outputs['changes'], third.log).toBe('[]');
    },
  );

  test.for(createKillPoints.map(([name, pattern], i) => [name, pattern, 200 + i] as const))(
    'of ensure (%s), drop removes everything',
    async ([, pattern, number], { emulator }) => {
      const before = await emulator.serverState(server);
      const inputs = perPullRequestInputs(server, { template: 'relecloud' });
      await runAndKillAt(emulator, pullRequestJob(emulator, number), inputs, pattern);
      const drop = await pullRequestJob(emulator, number).step({ ...inputs, mode: 'drop' });
      expect(drop.exitCode, drop.log).toBe(0);
      expect(await emulator.serverState(server)).toEqual(before);
    },
  );

  test.for([
    ['the transfer of schema public', /ALTER SCHEMA public OWNER/, 'first_app'],
    ['its grants', /^GRANT CONNECT, CREATE, TEMPORARY/, 'second_app'],
  ] as const)(
    'for the role of an existing database (%s), the next run completes it',
    async ([, pattern, role], { emulator }) => {
      const database = `adopted_by_${role}`;
      await query(
        emulator,
        adminLogin(await createBaseServer(emulator, server)),
        `CREATE DATABASE ${database}`,
      );
      const inputs = {
        ...defaultInputs,
        'server-name': server,
        database,
        'app-username': role,
        'app-password': 'Some-App-Password1',
      };
      await runAndKillAt(emulator, new Job(emulator), inputs, pattern);
      const again = await new Job(emulator).step(inputs);
      expect(again.exitCode, again.log).toBe(0);
      await query(
        emulator,
        loginFromOutputs(again.outputs),
        'CREATE TABLE mine (id int); CREATE SCHEMA also_mine',
      );
    },
  );

  test.for(dropKillPoints.map(([name, pattern], i) => [name, pattern, 300 + i] as const))(
    'of drop (%s), the next drop completes it, and the next ensure creates everything again',
    async ([, pattern, number], { emulator }) => {
      const before = await emulator.serverState(server);
      const inputs = perPullRequestInputs(server, { template: 'relecloud' });
      for (const next of ['drop', 'ensure']) {
        expect((await pullRequestJob(emulator, number).step(inputs)).exitCode).toBe(0);
        await runAndKillAt(emulator, pullRequestJob(emulator, number), { ...inputs, mode: 'drop' }, pattern);
        const step = await pullRequestJob(emulator, number).step({ ...inputs, mode: next });
        expect(step.exitCode, step.log).toBe(0);
        if (next === 'drop') expect(await emulator.serverState(server)).toEqual(before);
        else
          expect(
            await query(emulator, loginFromOutputs(step.outputs), 'SELECT count(*)::int AS n FROM trips'),
          ).toEqual([{ n: 500 }]);
      }
      await pullRequestJob(emulator, number).step({ ...inputs, mode: 'drop' });
    },
  );

  test.for([
    ['ensure', 'the clone', '^CREATE DATABASE', 401],
    ['drop', 'the drop of the database', '^DROP DATABASE', 402],
  ] as const)(
    'of %s, the next run succeeds although PostgreSQL executes %s during it',
    async ([mode, , statement, number], { emulator }) => {
      const inputs = perPullRequestInputs(server, { template: 'relecloud', mode });
      if (mode === 'drop') {
        const created = await pullRequestJob(emulator, number).step({ ...inputs, mode: 'ensure' });
        expect(created.exitCode, created.log).toBe(0);
      }
      const held = await emulator.hold({ service: 'postgres', statement });
      const kill = signalWhen(held.triggered, 'SIGKILL');
      const killed = await pullRequestJob(emulator, number).spawnStep(inputs, kill);
      expect(killed.signal, killed.log).toBe('SIGKILL');
      const next = pullRequestJob(emulator, number).step(inputs);
      await held.release();
      const again = await next;
      expect(again.exitCode, again.log).toBe(0);
      const third = await pullRequestJob(emulator, number).step(inputs);
      expect(third.exitCode, third.log).toBe(0);
      expect(third.outputs['changes'], third.log).toBe('[]');
      const { databases } = await emulator.serverState(server);
      expect(Object.keys(databases).includes(`relecloud_pr_${number}`)).toBe(mode === 'ensure');
    },
  );
});
