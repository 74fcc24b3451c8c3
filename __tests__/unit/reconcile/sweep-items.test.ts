import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DatabaseMarker, RoleMarker } from '../../../src/common/ownership-marker.ts';
import { pullRequestName } from '../../../src/common/resource-names.ts';
import type { FoundDatabase, FoundRole } from '../../../src/postgres/sql-reader.ts';
import { findPullRequestRoleNames, findRolesOfDatabase } from '../../../src/reconcile/ownership.ts';
import { findSweepItems } from '../../../src/reconcile/sweep-items.ts';
import { fakeDatabase, fakeRole, readMark } from '../../helpers/unit/fake-observations.ts';

const repositoryId = '123456789';
const expires = new Date('2026-02-03T04:05:06.789Z');

const createDatabaseMarker = (pullRequest: number, base = 'relecloud'): DatabaseMarker => ({
  kind: 'pull-request',
  repositoryId,
  pullRequest,
  base,
});
const createRoleMarker = (pullRequest: number, database = 'relecloud', base = 'app'): RoleMarker => ({
  ...createDatabaseMarker(pullRequest, base),
  database,
});
/** As the action makes them. */
const database = (number: number, base?: string, more: Partial<FoundDatabase> = {}): FoundDatabase => {
  const mark = createDatabaseMarker(number, base);
  return fakeDatabase(pullRequestName(mark.base, number), mark, more);
};
const role = (number: number, of?: string, base?: string, more: Partial<FoundRole> = {}): FoundRole => {
  const mark = createRoleMarker(number, of, base);
  return fakeRole(pullRequestName(mark.base, number), mark, more);
};
const planSweep = (databases: readonly FoundDatabase[], roles: readonly FoundRole[] = []) =>
  findSweepItems(repositoryId, databases, roles);

describe('sweep is drop over what a query finds', () => {
  test('what one pull request has on the server is one thing: its database with its role', () => {
    const mark = readMark(createDatabaseMarker(42), expires);
    const { items, notOwned } = planSweep(
      [database(42, 'relecloud', { marker: mark }), database(43)],
      [role(42)],
    );
    expect(items).toEqual([
      {
        resource: 'database',
        name: 'relecloud_pr_42',
        base: 'relecloud',
        number: 42,
        expires,
        roles: [{ name: 'app_pr_42', base: 'app', marker: createRoleMarker(42) }],
      },
      {
        resource: 'database',
        name: 'relecloud_pr_43',
        base: 'relecloud',
        number: 43,
        expires: undefined,
        roles: [],
      },
    ]);
    expect(notOwned).toEqual([]);
  });

  test('several databases of one pull request are several things, each with its own role', () => {
    const { items } = planSweep(
      [database(42), database(42, 'tours')],
      [role(42, 'tours', 'guide'), role(42)],
    );
    expect(items.map(({ name, roles }) => [name, ...roles.map((each) => each.name)])).toEqual([
      ['relecloud_pr_42', 'app_pr_42'],
      ['tours_pr_42', 'guide_pr_42'],
    ]);
  });

  test('a role whose database is gone already is found by itself, under the database’s name', () => {
    const { items } = planSweep([], [role(42)]);
    expect(items).toMatchObject([
      { resource: 'role', name: 'relecloud_pr_42', base: 'relecloud', number: 42, expires: undefined },
    ]);
    expect(items[0]?.roles).toEqual([{ name: 'app_pr_42', base: 'app', marker: createRoleMarker(42) }]);
  });

  test('where app-username was changed in between, every role of the database goes with it', () => {
    const { items } = planSweep([database(42)], [role(42), role(42, 'relecloud', 'web')]);
    expect(items).toHaveLength(1);
    expect(items[0]?.roles.map(({ name }) => name)).toEqual(['app_pr_42', 'web_pr_42']);
  });

  test('names that had to be cut are put together too', () => {
    const long = 'a-name-of-sixty-three-bytes-'.padEnd(63, 'x');
    const { items, notOwned } = planSweep([database(42, long)], [role(42, long, long)]);
    expect(notOwned).toEqual([]);
    expect(items).toHaveLength(1);
    expect(items[0]?.roles.map(({ marker }) => marker.database)).toEqual([long]);
  });
});

