import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DatabaseMarker, RoleMarker } from '../../../src/common/ownership-marker.ts';
import { pullRequestName } from '../../../src/common/resource-names.ts';
import type { FoundDatabase, FoundRole } from '../../../src/postgres/sql-reader.ts';
import { findSweepItems } from '../../../src/reconcile/sweep-items.ts';
import { fakeDatabase, fakeRole, toParsedMarker } from '../../helpers/unit/fake-observations.ts';

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
/** A pull request's database as the action creates it. */
const database = (number: number, base?: string, overrides: Partial<FoundDatabase> = {}): FoundDatabase => {
  const marker = createDatabaseMarker(number, base);
  return fakeDatabase(pullRequestName(marker.base, number), marker, overrides);
};
/** A pull request's role as the action creates it. */
const role = (
  number: number,
  databaseBase?: string,
  base?: string,
  overrides: Partial<FoundRole> = {},
): FoundRole => {
  const marker = createRoleMarker(number, databaseBase, base);
  return fakeRole(pullRequestName(marker.base, number), marker, overrides);
};
const sweepItems = (databases: readonly FoundDatabase[], roles: readonly FoundRole[] = []) =>
  findSweepItems(repositoryId, databases, roles);

describe('sweep items', () => {
  test('a pull request’s database and its role are one item', () => {
    const marker = toParsedMarker(createDatabaseMarker(42), expires);
    const { items, notOwned } = sweepItems([database(42, 'relecloud', { marker }), database(43)], [role(42)]);
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

  test('several databases of one pull request are several items, each with its own role', () => {
    const { items } = sweepItems(
      [database(42), database(42, 'tours')],
      [role(42, 'tours', 'guide'), role(42)],
    );
    expect(items.map(({ name, roles }) => [name, ...roles.map((itemRole) => itemRole.name)])).toEqual([
      ['relecloud_pr_42', 'app_pr_42'],
      ['tours_pr_42', 'guide_pr_42'],
    ]);
  });

  test('a role whose database no longer exists is an item with the database’s name', () => {
    const { items } = sweepItems([], [role(42)]);
    expect(items).toMatchObject([
      { resource: 'role', name: 'relecloud_pr_42', base: 'relecloud', number: 42, expires: undefined },
    ]);
    expect(items[0]?.roles).toEqual([{ name: 'app_pr_42', base: 'app', marker: createRoleMarker(42) }]);
  });

  test('a database has several roles if app-username was changed', () => {
    const { items } = sweepItems([database(42)], [role(42), role(42, 'relecloud', 'web')]);
    expect(items).toHaveLength(1);
    expect(items[0]?.roles.map(({ name }) => name)).toEqual(['app_pr_42', 'web_pr_42']);
  });

  test('a database and a role with shortened names are one item', () => {
    const long = 'a-name-of-sixty-three-bytes-'.padEnd(63, 'x');
    const { items, notOwned } = sweepItems([database(42, long)], [role(42, long, long)]);
    expect(notOwned).toEqual([]);
    expect(items).toHaveLength(1);
    expect(items[0]?.roles.map(({ marker }) => marker.database)).toEqual([long]);
  });
});

describe('a sweep finds only what the action has created for this repository', () => {
  const nothing = { items: [], notOwned: [] };

  test('databases and roles of other repositories are ignored', () => {
    const otherDatabase = { ...createDatabaseMarker(42), repositoryId: '987654321' };
    const otherRole = { ...createRoleMarker(42), repositoryId: '987654321' };
    expect(
      sweepItems([fakeDatabase('relecloud_pr_42', otherDatabase)], [fakeRole('app_pr_42', otherRole)]),
    ).toEqual(nothing);
  });

  test('the role of a base database, and what has no marker, are ignored', () => {
    const base: RoleMarker = { kind: 'base', repositoryId, base: 'app', database: 'relecloud' };
    expect(
      sweepItems([fakeDatabase('relecloud', undefined)], [fakeRole('app', base), fakeRole('x', undefined)]),
    ).toEqual(nothing);
  });

  test('a marker that another role can have written is not trusted, and is reported', () => {
    const { items, notOwned } = sweepItems(
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
    // The marker of a role on a database.
    ['app_pr_42', { ...createRoleMarker(42) } as DatabaseMarker],
  ])('a database whose marker does not match its name is skipped and reported: %s', (name, marker) => {
    const { items, notOwned } = sweepItems([fakeDatabase(name, marker)]);
    expect(items).toEqual([]);
    expect(notOwned).toEqual([
      { resource: 'database', name, reason: expect.stringContaining('does not match its name') },
    ]);
  });

  test.each([
    ['app', createRoleMarker(42)],
    ['relecloud_admin', createRoleMarker(42)],
    ['app_pr_43', createRoleMarker(42)],
    // The marker of a database on a role.
    ['relecloud_pr_42', createDatabaseMarker(42) as RoleMarker],
  ])('a role whose marker does not match its name is skipped and reported: %s', (name, marker) => {
    const { items, notOwned } = sweepItems([], [fakeRole(name, marker)]);
    expect(items).toEqual([]);
    expect(notOwned).toEqual([
      { resource: 'role', name, reason: expect.stringContaining('does not match its name') },
    ]);
  });

  test('every item has a name, an owner and a marker of this action, for any objects on the server', () => {
    const names = fc.constantFrom(
      'relecloud',
      'relecloud_pr_42',
      'relecloud_pr_43',
      'tours_pr_42',
      'app_pr_42',
      'x',
    );
    const markers = fc.record({
      kind: fc.constantFrom('pull-request' as const, 'base' as const),
      repositoryId: fc.constantFrom(repositoryId, '7'),
      pullRequest: fc.constantFrom(42, 43, undefined),
      base: fc.constantFrom('relecloud', 'tours', 'app', 'relecloud_pr_42'),
      database: fc.constantFrom(undefined, 'relecloud', 'tours'),
      expires: fc.constantFrom(undefined, expires),
    });
    const databases = fc.uniqueArray(
      fc.record({ name: names, marker: markers, isOwnedByAdmin: fc.boolean() }),
      {
        selector: ({ name }) => name,
      },
    );
    const roles = fc.uniqueArray(fc.record({ name: names, marker: markers, administered: fc.boolean() }), {
      selector: ({ name }) => name,
    });
    fc.assert(
      fc.property(databases, roles, (someDatabases, someRoles) => {
        const foundDatabases = someDatabases.map(({ name, ...rest }) => fakeDatabase(name, undefined, rest));
        const foundRoles = someRoles.map(({ name, ...rest }) => fakeRole(name, undefined, rest));
        const { items } = sweepItems(foundDatabases, foundRoles);
        for (const item of items) {
          const name = pullRequestName(item.base, item.number);
          expect(item.name).toBe(name);
          if (item.resource === 'database') {
            expect(foundDatabases.find((found) => found.name === name)).toMatchObject({
              isOwnedByAdmin: true,
              marker: { kind: 'pull-request', repositoryId, pullRequest: item.number, base: item.base },
            });
          } else expect(item.roles).not.toEqual([]);
          for (const itemRole of item.roles) {
            expect(itemRole.name).toBe(pullRequestName(itemRole.base, item.number));
            expect(foundRoles.find((found) => found.name === itemRole.name)).toMatchObject({
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
