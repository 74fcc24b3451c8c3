import { describe, expect, test } from 'vitest';
import { serializeMarker } from '../../../../src/common/ownership-marker.ts';
import type { SqlReader } from '../../../../src/postgres/sql-reader.ts';
import { absent, present, unknown } from '../../../../src/reconcile/findings.ts';
import { sentinelOf } from '../../../../src/reconcile/ownership.ts';
import {
  ensurePolicy,
  isAllowed,
  READ_ONLY_POLICY,
  TEARDOWN_POLICY,
} from '../../../../src/reconcile/policy.ts';
import { createPlan, toPlanFunction } from '../../../../src/reconcile/reconcile.ts';
import { databaseHandler } from '../../../../src/resources/database/database-handler.ts';
import { teardownResources } from '../../../../src/resources/index.ts';
import { roleAccessHandler } from '../../../../src/resources/role/role-access.ts';
import { roleHandler, roleTeardownHandler } from '../../../../src/resources/role/role-handler.ts';
import {
  allPrivileges,
  createFakeSqlReader,
  createFakeSqlWriter,
  databaseFromConfig,
  roleFromConfig,
  toParsedMarker,
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
  const desired = single(roleHandler.desired(config));
  const desiredAbsent = single(roleTeardownHandler.desired(teardown));

  test('is created if it does not exist, and not changed if it does', () => {
    expect(single(roleHandler.diff(desired, absent))).toEqual({
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
    expect(roleHandler.diff(desired, present(roleFromConfig(desiredRole)))).toEqual([]);
  });

  test('is dropped by mode drop if it exists', () => {
    expect(roleHandler.diff(desiredAbsent, absent)).toEqual([]);
    expect(single(roleHandler.diff(desiredAbsent, present(roleFromConfig(desiredRole))))).toMatchObject({
      finding: { kind: 'unexpected', actual: 'present' },
      change: { action: 'delete', name: 'relecloud_app_pr_42' },
    });
  });

  test('whose drop was interrupted gets LOGIN again', async () => {
    const withoutLogin = present(roleFromConfig(desiredRole, { mayLogIn: false }));
    const { finding, change } = single(roleHandler.diff(desired, withoutLogin));
    expect(finding).toMatchObject({
      property: 'login',
      expected: 'LOGIN',
      actual: 'NOLOGIN',
      kind: 'changed',
    });
    expect(change).toMatchObject({ action: 'update', details: 'LOGIN' });
    expect(single(roleHandler.diff(desiredAbsent, withoutLogin)).change?.action).toBe('delete');
  });

  test('of a base database without LOGIN is reported, and changed only with on-drift: fix', () => {
    const base = ensureConfig({ 'app-username': 'app', 'app-password': 'the password of the role' });
    const appRole = base.appRole ?? expect.unreachable();
    const withoutLogin = present(roleFromConfig(appRole, { mayLogIn: false }));
    const diff = single(roleHandler.diff(single(roleHandler.desired(base)), withoutLogin));
    expect(diff.finding).toMatchObject({ property: 'login', actual: 'NOLOGIN' });
    expect(diff).toMatchObject({ change: { action: 'update' }, requiresFix: true });
  });

  test.each([
    ['create', /^CREATE ROLE "relecloud_app_pr_42" LOGIN PASSWORD 'SCRAM-SHA-256\$/],
    ['update', /^ALTER ROLE "relecloud_app_pr_42" LOGIN$/],
    ['delete', /^DROP ROLE "relecloud_app_pr_42"$/],
  ] as const)('the change %s executes %s and no other such statement', async (action, statement) => {
    const { deps, statements } = createFakeSqlWriter(
      { role: present(roleFromConfig(desiredRole)) },
      (text) => (text.startsWith('SELECT FROM pg_roles') ? [{}] : []),
    );
    const change = { resource: 'role', name: desiredRole.name, details: '', action } as const;
    await roleHandler.apply(deps, change, desired, undefined, absent);
    expect(statements.filter((text) => /^(CREATE|DROP) ROLE|^ALTER ROLE(?!.* NOLOGIN)/.test(text))).toEqual([
      expect.stringMatching(statement),
    ]);
  });

  test.each([
    ['unmarked', { marker: undefined }],
    ['not administered by us', { administered: false }],
    ['of another repository', { marker: toParsedMarker({ ...desiredRole.marker, repositoryId: '7' }) }],
    ['for another database', { marker: toParsedMarker({ ...desiredRole.marker, database: 'tours' }) }],
    ['of a base database', { marker: toParsedMarker({ ...desiredRole.marker, kind: 'base' }) }],
  ] as const)('that is %s is neither used nor dropped', (_, overrides) => {
    const observed = present(roleFromConfig(desiredRole, overrides));
    expect(() => roleHandler.diff(desired, observed)).toThrow('(not-owned)');
    expect(() => roleHandler.diff(desiredAbsent, observed)).toThrow('(not-owned)');
  });

  test('in an unknown state leads to no change', () => {
    expect(roleHandler.diff(desired, unknownObservation)).toEqual([]);
    expect(roleHandler.diff(desiredAbsent, unknownObservation)).toEqual([]);
  });

  test('is not desired without app-username', () => {
    for (const each of [ensureConfig(), checkConfig()]) expect(roleHandler.desired(each)).toEqual([]);
  });

  test('is created by ensure, and a teardown deletes every role that it names', () => {
    const other = { ...desiredRole, name: 'web_pr_42', base: 'web' };
    expect(roleHandler.desired(config)).toEqual([{ role: desiredRole, shouldExist: true }]);
    expect(roleTeardownHandler.desired({ ...teardown, roles: [desiredRole, other] })).toEqual([
      { role: desiredRole, shouldExist: false },
      { role: other, shouldExist: false },
    ]);
    expect(roleTeardownHandler.desired({ ...teardown, roles: [] })).toEqual([]);
  });

  test('is observed by its name', async () => {
    const observed = present(roleFromConfig(desiredRole));
    expect(await roleHandler.observe(createFakeSqlReader({ role: observed }), [desired])).toEqual([observed]);
  });
});

describe('a membership of the administrator that a migration has left', () => {
  const base = ensureConfig({ 'app-username': 'app', 'app-password': 'the password of the role' });
  const appRole = base.appRole ?? expect.unreachable();
  const marker = { ...toParsedMarker(appRole.marker), migrationMembership: { before: null } };
  const role = present(roleFromConfig(appRole, { marker }));
  const desired = single(roleHandler.desired(base));
  const recorded = serializeMarker({ ...appRole.marker, migrationMembership: { before: null } });
  /** @param comment of the role when it is read once more */
  const observe = (locked: boolean, comment = recorded) => {
    const query = (sql: string) => [sql.includes('pg_locks') ? { locked } : { name: appRole.name, comment }];
    return roleHandler.observe(createFakeSqlWriter({ role }, query).deps.reader, [desired]);
  };

  test('is revoked without on-drift: fix, and a finding of mode check', async () => {
    const diff = single(roleHandler.diff(desired, single(await observe(false))));
    expect(diff.finding).toMatchObject({ property: 'membership of the administrator', kind: 'changed' });
    expect(isAllowed(ensurePolicy(base), diff)).toBe(true);
    expect(isAllowed(READ_ONLY_POLICY, diff)).toBe(false);
  });

  test('is no finding if the migration has ended, and revoked it, since the role was read', async () => {
    const observed = await observe(false, serializeMarker(appRole.marker));
    expect(roleHandler.diff(desired, single(observed))).toEqual([]);
  });

  test('is in use, and no finding, while a migration holds the lock', async () => {
    expect(roleHandler.diff(desired, single(await observe(true)))).toEqual([]);
  });
});

describe('the role’s privileges on the database', () => {
  const desired = single(roleAccessHandler.desired(config));
  const access = (connect: boolean, create: boolean, temporary: boolean) =>
    present({ connect, create, temporary });

  test('that are complete lead to no change', () => {
    expect(roleAccessHandler.diff(desired, allPrivileges)).toEqual([]);
  });

  test.each([
    [access(false, true, true), 'CONNECT'],
    [access(true, false, true), 'CREATE'],
    [access(true, true, false), 'TEMPORARY'],
    [access(false, false, false), 'CONNECT, CREATE, TEMPORARY'],
  ])('that are missing are granted: %j', (observed, missing) => {
    expect(single(roleAccessHandler.diff(desired, observed))).toMatchObject({
      finding: {
        resource: 'role',
        name: 'relecloud_app_pr_42',
        actual: `without ${missing}`,
        kind: 'changed',
      },
      change: {
        resource: 'role',
        action: 'update',
        details: `${missing} on database relecloud_pr_42, and the ownership of all its objects`,
      },
    });
  });

  test('that are absent or unknown lead to no change', () => {
    expect(roleAccessHandler.diff(desired, absent)).toEqual([]);
    expect(roleAccessHandler.diff(desired, unknownObservation)).toEqual([]);
  });

  test('are not desired without app-username', () => {
    for (const each of [ensureConfig(), checkConfig()]) expect(roleAccessHandler.desired(each)).toEqual([]);
  });

  const existing = present(databaseFromConfig(config.database));
  const observe = (reader: SqlReader, inputs: InputValues = {}) =>
    roleAccessHandler.observe(reader, roleAccessHandler.desired(pullRequestConfig(inputs)));

  test('are observed on a database that exists', async () => {
    expect(await observe(createFakeSqlReader({ database: existing, access: allPrivileges }))).toEqual([
      allPrivileges,
    ]);
    expect(await observe(createFakeSqlReader({ database: existing, access: unknownObservation }))).toEqual([
      unknownObservation,
    ]);
  });

  test('are absent for a database that will be created or reset, because its creation grants them', async () => {
    const incomplete = present(
      databaseFromConfig(config.database, { connectionLimit: sentinelOf(config.database) }),
    );
    const beingDropped = present(databaseFromConfig(config.database, { allowsConnections: false }));
    for (const database of [absent, incomplete, beingDropped])
      expect(await observe(createFakeSqlReader({ database, access: allPrivileges }))).toEqual([absent]);
    expect(
      await observe(createFakeSqlReader({ database: existing, access: allPrivileges }), { reset: 'true' }),
    ).toEqual([absent]);
  });

  test('are unknown for a database in an unknown state', async () => {
    expect(
      await observe(createFakeSqlReader({ database: unknownObservation, access: allPrivileges })),
    ).toEqual([unknownObservation]);
  });
});

describe('a plan for role, database and privileges', () => {
  const planFunctions = [
    toPlanFunction(roleHandler),
    toPlanFunction(databaseHandler),
    toPlanFunction(roleAccessHandler),
  ];
  const policy = ensurePolicy(config);
  const existing = present(databaseFromConfig(config.database));

  test('creates role and database in this order, without a change for the privileges', async () => {
    const { plannedChanges, findings } = await createPlan(
      planFunctions,
      config,
      policy,
      createFakeSqlReader({}),
    );
    expect(plannedChanges.map(({ change }) => `${change.action} ${change.resource}`)).toEqual([
      'create role',
      'create database',
    ]);
    expect(findings.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual([
      'role missing',
      'database missing',
    ]);
  });

  test('creates a missing role and grants its privileges on a database that exists', async () => {
    const { plannedChanges, remaining } = await createPlan(
      planFunctions,
      config,
      policy,
      createFakeSqlReader({ database: existing }),
    );
    expect(plannedChanges.map(({ change }) => `${change.action} ${change.resource}`)).toEqual([
      'create role',
      'update role',
    ]);
    expect(remaining).toEqual([]);
  });

  test('reports a missing role as one finding, without its privileges', async () => {
    const { findings } = await createPlan(
      planFunctions,
      checkRoleConfig,
      READ_ONLY_POLICY,
      createFakeSqlReader({ database: existing }),
    );
    expect(findings.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual(['role missing']);
  });

  test('is empty if everything exists', async () => {
    const reader = createFakeSqlReader({
      database: existing,
      role: present(roleFromConfig(desiredRole)),
      access: allPrivileges,
    });
    for (const each of [config, checkRoleConfig]) {
      const { plannedChanges, findings } = await createPlan(planFunctions, each, policy, reader);
      expect([...plannedChanges, ...findings]).toEqual([]);
    }
  });

  test('a teardown deletes a role whose database is absent, and plans no other change', async () => {
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

  test('is empty in every mode if the state is unknown', async () => {
    const reader = createFakeSqlReader({
      database: unknownObservation,
      role: unknownObservation,
      access: unknownObservation,
    });
    const plans = [
      await createPlan(planFunctions, config, policy, reader),
      await createPlan(planFunctions, pullRequestConfig({ reset: 'true' }), policy, reader),
      await createPlan(planFunctions, checkRoleConfig, READ_ONLY_POLICY, reader),
      await createPlan(teardownResources, teardown, TEARDOWN_POLICY, reader),
    ];
    for (const { plannedChanges, readErrors } of plans) {
      expect(plannedChanges).toEqual([]);
      expect(readErrors.length).toBeGreaterThanOrEqual(2);
    }
  });

  test('grants missing privileges on a base database without on-drift: fix', async () => {
    const { 'per-pull-request': _, ...inputs } = perPullRequestInputs;
    const base = ensureConfig(inputs, {}, pushEvent);
    const reader = createFakeSqlReader({
      database: present(databaseFromConfig(base.database, { isOwnedByAdmin: false, owner: 'azuresu' })),
      role: present(roleFromConfig(base.appRole ?? expect.unreachable())),
      access: present({ connect: true, create: false, temporary: true }),
    });
    const { plannedChanges } = await createPlan(planFunctions, base, ensurePolicy(base), reader);
    expect(plannedChanges.map(({ change }) => change.details)).toEqual([
      'CREATE on database relecloud, and the ownership of its schema public',
    ]);
  });
});
