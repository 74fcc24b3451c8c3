import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Azure, useAzure } from '../helpers/e2e/emulator-harness.ts';
import { type Inputs, Job, tutorial } from '../helpers/e2e/job.ts';
import { loginFrom, query } from '../helpers/e2e/postgres-client.ts';
import {
  administratorAt,
  hostOfServer,
  perPullRequest,
  pullRequestJob,
} from '../helpers/e2e/pull-request.ts';

const bench = useAzure();
const server = 'killed';

/** Runs a step and kills it as soon as PostgreSQL has begun a statement that matches; whether it got so far. */
async function killedAt(azure: Azure, job: Job, inputs: Inputs, pattern: RegExp): Promise<boolean> {
  await azure.forget();
  let hit = false;
  const result = await job.step(inputs, {
    started: (child) => {
      void (async () => {
        while (!hit && child.exitCode === null && child.signalCode === null) {
          hit = (await azure.statements()).some(({ statement }) => pattern.test(statement));
          if (hit) child.kill('SIGKILL');
          // Between two looks the step itself has to get on.
          await sleep(2);
        }
      })();
    },
  });
  // Where the step was quicker than the look, it has done all that it had to.
  if (result.signal !== 'SIGKILL') expect(result.exitCode, result.log).toBe(0);
  return hit;
}

async function template(azure: Azure): Promise<void> {
  const made = await new Job(azure).step({
    ...tutorial,
    'server-name': server,
    'allowed-ip-ranges': '198.51.100.7',
    extensions: 'hstore',
  });
  expect(made.exitCode, made.log).toBe(0);
  await query(
    azure,
    loginFrom(made.outputs),
    'CREATE TABLE IF NOT EXISTS trips AS SELECT i AS id FROM generate_series(1, 500) i',
  );
}

// Every kind of statement that makes a pull request's database, in their order.
const making = [
  ['the role', /^\s*CREATE ROLE/],
  ['the clone', /^CREATE DATABASE/],
  ['its mark', /^COMMENT ON DATABASE/],
  ['its grants', /^REVOKE CONNECT/],
  ['the hand-over of what came along', /DO \$batch\$/],
  ['the last of its making', /CONNECTION LIMIT -1/],
] as const;

const dropping = [
  ['the closing of the database', /ALLOW_CONNECTIONS false/],
  ['the drop of the database', /^DROP DATABASE/],
  ['the locking of the role', /NOLOGIN/],
  ['the drop of the role', /^DROP ROLE/],
] as const;

describe('law 4: killed at any statement, then run again: the same end', () => {
  test.for(making.map(([name, pattern], i) => [name, pattern, 100 + i] as const))(
    'ensure, killed at %s',
    async ([, pattern, number]) => {
      const { azure } = bench;
      await template(azure);
      const inputs = perPullRequest(server, { template: 'relecloud', 'expires-in': '1h' });
      expect(await killedAt(azure, pullRequestJob(azure, number), inputs, pattern)).toBe(true);

      const again = await pullRequestJob(azure, number).step(inputs);
      expect(again.exitCode, again.log).toBe(0);
      const own = loginFrom(again.outputs);
      expect(await query(azure, own, 'SELECT count(*)::int AS rows FROM trips')).toEqual([{ rows: 500 }]);
      await query(azure, own, 'ALTER TABLE trips ADD COLUMN price int');
      const { databases, roles } = await azure.server(server);
      expect(databases[own.database]).toMatchObject({
        owner: 'relecloud_admin',
        connectionLimit: -1,
        acl: ['=T/relecloud_admin', 'relecloud_admin=CTc/relecloud_admin', `${own.user}=CTc/relecloud_admin`],
        comment: expect.stringContaining(`"pullRequest":${number}`),
      });
      expect(roles[own.user]).toMatchObject({ comment: expect.stringContaining(`"pullRequest":${number}`) });
      const third = await pullRequestJob(azure, number).step(inputs);
      expect(third.outputs['changes'], third.log).toBe('[]');
    },
  );

  test.for(making.map(([name, pattern], i) => [name, pattern, 200 + i] as const))(
    'ensure, killed at %s, then dropped: nothing is left',
    async ([, pattern, number]) => {
      const { azure } = bench;
      await template(azure);
      const before = await azure.server(server);
      const inputs = perPullRequest(server, { template: 'relecloud' });
      await killedAt(azure, pullRequestJob(azure, number), inputs, pattern);
      const drop = await pullRequestJob(azure, number).step({ ...inputs, mode: 'drop' });
      expect(drop.exitCode, drop.log).toBe(0);
      expect(await azure.server(server)).toEqual(before);
    },
  );

  test.for([
    ['the hand-over of schema public', /ALTER SCHEMA public OWNER/, 'first_app'],
    ['its grants', /^GRANT CONNECT, CREATE, TEMPORARY/, 'second_app'],
  ] as const)(
    'a role for a database that is there, killed at %s: the next run completes it',
    async ([, pattern, role]) => {
      const { azure } = bench;
      await template(azure);
      const database = `adopted_by_${role}`;
      await query(azure, administratorAt(await hostOfServer(azure, server)), `CREATE DATABASE ${database}`);
      const inputs = {
        ...tutorial,
        'server-name': server,
        database,
        'app-username': role,
        'app-password': 'Some-App-Password1',
      };
      expect(await killedAt(azure, new Job(azure), inputs, pattern)).toBe(true);
      const again = await new Job(azure).step(inputs);
      expect(again.exitCode, again.log).toBe(0);
      await query(azure, loginFrom(again.outputs), 'CREATE TABLE mine (id int); CREATE SCHEMA also_mine');
    },
  );

  test.for(dropping.map(([name, pattern], i) => [name, pattern, 300 + i] as const))(
    'drop, killed at %s: the next drop ends it, and the next ensure makes all anew',
    async ([, pattern, number]) => {
      const { azure } = bench;
      await template(azure);
      const before = await azure.server(server);
      const inputs = perPullRequest(server, { template: 'relecloud' });
      for (const next of ['drop', 'ensure']) {
        expect((await pullRequestJob(azure, number).step(inputs)).exitCode).toBe(0);
        await killedAt(azure, pullRequestJob(azure, number), { ...inputs, mode: 'drop' }, pattern);
        const step = await pullRequestJob(azure, number).step({ ...inputs, mode: next });
        expect(step.exitCode, step.log).toBe(0);
        if (next === 'drop') expect(await azure.server(server)).toEqual(before);
        else
          expect(await query(azure, loginFrom(step.outputs), 'SELECT count(*)::int AS n FROM trips')).toEqual(
            [{ n: 500 }],
          );
      }
      await pullRequestJob(azure, number).step({ ...inputs, mode: 'drop' });
    },
  );
});
