import { describe, expect, test } from 'vitest';
import type { SqlReader } from '../../../../src/postgres/sql-reader.ts';
import { absent, present, unknown } from '../../../../src/reconcile/findings.ts';
import { sentinelOf } from '../../../../src/reconcile/ownership.ts';
import { ensurePolicy, READ_ONLY_POLICY, TEARDOWN_POLICY } from '../../../../src/reconcile/policy.ts';
import { createPlan, toPlanFunction } from '../../../../src/reconcile/reconcile.ts';
import type { ApplyResult } from '../../../../src/reconcile/resource-handler.ts';
import { databaseHandler } from '../../../../src/resources/database/database-handler.ts';
import { teardownResources } from '../../../../src/resources/index.ts';
import { roleAccessHandler } from '../../../../src/resources/role/role-access.ts';
import { roleHandler, roleTeardownHandler } from '../../../../src/resources/role/role-handler.ts';
import type { SqlWriter } from '../../../../src/resources/sql-writer.ts';
import {
  allPrivileges,
  createFakeSqlReader,
  databaseFromConfig,
  readMark,
  roleFromConfig,
} from '../../../helpers/unit/fake-observations.ts';
import { single } from '../../../helpers/unit/single.ts';
import {
  checkConfig,
  ensureConfig,
  type InputValues,
  perPullRequestInputs,
  pullRequestConfig,
  pullRequestEvent,
  pushEvent,
} from '../../../helpers/unit/test-configs.ts';

const unknownObservation = unknown(new Error('42501'));
const config = pullRequestConfig();
const desiredRole = config.appRole ?? expect.unreachable();
const checkRoleConfig = checkConfig(perPullRequestInputs, pullRequestEvent());
const teardown = { database: config.database, roles: [desiredRole], expiredBy: undefined };

describe('the application role', () => {
  const wanted = single(roleHandler.desired(config));
  const unwanted = single(roleTeardownHandler.desired(teardown));

  test('missing: created; there: nothing', () => {
    expect(single(roleHandler.diff(wanted, absent))).toEqual({
      finding: {
        resource: 'role',
        name: 'relecloud_app_pr_42',
        property: '',
        expected: 'present',
        actual: 'absent',
        kind: 'missing',
      },
      change: {
        resource: 'role',
        name: 'relecloud_app_pr_42',
        action: 'create',
        details: 'application role of relecloud',
      },
    });
    expect(roleHandler.diff(wanted, present(roleFromConfig(desiredRole)))).toEqual([]);
  });

  test('drop: there: dropped; gone already: nothing', () => {
    expect(roleHandler.diff(unwanted, absent)).toEqual([]);
    expect(single(roleHandler.diff(unwanted, present(roleFromConfig(desiredRole))))).toMatchObject({
      finding: { kind: 'unexpected', actual: 'present' },
      change: { action: 'delete', name: 'relecloud_app_pr_42' },
    });
  });

  test('one that a run began to drop may log in again', async () => {
    const locked = present(roleFromConfig(desiredRole, { mayLogIn: false }));
    const { finding, change } = single(roleHandler.diff(wanted, locked));
    expect(finding).toMatchObject({
      property: 'login',
      expected: 'LOGIN',
      actual: 'NOLOGIN',
      kind: 'changed',
    });
    expect(change).toMatchObject({ action: 'update', details: 'may log in again' });
    expect(single(roleHandler.diff(unwanted, locked)).change?.action).toBe('delete');
  });

  test('from a base database’s somebody has taken the login on purpose: told, and left', () => {
    const { appRole } = ensureConfig({ 'app-username': 'app', 'app-password': 'a secret of its own' });
    if (appRole === undefined) throw new Error('there is no role');
    const desired = single(
      roleHandler.desired(ensureConfig({ 'app-username': 'app', 'app-password': 'a secret of its own' })),
    );
    const difference = single(
      roleHandler.diff(desired, present(roleFromConfig(appRole, { mayLogIn: false }))),
    );
    expect(difference.finding).toMatchObject({ property: 'login', actual: 'NOLOGIN' });
    expect(difference).toMatchObject({ change: { action: 'update' }, requiresFix: true });
  });

  test('each change is made by what it names', async () => {
    const made: string[] = [];
    const making = async (what: string): Promise<ApplyResult> => {
      made.push(what);
      return 'applied';
    };
    const writer: Pick<SqlWriter, 'createRole' | 'dropRole' | 'setPassword'> = {
      createRole: ({ name }) => making(`create ${name}`),
      dropRole: ({ name }) => making(`drop ${name}`),
      setPassword: async (name) => void made.push(`set the password of ${name}`),
    };
    const thing = { resource: 'role', name: desiredRole.name, details: '' } as const;
    for (const action of ['create', 'update', 'delete'] as const)
      await roleHandler.apply(writer as SqlWriter, { ...thing, action }, wanted, undefined, absent);
    expect(made).toEqual([
      'create relecloud_app_pr_42',
      'set the password of relecloud_app_pr_42',
      'drop relecloud_app_pr_42',
    ]);
  });

  test.each([
    ['unmarked', { marker: undefined }],
    ['not administered by us', { administered: false }],
    ['of another repository', { marker: readMark({ ...desiredRole.marker, repositoryId: '7' }) }],
    ['for another database', { marker: readMark({ ...desiredRole.marker, database: 'tours' }) }],
    ['a base’s', { marker: readMark({ ...desiredRole.marker, kind: 'base' }) }],
  ] as const)('one that is %s is neither used nor dropped', (_, more) => {
    const found = present(roleFromConfig(desiredRole, more));
    expect(() => roleHandler.diff(wanted, found)).toThrow('(not-ours)');
    expect(() => roleHandler.diff(unwanted, found)).toThrow('(not-ours)');
  });

  test('unknown: nothing', () => {
    expect(roleHandler.diff(wanted, unknownObservation)).toEqual([]);
    expect(roleHandler.diff(unwanted, unknownObservation)).toEqual([]);
  });

  test('without app-username, ensure and check want no role', () => {
    for (const each of [ensureConfig(), checkConfig()]) expect(roleHandler.desired(each)).toEqual([]);
  });

  test('ensure creates the role that is declared; a teardown deletes every role that it names', () => {
    const other = { ...desiredRole, name: 'web_pr_42', base: 'web' };
    expect(roleHandler.desired(config)).toEqual([{ role: desiredRole, shouldExist: true }]);
    expect(roleTeardownHandler.desired({ ...teardown, roles: [desiredRole, other] })).toEqual([
      { role: desiredRole, shouldExist: false },
      { role: other, shouldExist: false },
    ]);
    expect(roleTeardownHandler.desired({ ...teardown, roles: [] })).toEqual([]);
  });

  test('it is observed by its name', async () => {
    const found = present(roleFromConfig(desiredRole));
    expect(await roleHandler.observe(createFakeSqlReader({ role: found }), [wanted])).toEqual([found]);
  });
});

