import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, queryCommand } from '../helpers/e2e/job.ts';
import { adminLogin, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import {
  listComments,
  otherRepository,
  patchGitHub,
  perPullRequestInputs,
  pullRequestJob,
} from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const firewallInputs = { 'allowed-ip-ranges': '198.51.100.7' };

describe.each(['17', '18'])('the database of a pull request on PostgreSQL %s', (major) => {
  const server = `life-${major}`;
  const number = Number(major);
  const database = `relecloud_pr_${number}`;
  const role = `relecloud_app_pr_${number}`;
  const base = { ...defaultInputs, 'server-name': server, 'postgres-version': major, ...firewallInputs };
  const inputs = perPullRequestInputs(server, {
    template: 'relecloud',
    'expires-in': '72h',
    comment: 'true',
    extensions: 'hstore',
  });

  test('is cloned when the pull request opens, kept on a push, re-created on reset and dropped when it closes', async ({
    emulator,
  }) => {
    const created = await new Job(emulator).step({ ...base, extensions: 'hstore' });
    expect(created.exitCode, created.log).toBe(0);
    const admin = loginFromOutputs(created.outputs);
    await query(
      emulator,
      admin,
      `CREATE TABLE trips (id int PRIMARY KEY, tags hstore);
       INSERT INTO trips SELECT i, hstore('number', i::text) FROM generate_series(1, 100000) i`,
    );
    await patchGitHub(emulator, { pulls: { [number]: { state: 'open' } } });

    // Opened: a migrated clone with the template's rows and extension, and its own role.
    const opened = await pullRequestJob(emulator, number).step({
      ...inputs,
      'migration-command': `${queryCommand} "ALTER TABLE trips ADD COLUMN price int"`,
    });
    expect(opened.exitCode, opened.log).toBe(0);
    expect(opened.outputs).toMatchObject({
      'db-name': database,
      'db-user': role,
      'database-created': 'true',
      'server-created': 'false',
    });
    expect(JSON.parse(opened.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'role', name: role, action: 'create' },
      { resource: 'database', name: database, action: 'create', details: 'clone of relecloud' },
    ]);
    const own = loginFromOutputs(opened.outputs);
    expect(
      await query(
        emulator,
        own,
        `SELECT count(*)::int AS rows, max(price) AS price, max(tags -> 'number') AS tag FROM trips`,
      ),
    ).toEqual([{ rows: 100_000, price: null, tag: '99999' }]);

    // Pushed to: the data is kept, the password is the same without state between the jobs, the expiry is extended.
    await query(emulator, own, 'INSERT INTO trips (id, price) VALUES (0, 7)');
    const expiry = await expiryOf(emulator, server, database);
    await emulator.clearRecords();
    const pushed = await pullRequestJob(emulator, number, { action: 'synchronize' }).step(inputs);
    expect(pushed.exitCode, pushed.log).toBe(0);
    expect(pushed.outputs).toMatchObject({ changes: '[]', 'database-created': 'false', 'db-name': database });
    expect(pushed.outputs['db-password']).toBe(opened.outputs['db-password']);
    expect(await query(emulator, own, 'SELECT price FROM trips WHERE id = 0')).toEqual([{ price: 7 }]);
    expect((await expiryOf(emulator, server, database)).getTime()).toBeGreaterThan(expiry.getTime());
    expect(await writesOf(emulator, server)).toEqual([
      expect.stringMatching(/^COMMENT ON DATABASE "relecloud_pr_\d+" IS/),
    ]);

    // Reset: created again from the template.
    const reset = await pullRequestJob(emulator, number, { action: 'synchronize' }).step({
      ...inputs,
      reset: 'true',
    });
    expect(reset.exitCode, reset.log).toBe(0);
    expect(JSON.parse(reset.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'database', name: database, action: 'delete', details: 'reset' },
      { resource: 'database', name: database, action: 'create' },
    ]);
    expect(await query(emulator, own, 'SELECT count(*)::int AS rows FROM trips')).toEqual([
      { rows: 100_000 },
    ]);
    await expect(query(emulator, own, 'SELECT price FROM trips')).rejects.toMatchObject({ code: '42703' });

    // Always one comment, without a secret.
    expect(await listComments(emulator, number)).toHaveLength(1);
    const [comment] = await listComments(emulator, number);
    expect(comment?.user.login).toBe('github-actions[bot]');
    for (const fact of [database, role, own.host, 'unless a later run extends it', 'psql'])
      expect(comment?.body).toContain(fact);
    expect(comment?.body).not.toContain(own.password);

    // Closed: only its database and role are dropped.
    const closing = pullRequestJob(emulator, number, {
      name: 'pull_request_target',
      action: 'closed',
      state: 'closed',
    });
    const dropped = await closing.step({ ...inputs, mode: 'drop' });
    expect(dropped.exitCode, dropped.log).toBe(0);
    expect(JSON.parse(dropped.outputs['dropped'] ?? '')).toEqual([
      { resource: 'database', name: database },
      { resource: 'role', name: role },
    ]);
    const after = await emulator.serverState(server);
    expect(Object.keys(after.databases)).not.toContain(database);
    expect(Object.keys(after.roles)).not.toContain(role);
    expect(await query(emulator, admin, 'SELECT count(*)::int AS rows FROM trips')).toEqual([
      { rows: 100_000 },
    ]);
    expect(await listComments(emulator, number)).toHaveLength(1);
    expect((await listComments(emulator, number))[0]?.body).toContain('is dropped');

    // Dropping it again succeeds.
    const again = await closing.step({ ...inputs, mode: 'drop' });
    expect(again.exitCode, again.log).toBe(0);
    expect(again.outputs['dropped']).toBe('[]');
  });

  test('is not changed by ensure, reset and drop of another repository, whose error states who owns it', async ({
    emulator,
  }) => {
    const otherJob = pullRequestJob(emulator, number, { repository: otherRepository });
    const created = await otherJob.step(perPullRequestInputs(server));
    expect(created.exitCode, created.log).toBe(0);
    const before = await emulator.serverState(server);
    for (const more of [{}, { reset: 'true' }, { mode: 'drop' }] as Record<string, string>[]) {
      const refused = await pullRequestJob(emulator, number).step({
        ...perPullRequestInputs(server),
        ...more,
      });
      expect(refused.exitCode, refused.log).toBe(1);
      expect(refused.log).toMatch(
        /(Database|Role) '.*' (already exists and was not changed|was not dropped): its ownership marker \(the comment on it\) names another repository \(id 815\)/,
      );
      expect(refused.log).toContain('(not-owned)');
      expect(await emulator.serverState(server)).toEqual(before);
    }
    expect(
      await query(emulator, loginFromOutputs(created.outputs), 'SELECT current_database() AS name'),
    ).toEqual([{ name: database }]);
  });

  /** The expiry in a database's ownership marker. */
  async function expiryOf(
    emulator: EmulatorHarness,
    serverName: string,
    databaseName: string,
  ): Promise<Date> {
    const { databases } = await emulator.serverState(serverName);
    const { comment } = databases[databaseName] as { comment: string };
    expect(JSON.parse(comment)).toMatchObject({
      kind: 'pull-request',
      repositoryId: '4711',
      pullRequest: number,
    });
    return new Date(JSON.parse(comment).expires);
  }

  /** The statements of clients that change something. */
  async function writesOf(emulator: EmulatorHarness, serverName: string): Promise<readonly string[]> {
    const statements = await emulator.statements();
    return statements
      .filter(
        (each) =>
          each.server === serverName && !/^\s*(SELECT|WITH|SET|BEGIN|COMMIT|INSERT)/i.test(each.statement),
      )
      .map(({ statement }) => statement);
  }
});

