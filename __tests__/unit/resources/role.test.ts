import { describe, expect, test } from 'vitest';
import { type Applied, plan, planner } from '../../../src/plan/engine.ts';
import { sealOf } from '../../../src/plan/ownership.ts';
import { absent, present, unknown } from '../../../src/plan/types.ts';
import type { SqlReader } from '../../../src/postgres/sql-reader.ts';
import type { SqlWriter } from '../../../src/postgres/sql-writer.ts';
import { database } from '../../../src/resources/database.ts';
import { role } from '../../../src/resources/role.ts';
import { roleAccess } from '../../../src/resources/role-access.ts';
import { all, madeFrom, readerSeeing, readMark, roleMadeFrom } from '../../helpers/unit/fake-observations.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  type Given,
  perPullRequest,
  pullRequestConfig,
  pullRequestEvent,
  push,
  sweepConfig,
} from '../../helpers/unit/inputs.ts';
import { only } from '../../helpers/unit/only.ts';

const unseen = unknown(new Error('42501'));
const config = pullRequestConfig();
const desiredRole = config.application ?? expect.unreachable();
const check = checkConfig(perPullRequest, pullRequestEvent());

describe('the application role', () => {
  const wanted = only(role.desired(config));
  const unwanted = only(role.desired(dropConfig({ 'app-username': 'relecloud_app' })));

  test('missing: created; there: nothing', () => {
    expect(only(role.diff(wanted, absent))).toEqual({
      finding: {
        resource: 'role',
        name: 'relecloud_app_pr_42',
        property: '',
        expected: 'present',
        actual: 'absent',
        kind: 'missing',
      },
      mend: {
        resource: 'role',
        name: 'relecloud_app_pr_42',
        action: 'create',
        details: 'application role of relecloud',
      },
    });
    expect(role.diff(wanted, present(roleMadeFrom(desiredRole)))).toEqual([]);
  });

  test('drop: there: dropped; gone already: nothing', () => {
    expect(role.diff(unwanted, absent)).toEqual([]);
    expect(only(role.diff(unwanted, present(roleMadeFrom(desiredRole))))).toMatchObject({
      finding: { kind: 'unexpected', actual: 'present' },
      mend: { action: 'delete', name: 'relecloud_app_pr_42' },
    });
  });

  test('one that a run began to drop may log in again', async () => {
    const locked = present(roleMadeFrom(desiredRole, { mayLogIn: false }));
    const { finding, mend } = only(role.diff(wanted, locked));
    expect(finding).toMatchObject({
      property: 'login',
      expected: 'LOGIN',
      actual: 'NOLOGIN',
      kind: 'changed',
    });
    expect(mend).toMatchObject({ action: 'update', details: 'may log in again' });
    expect(only(role.diff(unwanted, locked)).mend?.action).toBe('delete');
  });

  test('from a base database’s somebody has taken the login on purpose: told, and left', () => {
    const { application } = ensureConfig({ 'app-username': 'app', 'app-password': 'a secret of its own' });
    if (application === undefined) throw new Error('there is no role');
    const desired = only(
      role.desired(ensureConfig({ 'app-username': 'app', 'app-password': 'a secret of its own' })),
    );
    const difference = only(role.diff(desired, present(roleMadeFrom(application, { mayLogIn: false }))));
    expect(difference.finding).toMatchObject({ property: 'login', actual: 'NOLOGIN' });
    expect(difference).toMatchObject({ mend: { action: 'update' }, deliberate: true });
  });

  test('each change is made by what it names', async () => {
    const made: string[] = [];
    const making = async (what: string): Promise<Applied> => {
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
      await role.apply(writer as SqlWriter, { ...thing, action }, wanted, undefined, absent);
    expect(made).toEqual([
      'create relecloud_app_pr_42',
      'set the password of relecloud_app_pr_42',
      'drop relecloud_app_pr_42',
    ]);
  });

  test.each([
    ['unmarked', { mark: undefined }],
    ['not administered by us', { administered: false }],
    ['of another repository', { mark: readMark({ ...desiredRole.mark, repositoryId: '7' }) }],
    ['for another database', { mark: readMark({ ...desiredRole.mark, database: 'tours' }) }],
    ['a base’s', { mark: readMark({ ...desiredRole.mark, kind: 'base' }) }],
  ] as const)('one that is %s is neither used nor dropped', (_, more) => {
    const found = present(roleMadeFrom(desiredRole, more));
    expect(() => role.diff(wanted, found)).toThrow('(not-ours)');
    expect(() => role.diff(unwanted, found)).toThrow('(not-ours)');
  });

  test('unknown: nothing', () => {
    expect(role.diff(wanted, unseen)).toEqual([]);
    expect(role.diff(unwanted, unseen)).toEqual([]);
  });

  test('without app-username there is none, and a sweep finds roles by itself', () => {
    for (const each of [ensureConfig(), checkConfig(), dropConfig(), sweepConfig()])
      expect(role.desired(each)).toEqual([]);
  });

  test('of the same database’s other roles, drop leaves none, and ensure makes none', () => {
    const other = { ...desiredRole, name: 'web_pr_42', base: 'web' };
    const named = dropConfig({ 'app-username': 'relecloud_app' });
    const names = (each: Parameters<typeof role.desired>[0]) =>
      role.desired(each).map(({ role: { name }, wanted }) => [name, wanted]);
    expect(names({ ...named, otherRoles: [other] })).toEqual([
      ['relecloud_app_pr_42', false],
      ['web_pr_42', false],
    ]);
    expect(names({ ...dropConfig(), otherRoles: [other] })).toEqual([['web_pr_42', false]]);
    expect(names(config)).toEqual([['relecloud_app_pr_42', true]]);
  });

  test('it is observed by its name', async () => {
    const found = present(roleMadeFrom(desiredRole));
    expect(await role.observe(readerSeeing({ role: found }), [wanted])).toEqual([found]);
  });
});

describe('CONNECT, CREATE and TEMPORARY on the database', () => {
  const wanted = only(roleAccess.desired(config));
  const access = (connect: boolean, create: boolean, temporary: boolean) =>
    present({ connect, create, temporary });

  test('with all of them, nothing', () => {
    expect(roleAccess.diff(wanted, all)).toEqual([]);
  });

  test.each([
    [access(false, true, true), 'CONNECT'],
    [access(true, false, true), 'CREATE'],
    [access(true, true, false), 'TEMPORARY'],
    [access(false, false, false), 'CONNECT, CREATE, TEMPORARY'],
  ])('what lacks is granted: %j', (observed, lacking) => {
    expect(only(roleAccess.diff(wanted, observed))).toMatchObject({
      finding: {
        resource: 'role',
        name: 'relecloud_app_pr_42',
        actual: `without ${lacking}`,
        kind: 'changed',
      },
      mend: { resource: 'role', action: 'update', details: `${lacking} on database relecloud_pr_42` },
    });
  });

  test('absent or unknown: nothing', () => {
    expect(roleAccess.diff(wanted, absent)).toEqual([]);
    expect(roleAccess.diff(wanted, unseen)).toEqual([]);
  });

  test('drop and sweep grant nothing, nor does an ensure without app-username', () => {
    for (const each of [ensureConfig(), checkConfig(), dropConfig({ 'app-username': 'app' }), sweepConfig()])
      expect(roleAccess.desired(each)).toEqual([]);
  });

  const found = present(madeFrom(config.database));
  const observe = (reader: SqlReader, given: Given = {}) =>
    roleAccess.observe(reader, roleAccess.desired(pullRequestConfig(given)));

  test('is what the role has on a database that is there', async () => {
    expect(await observe(readerSeeing({ database: found, access: all }))).toEqual([all]);
    expect(await observe(readerSeeing({ database: found, access: unseen }))).toEqual([unseen]);
  });

  test('of a database that is missing, being made or dropped, or to be reset, it comes with the making', async () => {
    const sealed = present(madeFrom(config.database, { connectionLimit: sealOf(config.database) }));
    const going = present(madeFrom(config.database, { allowsConnections: false }));
    for (const database of [absent, sealed, going])
      expect(await observe(readerSeeing({ database, access: all }))).toEqual([absent]);
    expect(await observe(readerSeeing({ database: found, access: all }), { reset: 'true' })).toEqual([
      absent,
    ]);
  });

  test('of a database that is unknown it is unknown', async () => {
    expect(await observe(readerSeeing({ database: unseen, access: all }))).toEqual([unseen]);
  });
});

describe('role, database and rights in one pass', () => {
  const kinds = [planner(role), planner(database), planner(roleAccess)];
  const found = present(madeFrom(config.database));

  test('nothing there: role and database are made, in this order, and the rights come with them', async () => {
    const { steps, findings } = await plan(kinds, config, readerSeeing({}));
    expect(steps.map(({ change }) => `${change.action} ${change.resource}`)).toEqual([
      'create role',
      'create database',
    ]);
    expect(findings.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual([
      'role missing',
      'database missing',
    ]);
  });

  test('a database without its role: the role is made and gets its rights', async () => {
    const { steps, left } = await plan(kinds, config, readerSeeing({ database: found }));
    expect(steps.map(({ change }) => `${change.action} ${change.resource}`)).toEqual([
      'create role',
      'update role',
    ]);
    expect(left).toEqual([]);
  });

  test('an absent parent is one finding, not one for each child: a missing role, and not its rights', async () => {
    const { findings } = await plan(kinds, check, readerSeeing({ database: found }));
    expect(findings.map(({ resource, kind }) => `${resource} ${kind}`)).toEqual(['role missing']);
  });

  test('everything there: nothing', async () => {
    const reader = readerSeeing({ database: found, role: present(roleMadeFrom(desiredRole)), access: all });
    for (const each of [config, check]) {
      const { steps, findings } = await plan(kinds, each, reader);
      expect([...steps, ...findings]).toEqual([]);
    }
  });

  test('what cannot be seen leads to nothing, in every mode', async () => {
    const reader = readerSeeing({ database: unseen, role: unseen, access: unseen });
    const drop = dropConfig({ 'app-username': 'relecloud_app' });
    for (const each of [config, pullRequestConfig({ reset: 'true' }), check, drop]) {
      const { steps, unknown: reasons } = await plan(kinds, each, reader);
      expect(steps).toEqual([]);
      expect(reasons.length).toBeGreaterThanOrEqual(2);
    }
  });

  test('a base database’s rights are kept without on-drift: fix, for they are only added', async () => {
    const { 'per-pull-request': _, ...given } = perPullRequest;
    const base = ensureConfig(given, {}, push);
    const reader = readerSeeing({
      database: present(madeFrom(base.database, { ownedByUs: false, owner: 'azuresu' })),
      role: present(roleMadeFrom(base.application ?? expect.unreachable())),
      access: present({ connect: true, create: false, temporary: true }),
    });
    const { steps } = await plan(kinds, base, reader);
    expect(steps.map(({ change }) => change.details)).toEqual(['CREATE on database relecloud']);
  });
});