describe('CONNECT, CREATE and TEMPORARY on the database', () => {
  const wanted = single(roleAccessHandler.desired(config));
  const access = (connect: boolean, create: boolean, temporary: boolean) =>
    present({ connect, create, temporary });

  test('with all of them, nothing', () => {
    expect(roleAccessHandler.diff(wanted, allPrivileges)).toEqual([]);
  });

  test.each([
    [access(false, true, true), 'CONNECT'],
    [access(true, false, true), 'CREATE'],
    [access(true, true, false), 'TEMPORARY'],
    [access(false, false, false), 'CONNECT, CREATE, TEMPORARY'],
  ])('what lacks is granted: %j', (observed, lacking) => {
    expect(single(roleAccessHandler.diff(wanted, observed))).toMatchObject({
      finding: {
        resource: 'role',
        name: 'relecloud_app_pr_42',
        actual: `without ${lacking}`,
        kind: 'changed',
      },
      change: { resource: 'role', action: 'update', details: `${lacking} on database relecloud_pr_42` },
    });
  });

  test('absent or unknown: nothing', () => {
    expect(roleAccessHandler.diff(wanted, absent)).toEqual([]);
    expect(roleAccessHandler.diff(wanted, unknownObservation)).toEqual([]);
  });

  test('without app-username, ensure and check grant nothing', () => {
    for (const each of [ensureConfig(), checkConfig()]) expect(roleAccessHandler.desired(each)).toEqual([]);
  });

  const found = present(databaseFromConfig(config.database));
  const observe = (reader: SqlReader, given: InputValues = {}) =>
    roleAccessHandler.observe(reader, roleAccessHandler.desired(pullRequestConfig(given)));

  test('is what the role has on a database that is there', async () => {
    expect(await observe(createFakeSqlReader({ database: found, access: allPrivileges }))).toEqual([
      allPrivileges,
    ]);
    expect(await observe(createFakeSqlReader({ database: found, access: unknownObservation }))).toEqual([
      unknownObservation,
    ]);
  });

  test('of a database that is missing, being made or dropped, or to be reset, it comes with the making', async () => {
    const sealed = present(
      databaseFromConfig(config.database, { connectionLimit: sentinelOf(config.database) }),
    );
    const going = present(databaseFromConfig(config.database, { allowsConnections: false }));
    for (const database of [absent, sealed, going])
      expect(await observe(createFakeSqlReader({ database, access: allPrivileges }))).toEqual([absent]);
    expect(
      await observe(createFakeSqlReader({ database: found, access: allPrivileges }), { reset: 'true' }),
    ).toEqual([absent]);
  });

  test('of a database that is unknown it is unknown', async () => {
    expect(
      await observe(createFakeSqlReader({ database: unknownObservation, access: allPrivileges })),
    ).toEqual([unknownObservation]);
  });
});