describe('with per-pull-request, the published connection', () => {
  test('is always the pull request’s, in outputs and environment, with and without an application role', async ({
    emulator,
  }) => {
    const created = await new Job(emulator).step({
      ...defaultInputs,
      'server-name': 'published',
      ...firewallInputs,
    });
    expect(created.exitCode, created.log).toBe(0);
    const inputVariants = [
      perPullRequestInputs('published', { formats: 'url, pg, jdbc, ado.net, asyncpg' }),
      // Without an application role, the administrator is published, but never the base database.
      {
        ...defaultInputs,
        'server-name': 'published',
        'per-pull-request': 'true',
        formats: 'url, pg, jdbc, ado.net, asyncpg',
      },
    ];
    for (const [i, inputs] of inputVariants.entries()) {
      const number = 40 + i;
      const name = `relecloud_pr_${number}`;
      const step = await pullRequestJob(emulator, number).step(inputs);
      expect(step.exitCode, step.log).toBe(0);
      const { DB_NAME, PGDATABASE, DATABASE_URL, JDBC_DATABASE_URL, ConnectionStrings__Default } =
        step.exportedEnv;
      expect([step.outputs['db-name'], DB_NAME, PGDATABASE]).toEqual([name, name, name]);
      for (const form of [
        DATABASE_URL,
        JDBC_DATABASE_URL,
        ConnectionStrings__Default,
        step.outputs['database-url'],
      ])
        expect(form).toMatch(new RegExp(`\\b${name}\\b`));
      expect(
        await query(emulator, loginFromOutputs(step.outputs), 'SELECT current_database() AS name'),
      ).toEqual([{ name }]);
      const warned = /^::warning::Without app-username, later steps/m.test(step.log);
      expect(warned).toBe(inputs['app-username'] === undefined);
    }
  });

  test('can be for pull-request-number, also on an event without a pull request', async ({ emulator }) => {
    const job = new Job(emulator, { GITHUB_EVENT_NAME: 'workflow_dispatch' });
    const step = await job.step(perPullRequestInputs('published', { 'pull-request-number': '50' }));
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['db-name']).toBe('relecloud_pr_50');
  });

  test('is an error before any request without a pull request number, never the base database', async ({
    emulator,
  }) => {
    const step = await new Job(emulator, { GITHUB_EVENT_NAME: 'push' }).step(
      perPullRequestInputs('published'),
    );
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('pull-request-number is missing');
    expect(step.outputs['db-name']).toBeUndefined();
    expect(await emulator.requests()).toEqual([]);
  });
});

describe('a database without ownership marker', () => {
  test('is rejected by ensure and drop, and not changed', async ({ emulator }) => {
    const created = await new Job(emulator).step({
      ...defaultInputs,
      'server-name': 'unmarked',
      ...firewallInputs,
    });
    await query(emulator, adminLogin(created.outputs['db-host'] ?? ''), 'CREATE DATABASE relecloud_pr_3');
    for (const mode of ['ensure', 'drop']) {
      const step = await pullRequestJob(emulator, 3).step({ ...perPullRequestInputs('unmarked'), mode });
      expect(step.exitCode, step.log).toBe(1);
      expect(step.log).toMatch(
        /Database 'relecloud_pr_3' (already exists and was not changed|was not dropped): it has no ownership marker/,
      );
    }
    expect(Object.keys((await emulator.serverState('unmarked')).databases)).toContain('relecloud_pr_3');
  });
});
