import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, type PhaseResult } from '../helpers/e2e/job.ts';
import { adminLogin, loginFromOutputs, query, superuserLogin } from '../helpers/e2e/postgres-client.ts';
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

  const dependabot = { GITHUB_ACTOR: 'dependabot[bot]' };
  const noIds = { AZURE_CLIENT_ID: '', AZURE_TENANT_ID: '', RUNNER_ENVIRONMENT: 'github-hosted' };

  test.for([
    ['a fork’s', 'pull_request', 'ensure', {}],
    ['Dependabot’s', 'pull_request', 'ensure', dependabot],
    ['a fork’s', 'pull_request_review', 'ensure', {}],
    ['a fork’s', 'pull_request_review_comment', 'drop', {}],
    ['Dependabot’s', 'push', 'ensure', dependabot],
    ['Dependabot’s', 'pull_request_target', 'drop', dependabot],
    // The ids for the sign-in are often secrets or variables, which such a run does not get either.
    ['a fork’s', 'pull_request', 'check', noIds],
    ['Dependabot’s', 'push', 'check', { ...dependabot, AZURE_SUBSCRIPTION_ID: '' }],
  ] as const)(
    'with skip-without-credentials: %s run on %s with mode %s only logs a notice, also in post',
    async ([whose, name, mode, more], { emulator }) => {
      const head = whose === 'a fork’s' ? { head: otherRepository } : {};
      const env = { ACTIONS_ID_TOKEN_REQUEST_URL: '', ...more };
      const job = pullRequestJob(emulator, 9, { name, ...head }, env);
      const step = await job.step({ ...withoutSecrets, mode, 'skip-without-credentials': 'true' });
      expect(step.exitCode, step.log).toBe(0);
      expect(step.log).toMatch(/^::notice::Skipped: GitHub gives/m);
      expect(step.outputs['db-name']).toBeUndefined();
      const [post] = await job.runPosts();
      expect(post?.exitCode, post?.log).toBe(0);
      expect(await emulator.requests()).toEqual([]);
    },
  );

  test('of Dependabot without secrets is an error that names the secrets that such a run can have', async ({
    emulator,
  }) => {
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: '', ...dependabot };
    const step = await pullRequestJob(emulator, 9, {}, env).step(withoutSecrets);
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain(
      'does not give the secrets of Actions, only Dependabot secrets, to Dependabot’s pull requests',
    );
    expect(step.log).toContain('add the secrets under the same names to the repository’s Dependabot secrets');
  });

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
    const [makeTemplate = ''] = statementsAfter(notCopied.log, 'or ask its owner to run:');
    await query(
      emulator,
      superuserLogin(await createServerForTest(emulator)),
      `SET ROLE other_owner; ${makeTemplate}`,
    );
    const copied = await clone(emulator, 23, 'other_template');
    expect(copied.exitCode, copied.log).toBe(0);
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
    expect(outdated.log).toMatch(/collation version mismatch.*version 2\.27.*PostgreSQL’s hint: Rebuild/s);
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
    expect(step.log).toMatch(/^- would drop +database relecloud_pr_31 /m);
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

