import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { statementsAfter } from '../helpers/e2e/advice.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, Job, queryCommand, waitForFile } from '../helpers/e2e/job.ts';
import { adminLogin, type Login, loginFromOutputs, query } from '../helpers/e2e/postgres-client.ts';
import { appPasswordKey, otherRepository } from '../helpers/e2e/pull-request.ts';
import { test } from '../helpers/e2e/test.ts';

/** The owners of the objects of a database, without those of the service. */
const ownersIn = async (emulator: EmulatorHarness, login: Login): Promise<readonly unknown[]> =>
  (
    await query(
      emulator,
      login,
      `SELECT DISTINCT pg_get_userbyid(refobjid) AS owner FROM pg_shdepend
       WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND deptype = 'o' AND classid <> 'pg_default_acl'::regclass
         AND pg_get_userbyid(refobjid) !~ '^azure' ORDER BY 1`,
    )
  ).map(({ owner }) => owner);

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

  test('causes warnings about objects that the role cannot change, whose advice makes its migrations succeed', async ({
    emulator,
  }) => {
    const created = await new Job(emulator).step(inputsForServer('app-role', { database: 'used' }));
    const admin = loginFromOutputs(created.outputs);
    await query(
      emulator,
      admin,
      `CREATE TABLE of_the_administrator (id serial); CREATE TABLE readable (id int); ALTER TABLE readable ENABLE ROW LEVEL SECURITY;
       CREATE SCHEMA old CREATE VIEW old.v AS SELECT id FROM readable; GRANT SELECT ON readable TO PUBLIC; GRANT SELECT ON old.v TO PUBLIC;
       ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;
       CREATE ROLE carol LOGIN PASSWORD 'Of-carol-1'; GRANT CONNECT, CREATE ON DATABASE used TO carol;
       GRANT CREATE ON SCHEMA public TO carol`,
    );
    const carol = { ...admin, user: 'carol', password: 'Of-carol-1' };
    await query(
      emulator,
      carol,
      `CREATE SCHEMA "Carol's" CREATE TABLE "Odd; --" (id int); CREATE TABLE hers ()`,
    );
    const migration = `ALTER TABLE of_the_administrator ADD a int; ALTER TABLE hers ADD a int; CREATE VIEW old.w AS SELECT 1 AS one`;
    const inputs = inputsForServer('app-role', {
      ...roleInputs,
      'app-username': 'used_app',
      database: 'used',
      'migration-command': `${queryCommand} "${migration}"`,
    });
    const first = await new Job(emulator).step(inputs);
    expect(first.exitCode, first.log).toBe(1);
    const cannotUse =
      /^::warning::.* of relecloud_admin that role 'used_app' cannot use: schema old, table public\.of_the_administrator.*adopt-objects: true.*$/gm;
    expect(first.log.match(cannotUse), first.log).toHaveLength(1);
    expect(first.log).toMatch(
      /^::warning::.*'used_app' can use and cannot change: table public\.readable, view old\.v\. .*adopt-objects: true/m,
    );
    // Every run warns about what the role cannot use at all.
    const second = await new Job(emulator).step(inputs);
    expect(second.log.match(cannotUse), second.log).toHaveLength(1);
    expect(second.log).not.toContain('readable');

    const check = {
      ...inputs,
      mode: 'check',
      'migration-command': '',
      'adopt-objects': 'true',
      'app-password-key': '',
    };
    const found = (log: string) => /owner of the objects of relecloud_admin/.test(log);
    expect(found((await new Job(emulator).step({ ...check, 'adopt-objects': '' })).log)).toBe(false);
    const dry = await new Job(emulator).step(check);
    expect(dry.exitCode, dry.log).toBe(1);
    expect(found(dry.log)).toBe(true);

    // The advice about the administrator's objects, and the statements about those of carol, as their lines say.
    const [lend, ...rest] = statementsAfter(
      first.log,
      'If its migrations must change them, run as admin-username:',
    );
    const revoke = rest.pop() ?? '';
    expect([lend, revoke]).toEqual([expect.stringMatching(/^GRANT/), expect.stringMatching(/^REVOKE/)]);
    await expect(query(emulator, carol, rest[0] ?? '')).rejects.toMatchObject({ code: '42501' });
    await query(emulator, admin, lend ?? '');
    for (const statement of rest) await query(emulator, carol, statement);
    await query(emulator, admin, revoke);
    const adopted = await new Job(emulator).step({ ...inputs, 'adopt-objects': 'true' });
    expect(adopted.exitCode, adopted.log).toBe(0);
    expect(JSON.parse(adopted.outputs['changes'] ?? '')).toEqual([
      {
        resource: 'role',
        name: 'used_app',
        action: 'update',
        details: expect.stringMatching(
          /^ownership of 4 objects of relecloud_admin in database used: schema old, .*table public\.of_the_administrator/,
        ),
      },
    ]);
    expect(adopted.log).toMatch(
      /^::warning::.* read with the rights of their owner.*: view old\.v \(before of/m,
    );
    expect(await ownersIn(emulator, admin)).toEqual(['used_app']);
    const own = loginFromOutputs(adopted.outputs);
    await query(emulator, own, 'CREATE TABLE later (id int)');
    expect(
      await query(emulator, own, `SELECT has_table_privilege('pg_monitor', 'later', 'SELECT') AS copied`),
    ).toEqual([{ copied: true }]);
    const again = await new Job(emulator).step({
      ...inputs,
      'migration-command': '',
      'adopt-objects': 'true',
    });
    expect(again.outputs['changes'], again.log).toBe('[]');
    // The administrator's databases stay.
    expect((await emulator.serverState('app-role')).databases['used']).toMatchObject({
      owner: 'relecloud_admin',
    });
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
});

describe('migrate-as: admin with an application role', () => {
  const migrateAs = (sql: string, rest = '') =>
    inputsForServer('app-role', {
      ...roleInputs,
      'migrate-as': 'admin',
      'migration-command': `${queryCommand} "${sql}"${rest}`,
    });
  /** The objects and the databases of the administrator, its memberships that are in effect, and the marker of the role. */
  const leftBehind = async (emulator: EmulatorHarness) => {
    const { databases, roles } = await emulator.serverState('app-role');
    const host = String((await emulator.serverState('app-role')).properties['fullyQualifiedDomainName']);
    const memberships = await query(
      emulator,
      adminLogin(host, 'relecloud'),
      `SELECT FROM pg_auth_members WHERE roleid = 'relecloud_app'::regrole AND (inherit_option OR set_option)`,
    );
    return {
      owners: await ownersIn(emulator, adminLogin(host, 'relecloud')),
      databaseOwner: (databases['relecloud'] as { owner: string }).owner,
      memberships: memberships.length,
      comment: (roles['relecloud_app'] as { comment: string }).comment,
    };
  };

  test('migrates as the administrator, which can change what the role owns, and the role owns what it creates, also after a failure', async ({
    emulator,
  }) => {
    const ensured = await new Job(emulator).step(inputsForServer('app-role', roleInputs));
    const own = loginFromOutputs(ensured.outputs);
    await query(emulator, own, 'CREATE TABLE IF NOT EXISTS trips (id int)');
    const before = await leftBehind(emulator);
    expect(before).toMatchObject({ owners: ['relecloud_app'], memberships: 0 });
    const step = await new Job(emulator).step(
      migrateAs(
        'ALTER TABLE trips ADD by_admin int; CREATE TABLE of_admin (id serial); CREATE TYPE mood AS ENUM ();' +
          'CREATE SCHEMA of_the_admin AUTHORIZATION CURRENT_USER; SET ROLE relecloud_app; RESET ROLE',
      ),
    );
    expect(step.exitCode, step.log).toBe(0);
    expect(step.exportedEnv).toMatchObject({ DB_USER: 'relecloud_app' });
    expect(step.log).toMatch(
      /Handed to role 'relecloud_app' what the migration created as relecloud_admin: .*mood/,
    );
    expect(JSON.parse(step.state['migration'] ?? '{}')).toMatchObject({ ended: true });
    expect(await leftBehind(emulator)).toEqual(before);
    await query(emulator, own, 'ALTER TABLE of_admin ADD more int; INSERT INTO of_admin DEFAULT VALUES');

    // What the administrator owned before stays its own.
    await query(emulator, adminLogin(own.host, 'relecloud'), 'CREATE SCHEMA of_admin_before');
    const failed = await new Job(emulator).step(migrateAs('CREATE TABLE of_a_failure ()', '; exit 3'));
    expect(failed.exitCode, failed.log).toBe(1);
    expect(failed.log).toContain('ended with exit code 3');
    expect(
      await query(
        emulator,
        own,
        `SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'of_a_failure'
         UNION ALL SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'of_admin_before'`,
      ),
    ).toEqual([{ owner: 'relecloud_app' }, { owner: 'relecloud_admin' }]);
    await query(emulator, adminLogin(own.host, 'relecloud'), 'DROP SCHEMA of_admin_before');
    expect(await leftBehind(emulator)).toEqual(before);
  });

  test('after a kill, the next run revokes the membership, and post hands over what the migration created', async ({
    emulator,
  }) => {
    const ensured = await new Job(emulator).step(inputsForServer('app-role', roleInputs));
    expect(ensured.exitCode, ensured.log).toBe(0);
    const before = await leftBehind(emulator);
    const job = new Job(emulator);
    const started = join(job.tempDirectory, 'started');
    await job.spawnStep(migrateAs('CREATE TABLE of_a_kill (id int)', ` && touch ${started}; sleep 3600`), {
      onStarted: (child) => void waitForFile(started).then(() => child.kill('SIGKILL')),
      output: 'ignore',
    });
    expect(await leftBehind(emulator)).toMatchObject({
      owners: ['relecloud_admin', 'relecloud_app'],
      memberships: 1,
    });

    const next = await new Job(emulator).step(inputsForServer('app-role', roleInputs));
    expect(next.exitCode, next.log).toBe(0);
    expect(JSON.parse(next.outputs['changes'] ?? '')).toMatchObject([
      { resource: 'role', name: 'relecloud_app', details: expect.stringContaining('revokes the membership') },
    ]);
    expect(next.log).toMatch(/^::warning::.*table public\.of_a_kill.*adopt-objects: true/m);
    expect(await leftBehind(emulator)).toMatchObject({ memberships: 0, comment: before.comment });

    const [post] = await job.runPosts();
    expect(post?.exitCode, post?.log).toBe(0);
    expect(post?.log).toContain("Handed to role 'relecloud_app' what the migration created");
    expect(await leftBehind(emulator)).toEqual(before);
  });

  test('keeps a membership that a user has granted to the administrator', async ({ emulator }) => {
    const ensured = await new Job(emulator).step(inputsForServer('app-role', roleInputs));
    const admin = adminLogin(ensured.outputs['db-host'] ?? '', 'relecloud');
    const options = `SELECT inherit_option AS inherit, set_option AS set FROM pg_auth_members
      WHERE roleid = 'relecloud_app'::regrole AND grantor = 'relecloud_admin'::regrole`;
    for (const granted of [
      { inherit: true, set: true },
      { inherit: false, set: true },
    ]) {
      await query(
        emulator,
        admin,
        `GRANT relecloud_app TO relecloud_admin WITH INHERIT ${granted.inherit}, SET ${granted.set}`,
      );
      const step = await new Job(emulator).step(migrateAs('ALTER TABLE trips ALTER id SET NOT NULL'));
      expect(step.exitCode, step.log).toBe(0);
      expect(await query(emulator, admin, options)).toEqual([granted]);
    }
    await query(emulator, admin, 'REVOKE relecloud_app FROM relecloud_admin');
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
        /created it for database 'relecloud'/,
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