describe('what is not ours survives sweep, marks forged by others included', () => {
  const nothing = { items: [], notOwned: [] };

  test('other repositories’ things are theirs, and not even told', () => {
    const others = { ...createDatabaseMarker(42), repositoryId: '987654321' };
    const theirs = { ...createRoleMarker(42), repositoryId: '987654321' };
    expect(planSweep([fakeDatabase('relecloud_pr_42', others)], [fakeRole('app_pr_42', theirs)])).toEqual(
      nothing,
    );
  });

  test('a base’s role, and what bears no mark, are nothing to sweep', () => {
    const base: RoleMarker = { kind: 'base', repositoryId, base: 'app', database: 'relecloud' };
    expect(
      planSweep([fakeDatabase('relecloud', undefined)], [fakeRole('app', base), fakeRole('x', undefined)]),
    ).toEqual(nothing);
  });

  test('a mark that somebody else can have written is not believed, and told', () => {
    const { items, notOwned } = planSweep(
      [database(42, 'relecloud', { isOwnedByAdmin: false, owner: 'mallory' })],
      [role(43, 'relecloud', 'app', { administered: false })],
    );
    expect(items).toEqual([]);
    expect(notOwned).toEqual([
      {
        resource: 'database',
        name: 'relecloud_pr_42',
        reason: expect.stringContaining("because role 'mallory' owns it"),
      },
      {
        resource: 'role',
        name: 'app_pr_43',
        reason: expect.stringContaining('because another role created it'),
      },
    ]);
  });

  test.each([
    ['production', createDatabaseMarker(42)],
    ['relecloud', createDatabaseMarker(42)],
    ['relecloud_pr_43', createDatabaseMarker(42)],
    ['RELECLOUD_pr_42', createDatabaseMarker(42)],
    ['relecloud_pr_42', createDatabaseMarker(42, 'relecloud_pr_42')],
    // A role's mark on a database.
    ['app_pr_42', { ...createRoleMarker(42) } as DatabaseMarker],
  ])('a database whose mark does not fit its name is left, and told: %s', (name, mark) => {
    const { items, notOwned } = planSweep([fakeDatabase(name, mark)]);
    expect(items).toEqual([]);
    expect(notOwned).toEqual([
      { resource: 'database', name, reason: expect.stringContaining('does not match its name') },
    ]);
  });

  test.each([
    ['app', createRoleMarker(42)],
    ['relecloud_admin', createRoleMarker(42)],
    ['app_pr_43', createRoleMarker(42)],
    // A database's mark on a role: whose role it is, nobody can tell.
    ['relecloud_pr_42', createDatabaseMarker(42) as RoleMarker],
  ])('a role whose mark does not fit its name is left, and told: %s', (name, mark) => {
    const { items, notOwned } = planSweep([], [fakeRole(name, mark)]);
    expect(items).toEqual([]);
    expect(notOwned).toEqual([
      { resource: 'role', name, reason: expect.stringContaining('does not match its name') },
    ]);
  });

  test('whatever is on the server, only what the action itself could have made for this repository is swept', () => {
    const names = fc.constantFrom(
      'relecloud',
      'relecloud_pr_42',
      'relecloud_pr_43',
      'tours_pr_42',
      'app_pr_42',
      'x',
    );
    const marks = fc.record({
      kind: fc.constantFrom('pull-request' as const, 'base' as const),
      repositoryId: fc.constantFrom(repositoryId, '7'),
      pullRequest: fc.constantFrom(42, 43, undefined),
      base: fc.constantFrom('relecloud', 'tours', 'app', 'relecloud_pr_42'),
      database: fc.constantFrom(undefined, 'relecloud', 'tours'),
      expires: fc.constantFrom(undefined, expires),
    });
    const databases = fc.uniqueArray(
      fc.record({ name: names, marker: marks, isOwnedByAdmin: fc.boolean() }),
      {
        selector: ({ name }) => name,
      },
    );
    const roles = fc.uniqueArray(fc.record({ name: names, marker: marks, administered: fc.boolean() }), {
      selector: ({ name }) => name,
    });
    fc.assert(
      fc.property(databases, roles, (someDatabases, someRoles) => {
        const found = someDatabases.map(({ name, ...more }) => fakeDatabase(name, undefined, more));
        const made = someRoles.map(({ name, ...more }) => fakeRole(name, undefined, more));
        const { items } = planSweep(found, made);
        for (const item of items) {
          const name = pullRequestName(item.base, item.number);
          expect(item.name).toBe(name);
          const one = found.find((each) => each.name === name);
          if (item.resource === 'database') {
            expect(one).toMatchObject({
              isOwnedByAdmin: true,
              marker: { kind: 'pull-request', repositoryId, pullRequest: item.number, base: item.base },
            });
          } else expect(item.roles).not.toEqual([]);
          for (const own of item.roles) {
            expect(own.name).toBe(pullRequestName(own.base, item.number));
            expect(made.find((each) => each.name === own.name)).toMatchObject({
              administered: true,
              marker: { kind: 'pull-request', repositoryId, pullRequest: item.number, database: item.base },
            });
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('mode drop: whatever app-username was when the role was made', () => {
  const of = { name: 'relecloud_pr_42', marker: createDatabaseMarker(42) };
  const names = (roles: readonly FoundRole[], desired: Parameters<typeof findRolesOfDatabase>[0] = of) =>
    findRolesOfDatabase(desired, roles).map(({ name }) => name);

  test('the roles of its database are found by their marks', () => {
    expect(names([role(42), role(42, 'relecloud', 'web')])).toEqual(['app_pr_42', 'web_pr_42']);
  });

  test('no role of another database, pull request or repository, and none that is not believed', () => {
    const theirs = { ...createRoleMarker(42), repositoryId: '987654321' };
    const others = [
      role(43),
      role(42, 'tours'),
      role(42, 'relecloud', 'app', { administered: false }),
      fakeRole('app', createRoleMarker(42)),
      fakeRole('app_pr_42', theirs),
      fakeRole('app', { kind: 'base', repositoryId, base: 'app', database: 'relecloud' }),
      fakeRole('relecloud_admin', undefined),
    ];
    for (const other of others) expect(names([other])).toEqual([]);
    expect(names([role(42)], { name: 'relecloud', marker: undefined })).toEqual([]);
  });
});

test('the roles of all pull requests are those of this repository that the administrator made, but for one database’s', () => {
  const roles = [
    role(42),
    role(43),
    role(44, 'tours'),
    role(45, 'relecloud', 'app', { administered: false }),
    fakeRole('app_pr_46', { ...createRoleMarker(46), repositoryId: '987654321' }),
    fakeRole('misnamed', createRoleMarker(47)),
    fakeRole('app', { kind: 'base', repositoryId, base: 'app', database: 'relecloud' }),
    fakeRole('relecloud_admin', undefined),
  ];
  const names = (except?: string) => findPullRequestRoleNames(repositoryId, roles, except);
  expect(names()).toEqual(['app_pr_42', 'app_pr_43', 'app_pr_44']);
  expect(names('relecloud_pr_42')).toEqual(['app_pr_43', 'app_pr_44']);
  expect(findPullRequestRoleNames('', roles)).toEqual([]);
});