describe('settings that the server, a database or a role presets', () => {
  /** Each would change what the action's statements mean, or end its sessions. */
  const presets = [
    `role = 'preset_role'`,
    `"DateStyle" = 'SQL, DMY'`,
    `"TimeZone" = 'Asia/Tokyo'`,
    'standard_conforming_strings = off',
    `search_path = 'public'`,
    'default_transaction_read_only = on',
    `default_transaction_isolation = 'serializable'`,
    'default_transaction_deferrable = on',
    `createrole_self_grant = 'set, inherit'`,
    'exit_on_error = on',
    'statement_timeout = 1',
    'transaction_timeout = 1',
    'lock_timeout = 1',
    'idle_in_transaction_session_timeout = 1',
    'idle_session_timeout = 1',
  ];

  test('do not affect the action: a sweep drops an expired database, a new one is created, and its migration outlives idle sessions', async ({
    emulator,
  }) => {
    const host = await createServerForTest(emulator);
    const created = await pullRequestJob(emulator, 61).step({ ...inputs, 'expires-in': '1h' });
    expect(created.exitCode, created.log).toBe(0);
    const superuser = superuserLogin(host);
    await query(emulator, superuser, 'CREATE ROLE preset_role; GRANT preset_role TO relecloud_admin');
    // The marker is that of the action, with an expiry in the past.
    await query(
      emulator,
      superuser,
      `DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE relecloud_pr_61 IS %L', regexp_replace(
         (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'relecloud_pr_61'),
         '20[0-9]{2}-', '2020-')); END $$`,
    );
    for (const preset of presets)
      await query(emulator, superuser, `ALTER ROLE relecloud_admin SET ${preset}`);
    try {
      const swept = await pullRequestJob(emulator, 61).step({
        ...inputs,
        mode: 'sweep',
        'per-pull-request': '',
      });
      expect(swept.exitCode, swept.log).toBe(0);
      expect(await databaseNames(emulator)).not.toContain('relecloud_pr_61');
      const ensured = await pullRequestJob(emulator, 62).step(inputs);
      expect(ensured.exitCode, ensured.log).toBe(0);
      // Without app-username, the administrator's session holds the lock, idle while the command runs.
      const migrated = await new Job(emulator).step({
        ...defaultInputs,
        'server-name': server,
        'migration-command': 'sleep 0.1',
      });
      expect(migrated.exitCode, migrated.log).toBe(0);
      const { memberOf } = (await emulator.serverState(server)).roles['relecloud_admin'] as {
        memberOf: readonly string[];
      };
      expect(memberOf).toEqual(expect.arrayContaining(['preset_role', 'relecloud_app_pr_62']));
      const [grant] = await query(
        emulator,
        superuser,
        `SELECT bool_or(inherit_option OR set_option) AS member FROM pg_auth_members
         WHERE member = 'relecloud_admin'::regrole AND roleid = 'relecloud_app_pr_62'::regrole`,
      );
      expect(grant).toEqual({ member: false });
    } finally {
      await query(emulator, superuser, 'ALTER ROLE relecloud_admin RESET ALL');
    }
  });
});

describe('a server that is read-only, as Azure makes one whose storage is almost full', () => {
  test('gets no further database, is published if nothing has to change, and can be freed and corrected', async ({
    emulator,
  }) => {
    await createServerForTest(emulator);
    const existing = await pullRequestJob(emulator, 71).step(inputs);
    expect(existing.exitCode, existing.log).toBe(0);
    await emulator.patchServer(server, { parameters: { default_transaction_read_only: 'on' } });

    const refused = await pullRequestJob(emulator, 72).step({ ...inputs, template: 'relecloud' });
    expect(refused.exitCode).toBe(1);
    expect(refused.log).toContain('(server-read-only)');
    expect(refused.log).toMatch(/storage has 32 GiB, and storage auto-grow is (on|off)/);
    expect(refused.log).toMatch(/storage-size-gb to more than 32/);
    expect(await databaseNames(emulator)).not.toContain('relecloud_pr_72');

    const failed = await pullRequestJob(emulator, 71).step({ ...inputs, 'migration-command': 'exit 3' });
    expect(failed.log).toContain('ended with exit code 3');
    expect(failed.log).toContain(
      'Its sessions are read-only (SQLSTATE 25006). The server itself is read-only',
    );
    expect(loginFromOutputs(failed.outputs).database).toBe('relecloud_pr_71');

    // The advice of the error works: drop frees space, and the parameter can be set with the action.
    const dropped = await pullRequestJob(emulator, 71).step({ ...inputs, mode: 'drop' });
    expect(dropped.exitCode, dropped.log).toBe(0);
    expect(await databaseNames(emulator)).not.toContain('relecloud_pr_71');
    const corrected = await pullRequestJob(emulator, 72).step({
      ...inputs,
      'server-parameters': 'default_transaction_read_only=off',
      'on-drift': 'fix',
    });
    expect(corrected.exitCode, corrected.log).toBe(0);
    expect(await databaseNames(emulator)).toContain('relecloud_pr_72');
  });
});
