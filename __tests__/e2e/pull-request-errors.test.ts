import { describe, expect } from 'vitest';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import type { Job, PhaseResult } from '../helpers/e2e/job.ts';
import { adminLogin, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
import {
  createBaseServer,
  otherRepository,
  patchGitHub,
  perPullRequestInputs,
  pullRequestJob,
} from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const server = 'refusals';
const jsonHeaders = { 'Content-Type': 'application/json' };
const inputs = perPullRequestInputs(server);

const createServerForTest = (emulator: EmulatorHarness): Promise<string> =>
  createBaseServer(emulator, server);

const databaseNames = async (emulator: EmulatorHarness): Promise<readonly string[]> =>
  Object.keys((await emulator.serverState(server)).databases);

describe('ensure does not re-create the database of a closed pull request', () => {
  test('if GitHub reports that it is closed, regardless of the event of a re-run', async ({ emulator }) => {
    await createServerForTest(emulator);
    await patchGitHub(emulator, { pulls: { 1: { state: 'closed' } } });
    const step = await pullRequestJob(emulator, 1, { state: 'open' }).step(inputs);
    expect(step.exitCode, step.log).toBe(1);
    expect(step.log).toContain('Pull request #1 of relecloud/space-travel is closed');
    expect(await databaseNames(emulator)).not.toContain('relecloud_pr_1');
  });

  test('if the event reports that it is closed, without a request', async ({ emulator }) => {
    const step = await pullRequestJob(emulator, 2, { state: 'closed', action: 'labeled' }).step(inputs);
    expect(step.log).toContain('(pull-request-closed)');
    expect((await emulator.requests()).filter(({ service }) => service !== 'oidc')).toEqual([]);
  });

  test.for([
    ['a 404, which can mean no access', { status: 404, body: { message: 'Not Found' } }],
    ['a 403', { status: 403, body: { message: 'Resource not accessible by integration' } }],
    [
      'a proxy’s HTML page',
      { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<html>Sign in</html>' },
    ],
    ['truncated JSON', { status: 200, headers: jsonHeaders, body: '{"number":4,"state":"clo' }],
    ['another pull request', { status: 200, body: { number: 5, state: 'closed' } }],
  ] as const)('but continues if its state is unknown: %s', async ([, then], { emulator }) => {
    await emulator.addFault({ service: 'github', method: 'GET', path: '/pulls/4$' }, then);
    const step = await pullRequestJob(emulator, 4).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain('Could not determine whether pull request #4 is still open');
  });
});

describe('a fork’s pull request', () => {
  const withoutSecrets = { ...inputs, 'admin-password': '', 'app-password-key': '', 'github-token': '' };
  const fromFork = (emulator: EmulatorHarness, env: Record<string, string> = {}): Job =>
    pullRequestJob(emulator, 9, { head: otherRepository }, { ACTIONS_ID_TOKEN_REQUEST_URL: '', ...env });

  test('without secrets is an error that explains why', async ({ emulator }) => {
    const step = await fromFork(emulator).step(withoutSecrets);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain(
      'GitHub does not give secrets or an OpenID Connect token to a fork’s pull request',
    );
    expect(step.log).toContain('skip-without-credentials');
    expect(await emulator.requests()).toEqual([]);
  });

  test.for([
    ['a fork’s', {}],
    ['Dependabot’s', { GITHUB_ACTOR: 'dependabot[bot]' }],
  ] as const)(
    'with skip-without-credentials: %s run only logs a notice, also in post',
    async ([whose, env], { emulator }) => {
      const job =
        whose === 'a fork’s'
          ? fromFork(emulator)
          : pullRequestJob(emulator, 9, {}, { ACTIONS_ID_TOKEN_REQUEST_URL: '', ...env });
      const step = await job.step({ ...withoutSecrets, 'skip-without-credentials': 'true' });
      expect(step.exitCode, step.log).toBe(0);
      expect(step.log).toMatch(/^::notice::Skipped: GitHub gives/m);
      expect(step.outputs['db-name']).toBeUndefined();
      const [post] = await job.runPosts();
      expect(post?.exitCode, post?.log).toBe(0);
      expect(await emulator.requests()).toEqual([]);
    },
  );

  test('with secrets is not skipped by skip-without-credentials', async ({ emulator }) => {
    const step = await pullRequestJob(emulator, 9, { head: otherRepository }).step({
      ...inputs,
      'skip-without-credentials': 'true',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['db-name']).toBe('relecloud_pr_9');
  });

  test('on pull_request_target is an error in ensure, also if the fork was deleted', async ({ emulator }) => {
    for (const head of [otherRepository, null]) {
      const step = await pullRequestJob(emulator, 9, { name: 'pull_request_target', head }).step(inputs);
      expect(step.exitCode).toBe(1);
      expect(step.log).toMatch(/the fork’s migrations and scripts would run with this repository’s secrets/);
      expect(await emulator.requests()).toEqual([]);
    }
  });

  test('on pull_request_target is allowed in drop', async ({ emulator }) => {
    await createServerForTest(emulator);
    const closed = {
      name: 'pull_request_target',
      action: 'closed',
      state: 'closed',
      head: otherRepository,
    } as const;
    const step = await pullRequestJob(emulator, 9, closed).step({ ...inputs, mode: 'drop' });
    expect(step.exitCode, step.log).toBe(0);
    expect(await databaseNames(emulator)).not.toContain('relecloud_pr_9');
  });
});

describe('cloning a template', () => {
  const clone = (emulator: EmulatorHarness, number: number, template: string): Promise<PhaseResult> =>
    pullRequestJob(emulator, number).step({ ...inputs, template });
  const sessions = { method: 'sessions', database: 'relecloud' };
  test.afterEach(({ emulator }) => emulator.control('DELETE', sessions.method));

  test('waits for another session in the template, and does not terminate it', async ({ emulator }) => {
    await emulator.control('POST', 'sessions', { server, database: sessions.database });
    const match = { service: 'postgres', statement: '^CREATE DATABASE' } as const;
    // PostgreSQL waits five seconds before the first attempt fails.
    const second = await emulator.hold(match, 'request', { skip: 1 });
    const cloning = clone(emulator, 20, 'relecloud');
    await second.triggered;
    await emulator.control('DELETE', 'sessions');
    await second.release();
    const step = await cloning;
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/Waiting for template 'relecloud': .*role azuresu/);
  });

  test('fails with an error that names the session if it stays', async ({ emulator }) => {
    await emulator.control('POST', 'sessions', { server, database: 'relecloud' });
    const step = await clone(emulator, 21, 'relecloud');
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Database 'relecloud' could not be cloned within");
    expect(step.log).toMatch(/of role azuresu, process \d+/);
    expect(step.log).toContain('(template-in-use)');
    expect(await databaseNames(emulator)).not.toContain('relecloud_pr_21');
  });

  test('fails with a hint if the template does not exist or must not be copied', async ({ emulator }) => {
    const missing = await clone(emulator, 22, 'nowhere');
    expect(missing.log).toContain('the server has no such database');
    await query(
      emulator,
      adminLogin(await createServerForTest(emulator)),
      `CREATE ROLE other_owner NOLOGIN; GRANT other_owner TO CURRENT_USER`,
    );
    await query(
      emulator,
      adminLogin(await createServerForTest(emulator)),
      'CREATE DATABASE other_template OWNER other_owner',
    );
    await query(
      emulator,
      adminLogin(await createServerForTest(emulator)),
      'REVOKE other_owner FROM CURRENT_USER',
    );
    const notCopied = await clone(emulator, 23, 'other_template');
    expect(notCopied.log).toMatch(/permission denied to copy database.*IS_TEMPLATE true/s);
  });

  test('fails before any change if the inputs declare another charset than the template has', async ({
    emulator,
  }) => {
    await createServerForTest(emulator);
    await emulator.clearRecords();
    const step = await pullRequestJob(emulator, 24).step({
      ...inputs,
      template: 'relecloud',
      charset: 'LATIN1',
      collation: 'en_US.UTF-8',
    });
    expect(step.log).toContain("charset is 'LATIN1', and the template has 'UTF8'");
    expect(step.log).toContain('(template-differs)');
    const statements = (await emulator.statements()).map(({ statement }) => statement);
    expect(statements.filter((statement) => /^(CREATE|ALTER|COMMENT|GRANT)/.test(statement))).toEqual([]);
  });

  test('of an older C library fails with PostgreSQL’s detail and hint, and works after the statements in the error', async ({
    emulator,
  }) => {
    const host = await createServerForTest(emulator);
    await query(
      emulator,
      superuserLogin(host),
      `UPDATE pg_database SET datcollversion = '2.27' WHERE datname = 'relecloud'`,
    );
    const outdated = await clone(emulator, 25, 'relecloud');
    expect(outdated.log).toMatch(/collation version mismatch.*version 2\.27.*PostgreSQL's hint: Rebuild/s);
    expect(outdated.log).toContain(`Connect to "relecloud" as '${adminLogin(host).user}'`);
    const statements = new Set(outdated.log.match(/(REINDEX|ALTER) DATABASE "relecloud"[^;]*;/g));
    expect([...statements]).toHaveLength(2);
    for (const statement of statements) await query(emulator, adminLogin(host, 'relecloud'), statement);
    const repeated = await clone(emulator, 25, 'relecloud');
    expect(repeated.exitCode, repeated.log).toBe(0);
  });
});

describe('drop', () => {
  test('only warns if the server does not exist, because it can have been deleted on purpose', async ({
    emulator,
  }) => {
    const group = { 'resource-group': 'a-group' };
    const step = await pullRequestJob(emulator, 30).step(
      perPullRequestInputs('never-was', { mode: 'drop', ...group }),
    );
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(/^::warning::Server 'never-was' was not found in resource group 'a-group'/m);
    expect(step.outputs['dropped']).toBe('[]');
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
  });

  test('finds every role of the pull request by its marker, also without app-username', async ({
    emulator,
  }) => {
    for (const role of ['first_app', 'second_app'])
      expect((await pullRequestJob(emulator, 33).step({ ...inputs, 'app-username': role })).exitCode).toBe(0);
    const step = await pullRequestJob(emulator, 33).step({ ...inputs, mode: 'drop', 'app-username': '' });
    expect(step.exitCode, step.log).toBe(0);
    const remaining = Object.keys((await emulator.serverState(server)).roles);
    expect(remaining.filter((name) => name.includes('_pr_33'))).toEqual([]);
  });

  test('with dry-run lists what it would drop, and drops nothing', async ({ emulator }) => {
    await pullRequestJob(emulator, 31).step(inputs);
    await emulator.clearRecords();
    const step = await pullRequestJob(emulator, 31).step({ ...inputs, mode: 'drop', 'dry-run': 'true' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain('Would drop: database relecloud_pr_31');
    expect(JSON.parse(step.outputs['dropped'] ?? '')).toEqual([
      { resource: 'database', name: 'relecloud_pr_31' },
      { resource: 'role', name: 'relecloud_app_pr_31' },
    ]);
    expect(step.outputs['changes']).toBe('[]');
    const statements = await emulator.statements();
    expect(statements.filter(({ statement }) => !/^\s*(SELECT|SET)/i.test(statement))).toEqual([]);
    expect(await databaseNames(emulator)).toContain('relecloud_pr_31');
  });

  test('falls back to ARM if a session of Azure prevents the drop in SQL', async ({ emulator }) => {
    await pullRequestJob(emulator, 32).step(inputs);
    await emulator.control('POST', 'sessions', { server, database: 'relecloud_pr_32' });
    const step = await pullRequestJob(emulator, 32).step({ ...inputs, mode: 'drop' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toContain('dropping it through Azure Resource Manager');
    expect(await emulator.writesExceptTemporaryRules()).toMatchObject([
      { method: 'DELETE', path: expect.stringMatching(/\/databases\/relecloud_pr_32\?/) },
    ]);
    const after = await emulator.serverState(server);
    expect(Object.keys(after.databases)).not.toContain('relecloud_pr_32');
    expect(Object.keys(after.roles)).not.toContain('relecloud_app_pr_32');
  });
});