describe('role, database and rights in one pass', () => {
  const kinds = [
    toPlanFunction(roleHandler),
    toPlanFunction(databaseHandler),
    toPlanFunction(roleAccessHandler),
  ];
  const policy = ensurePolicy(config);
  const found = present(databaseFromConfig(config.database));

  test('nothing there: role and database are made, in this order, and the rights come with them', async () => {
    const { plannedChanges, findings } = await createPlan(kinds, config, policy, createFakeSqlReader({}));
    expect(plannedChanges.map(({ change }) => `${change.action} ${change.resource}`)).toEqual([
      'create role',
      'create database',
    ]);
    expect(findings.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual([
      'role missing',
      'database missing',
    ]);
  });

  test('a database without its role: the role is made and gets its rights', async () => {
    const { plannedChanges, remaining } = await createPlan(
      kinds,
      config,
      policy,
      createFakeSqlReader({ database: found }),
    );
    expect(plannedChanges.map(({ change }) => `${change.action} ${change.resource}`)).toEqual([
      'create role',
      'update role',
    ]);
    expect(remaining).toEqual([]);
  });

  test('an absent parent is one finding, not one for each child: a missing role, and not its rights', async () => {
    const { findings } = await createPlan(
      kinds,
      checkRoleConfig,
      READ_ONLY_POLICY,
      createFakeSqlReader({ database: found }),
    );
    expect(findings.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual(['role missing']);
  });

  test('everything there: nothing', async () => {
    const reader = createFakeSqlReader({
      database: found,
      role: present(roleFromConfig(desiredRole)),
      access: allPrivileges,
    });
    for (const each of [config, checkRoleConfig]) {
      const { plannedChanges, findings } = await createPlan(kinds, each, policy, reader);
      expect([...plannedChanges, ...findings]).toEqual([]);
    }
  });

  test('a teardown deletes a role whose database is absent, and plans nothing else', async () => {
    const reader = createFakeSqlReader({
      database: absent,
      role: present(roleFromConfig(desiredRole)),
      access: allPrivileges,
    });
    const { plannedChanges } = await createPlan(teardownResources, teardown, TEARDOWN_POLICY, reader);
    expect(plannedChanges.map(({ change }) => `${change.action} ${change.resource}`)).toEqual([
      'delete role',
    ]);
  });

  test('what cannot be seen leads to nothing, in every mode', async () => {
    const reader = createFakeSqlReader({
      database: unknownObservation,
      role: unknownObservation,
      access: unknownObservation,
    });
    const plans = [
      await createPlan(kinds, config, policy, reader),
      await createPlan(kinds, pullRequestConfig({ reset: 'true' }), policy, reader),
      await createPlan(kinds, checkRoleConfig, READ_ONLY_POLICY, reader),
      await createPlan(teardownResources, teardown, TEARDOWN_POLICY, reader),
    ];
    for (const { plannedChanges, readErrors } of plans) {
      expect(plannedChanges).toEqual([]);
      expect(readErrors.length).toBeGreaterThanOrEqual(2);
    }
  });

  test('a base database’s rights are kept without on-drift: fix, for they are only added', async () => {
    const { 'per-pull-request': _, ...given } = perPullRequestInputs;
    const base = ensureConfig(given, {}, pushEvent);
    const reader = createFakeSqlReader({
      database: present(databaseFromConfig(base.database, { isOwnedByAdmin: false, owner: 'azuresu' })),
      role: present(roleFromConfig(base.appRole ?? expect.unreachable())),
      access: present({ connect: true, create: false, temporary: true }),
    });
    const { plannedChanges } = await createPlan(kinds, base, ensurePolicy(base), reader);
    expect(plannedChanges.map(({ change }) => change.details)).toEqual(['CREATE on database relecloud']);
  });
});
