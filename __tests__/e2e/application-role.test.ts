import { describe, expect } from 'vitest';
import { defaultInputs, Job, queryCommand } from '../helpers/e2e/job.ts';
import { adminLogin, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { appPasswordKey, otherRepository } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

const roleInputs = { 'app-username': 'relecloud_app', 'app-password-key': appPasswordKey };
const inputsForServer = (server: string, more: Record<string, string> = {}): Record<string, string> => ({
  ...defaultInputs,
  'server-name': server,
  'allowed-ip-ranges': '198.51.100.7',
  ...more,
});

describe('an application role for a base database', () => {
  test('owns schema public of a new database that no other role can connect to, and is the published login', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step(
      inputsForServer('app-role', {
        ...roleInputs,
        'migration-command': `${queryCommand} "CREATE TABLE trips (id int)"`,
      }),
    );
    expect(step.exitCode, step.log).toBe(0);
    const own = loginFromOutputs(step.outputs);
    expect(own).toMatchObject({ user: 'relecloud_app', database: 'relecloud' });
    expect(
      await query(emulator, own, `SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'trips'`),
    ).toEqual([{ owner: 'relecloud_app' }]);
    const { databases, roles } = await emulator.serverState('app-role');
    expect(databases['relecloud']).toMatchObject({
      owner: 'relecloud_admin',
      acl: ['=T/relecloud_admin', 'relecloud_admin=CTc/relecloud_admin', 'relecloud_app=CTc/relecloud_admin'],
      connectionLimit: -1,
      comment: null,
    });
    expect(roles['relecloud_app']).toMatchObject({
      login: true,
      superuser: false,
      createdb: false,
      createrole: false,
      memberOf: [],
    });
    expect(JSON.parse((roles['relecloud_app'] as { comment: string }).comment)).toMatchObject({
      kind: 'base',
    });
  });

  test('is not required: a run revokes CONNECT from PUBLIC on every database that it creates', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step(inputsForServer('app-role', { database: 'without_role' }));
    expect(step.exitCode, step.log).toBe(0);
    const { databases } = await emulator.serverState('app-role');
    expect(databases['without_role']).toMatchObject({
      acl: ['=T/relecloud_admin', 'relecloud_admin=CTc/relecloud_admin'],
      connectionLimit: -1,
    });
  });

  test('gets its rights on an adopted database, on which PUBLIC keeps its own', async ({ emulator }) => {
    const created = await new Job(emulator).step(inputsForServer('app-role'));
    await query(emulator, adminLogin(created.outputs['db-host'] ?? ''), 'CREATE DATABASE adopted');
    const inputs = inputsForServer('app-role', {
      ...roleInputs,
      'app-username': 'adopted_app',
      database: 'adopted',
    });
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(JSON.parse(step.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'role', name: 'adopted_app', action: 'create' },
      { resource: 'role', name: 'adopted_app', action: 'update', details: expect.stringContaining('CREATE') },
    ]);
    const { databases } = await emulator.serverState('app-role');
    expect(databases['adopted']).toMatchObject({ acl: expect.arrayContaining(['=Tc/relecloud_admin']) });
    await query(
      emulator,
      loginFromOutputs(step.outputs),
      'CREATE TABLE app_table (id int); CREATE SCHEMA app_schema',
    );
    const again = await new Job(emulator).step(inputs);
    expect(again.outputs['changes'], again.log).toBe('[]');
  });

  test('causes a warning if the database has objects that the role cannot change', async ({ emulator }) => {
    const created = await new Job(emulator).step(inputsForServer('app-role', { database: 'used' }));
    await query(emulator, loginFromOutputs(created.outputs), 'CREATE TABLE of_the_administrator (id int)');
    const inputs = inputsForServer('app-role', {
      ...roleInputs,
      'app-username': 'used_app',
      database: 'used',
    });
    const step = await new Job(emulator).step(inputs);
    expect(step.exitCode, step.log).toBe(0);
    expect(step.log).toMatch(
      /^::warning::.*table public\.of_the_administrator of relecloud_admin.*cannot change/m,
    );
  });

  test('needs no change in a second run: nothing is planned or written, in SQL or ARM', async ({
    emulator,
  }) => {
    await emulator.clearRecords();
    const step = await new Job(emulator).step(inputsForServer('app-role', roleInputs));
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['changes']).toBe('[]');
    expect(await emulator.writesExceptTemporaryRules()).toEqual([]);
    const statements = await emulator.statements();
    expect(statements.filter(({ statement }) => !/^\s*(SELECT|SET)/i.test(statement))).toEqual([]);
  });

  test('is the published login also with migrate-as: admin, which migrates as the administrator', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step(
      inputsForServer('app-role', {
        ...roleInputs,
        'migrate-as': 'admin',
        'migration-command': `${queryCommand} "CREATE SCHEMA of_the_admin AUTHORIZATION CURRENT_USER"`,
      }),
    );
    expect(step.exitCode, step.log).toBe(0);
    const owner = `SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = 'of_the_admin'`;
    expect(await query(emulator, loginFromOutputs(step.outputs), owner)).toEqual([
      { owner: 'relecloud_admin' },
    ]);
    expect(step.exportedEnv).toMatchObject({ DB_USER: 'relecloud_app' });
  });
});

