import { createHmac } from 'node:crypto';
import { describe, expect } from 'vitest';
import { defaultInputs, type Inputs, Job, queryCommand } from '../helpers/e2e/job.ts';
import {
  adminLoginTo,
  connect,
  expectBlocked,
  loginFromOutputs,
  query,
} from '../helpers/e2e/postgres-client.ts';
import {
  appPasswordKey,
  patchGitHub,
  perPullRequestInputs,
  pullRequestJob,
} from '../helpers/e2e/pull-request.ts';
import { testWith } from '../helpers/e2e/test.ts';
import { libpqQuery } from '../helpers/libpq.ts';

// Servers from before about October 2024 store passwords as MD5.
const test = testWith({ passwordStorage: 'md5' });
const testStrict = testWith({ passwordStorage: 'md5-strict' });

const server = 'from-before-2024';
const ACCEPTED_AUTH_METHOD = 'azure.accepted_password_auth_method';
const inputs: Inputs = { ...defaultInputs, 'server-name': server };
const firewallInputs: Inputs = { 'allowed-ip-ranges': '198.51.100.7' };
const roleInputs: Inputs = { 'app-username': 'relecloud_app', 'app-password-key': appPasswordKey };
const WHO_AM_I_SQL = 'SELECT current_user || current_database()';

const anotherKey = createHmac('sha256', 'another').update('key').digest('base64');

describe('on a server that stores passwords as MD5', () => {
  test.beforeAll(async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...inputs, ...firewallInputs });
    expect(step.exitCode, step.log).toBe(0);
    expect((await emulator.serverState(server)).parameters).toMatchObject({
      password_encryption: 'md5',
      [ACCEPTED_AUTH_METHOD]: 'md5',
    });
  });

  test('the administrator authenticates with MD5', async ({ emulator }) => {
    const methods: string[] = [];
    const admin = await adminLoginTo(emulator, server);
    const client = await connect(emulator, admin, undefined, ({ connection }) => {
      connection.on('authenticationMD5Password', () => methods.push('MD5'));
      connection.on('authenticationSASL', () => methods.push('SCRAM'));
    });
    await client.end();
    expect(methods).toEqual(['MD5']);
  });

  test('ensure without an application role publishes a login that works, also in libpq', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step({
      ...inputs,
      ...firewallInputs,
      formats: 'url,pg',
      'migration-command': `${queryCommand} "CREATE TABLE IF NOT EXISTS trips (id int)"`,
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(await query(emulator, loginFromOutputs(step.outputs), WHO_AM_I_SQL)).toEqual([
      { '?column?': 'relecloud_adminrelecloud' },
    ]);
    expect(await libpqQuery({ env: step.exportedEnv }, WHO_AM_I_SQL)).toBe('relecloud_adminrelecloud');
  });

  test('ensure with an application role migrates as the role, publishes its login and can change its password', async ({
    emulator,
  }) => {
    for (const key of [appPasswordKey, appPasswordKey, anotherKey]) {
      const step = await new Job(emulator).step({
        ...inputs,
        ...firewallInputs,
        ...roleInputs,
        'app-password-key': key,
        formats: 'url,pg',
        'migration-command': `${queryCommand} "CREATE TABLE IF NOT EXISTS of_the_role (id int)"`,
      });
      expect(step.exitCode, step.log).toBe(0);
      expect(await query(emulator, loginFromOutputs(step.outputs), WHO_AM_I_SQL)).toEqual([
        { '?column?': 'relecloud_apprelecloud' },
      ]);
      expect(await libpqQuery({ url: step.outputs['database-url'] ?? '' }, WHO_AM_I_SQL)).toBe(
        'relecloud_apprelecloud',
      );
    }
  });

  test('check reads through SQL, and reports no drift of both password parameters', async ({ emulator }) => {
    const declared = { 'server-parameters': `password_encryption=md5\n${ACCEPTED_AUTH_METHOD}=md5` };
    const step = await new Job(emulator).step({ ...inputs, ...firewallInputs, ...declared, mode: 'check' });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs).toMatchObject({ drifted: 'false', drift: '[]' });
  });

  test('a pull request gets its database and role, and drop removes both', async ({ emulator }) => {
    const pullRequest = perPullRequestInputs(server, { template: 'relecloud' });
    const created = await pullRequestJob(emulator, 7).step(pullRequest);
    expect(created.exitCode, created.log).toBe(0);
    const dropped = await pullRequestJob(emulator, 7).step({ ...pullRequest, mode: 'drop' });
    expect(dropped.exitCode, dropped.log).toBe(0);
    expect(JSON.parse(dropped.outputs['dropped'] ?? '')).toMatchObject([
      { name: 'relecloud_pr_7' },
      { name: 'relecloud_app_pr_7' },
    ]);
  });

  test('sweep drops the database of a closed pull request', async ({ emulator }) => {
    const created = await pullRequestJob(emulator, 8).step(perPullRequestInputs(server));
    expect(created.exitCode, created.log).toBe(0);
    await patchGitHub(emulator, { pulls: { 8: { state: 'closed' } } });
    const swept = await new Job(emulator).step({
      ...inputs,
      mode: 'sweep',
      'github-token': 'ghs_fromthejob',
    });
    expect(swept.exitCode, swept.log).toBe(0);
    expect(swept.outputs['dropped']).toContain('relecloud_pr_8');
  });

  test('post removes the rule, after which a login is blocked', async ({ emulator }) => {
    const own = { ...inputs, 'server-name': `${server}-2` };
    const job = new Job(emulator);
    const step = await job.step({ ...own, ...roleInputs });
    expect(step.exitCode, step.log).toBe(0);
    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    await expectBlocked(emulator, loginFromOutputs(step.outputs));
  });
});

describe('on a server that rejects SCRAM verifiers', () => {
  testStrict(
    'an application role is an error that names both parameters, and works after SCRAM was enabled',
    async ({ emulator }) => {
      const step = await new Job(emulator).step({ ...inputs, ...firewallInputs, ...roleInputs });
      expect(step.exitCode).toBe(1);
      expect(step.log).toContain('(login-failed)');
      expect(step.log).toMatch(/as 'relecloud_app' failed: .*28P01/);
      expect(step.log).toContain(
        'server parameters password_encryption and azure.accepted_password_auth_method',
      );
      expect(step.log).not.toContain('Check admin-username and admin-password');
      await emulator.patchServer(server, { parameters: { [ACCEPTED_AUTH_METHOD]: 'md5,scram-sha-256' } });
      const again = await new Job(emulator).step({ ...inputs, ...firewallInputs, ...roleInputs });
      expect(again.exitCode, again.log).toBe(0);
    },
  );
});