describe('the application role’s password', () => {
  test('is not in plain text in any statement or state, and is masked before it appears', async ({
    emulator,
  }) => {
    const password = 'Plain-"Text" pässword\\1';
    const step = await new Job(emulator).step(
      inputsForServer('secret', {
        'app-username': 'app',
        'app-password': password,
        formats: 'url, jdbc, ado.net',
      }),
    );
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['db-password']).toBe(password);
    const [first] = step.log.split(/^(?!::add-mask::)/m);
    expect(first).toContain('::add-mask::Plain-');
    const statements = JSON.stringify(await emulator.statements());
    expect(statements).toContain('SCRAM-SHA-256$4096:');
    expect(statements).not.toContain('Plain-');
    expect(JSON.stringify(step.state) + step.summary + step.outputs['changes']).not.toContain('Plain-');
  });

  test('is derived from the key: later jobs get the same one, and a new key changes it with ALTER ROLE after a failed login', async ({
    emulator,
  }) => {
    const first = await new Job(emulator).step(inputsForServer('derived', roleInputs));
    const second = await new Job(emulator).step(inputsForServer('derived', roleInputs));
    expect(second.outputs['db-password']).toBe(first.outputs['db-password']);
    expect(second.outputs['changes']).toBe('[]');

    const otherKey = Buffer.from(appPasswordKey, 'base64').reverse().toString('hex');
    const rotated = await new Job(emulator).step(
      inputsForServer('derived', { ...roleInputs, 'app-password-key': otherKey }),
    );
    expect(rotated.exitCode, rotated.log).toBe(0);
    expect(JSON.parse(rotated.outputs['changes'] ?? '')).toEqual([
      { resource: 'role', name: 'relecloud_app', action: 'update', details: 'its password' },
    ]);
    expect(rotated.outputs['db-password']).not.toBe(first.outputs['db-password']);
    await expect(query(emulator, loginFromOutputs(first.outputs), 'SELECT 1')).rejects.toMatchObject({
      code: '28P01',
    });
    expect(await query(emulator, loginFromOutputs(rotated.outputs), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a disabled login', () => {
  test('stays disabled when the password changes: only on-drift: fix enables it', async ({ emulator }) => {
    const first = await new Job(emulator).step(inputsForServer('derived', roleInputs));
    await query(emulator, adminLogin(first.outputs['db-host'] ?? ''), 'ALTER ROLE relecloud_app NOLOGIN');
    const otherKey = Buffer.from(appPasswordKey, 'base64').reverse().toString('base64');
    const inputs = inputsForServer('derived', { ...roleInputs, 'app-password-key': otherKey });
    const refused = await new Job(emulator).step(inputs);
    expect(refused.exitCode, refused.log).toBe(1);
    expect(JSON.parse(refused.outputs['changes'] ?? '')).toMatchObject([{ details: 'its password' }]);
    expect((await emulator.serverState('derived')).roles['relecloud_app']).toMatchObject({ login: false });

    const fixed = await new Job(emulator).step({ ...inputs, 'on-drift': 'fix' });
    expect(fixed.exitCode, fixed.log).toBe(0);
    expect(JSON.parse(fixed.outputs['changes'] ?? '')).toMatchObject([{ details: 'LOGIN' }]);
  });
});

describe('a role that the action does not manage', () => {
  test('is rejected and not altered: without marker, of another repository, or for another database', async ({
    emulator,
  }) => {
    const created = await new Job(emulator).step(
      inputsForServer('other-owner', { ...roleInputs, 'app-username': 'shared_app' }),
    );
    const admin = adminLogin(created.outputs['db-host'] ?? '');
    await query(emulator, admin, 'CREATE ROLE unmarked LOGIN');
    const refused = [
      [new Job(emulator), { 'app-username': 'unmarked' }, /Role 'unmarked' .*it has no ownership marker/],
      [
        new Job(emulator, { GITHUB_REPOSITORY_ID: String(otherRepository.id) }),
        { 'app-username': 'shared_app' },
        /another repository \(id 4711\)/,
      ],
      [
        new Job(emulator),
        { 'app-username': 'shared_app', database: 'second' },
        /with base 'shared_app' and database 'relecloud'/,
      ],
    ] as const;
    for (const [job, more, message] of refused) {
      const before = (await emulator.serverState('other-owner')).roles;
      const step = await job.step(inputsForServer('other-owner', { ...roleInputs, ...more }));
      expect(step.exitCode, step.log).toBe(1);
      expect(step.log).toMatch(message);
      expect((await emulator.serverState('other-owner')).roles).toEqual(before);
    }
  });
});
