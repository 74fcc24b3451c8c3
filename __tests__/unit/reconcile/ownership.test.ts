import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RoleMarker } from '../../../src/common/ownership-marker.ts';
import { pullRequestName } from '../../../src/common/resource-names.ts';
import type { DatabaseConfig, RoleConfig } from '../../../src/inputs/types.ts';
import type { FoundRole } from '../../../src/postgres/sql-reader.ts';
import {
  databaseNotOwnedError,
  findPullRequestRoleNames,
  findRolesOfDatabase,
  isCreationInProgress,
  isManagedDatabase,
  isManagedRole,
  type ObservedDatabase,
  roleNotOwnedError,
  sentinelOf,
} from '../../../src/reconcile/ownership.ts';
import {
  databaseFromConfig,
  fakeRole,
  roleFromConfig,
  toParsedMarker,
} from '../../helpers/unit/fake-observations.ts';
import {
  ensureConfig,
  perPullRequestInputs,
  pullRequestConfig,
  pushEvent,
} from '../../helpers/unit/test-configs.ts';

const { database, appRole } = pullRequestConfig();
const role: RoleConfig = appRole ?? expect.unreachable();
const base = ensureConfig({ ...perPullRequestInputs, 'per-pull-request': 'false' }, {}, pushEvent);
const marker = database.marker ?? expect.unreachable();

/** Databases that differ from {@link database} in one property of their identity. */
const otherDatabases: readonly (readonly [what: string, DatabaseConfig])[] = [
  ['another repository', { ...database, marker: { ...marker, repositoryId: '987654321' } }],
  ['another pull request', { ...database, marker: { ...marker, pullRequest: 43 } }],
  ['another base', { ...database, marker: { ...marker, base: 'relecloud2' } }],
  ['a base database', { ...database, marker: undefined }],
];

/** Any state in which a database can be observed. */
const anyObservedDatabase: fc.Arbitrary<ObservedDatabase> = fc.record({
  owner: fc.constantFrom('relecloud_admin', 'relecloud_app_pr_42', 'azuresu'),
  isOwnedByAdmin: fc.boolean(),
  marker: fc.constantFrom(
    undefined,
    toParsedMarker(marker),
    toParsedMarker(marker, new Date(0)),
    ...otherDatabases.flatMap(([, other]) => (other.marker ? [toParsedMarker(other.marker)] : [])),
    toParsedMarker(role.marker),
    toParsedMarker(base.appRole?.marker ?? expect.unreachable()),
  ),
  connectionLimit: fc.constantFrom(
    -1,
    0,
    sentinelOf(database),
    ...otherDatabases.map(([, other]) => sentinelOf(other)),
  ),
});

describe('isManagedDatabase', () => {
  test('is true for the pull request’s database, regardless of its expiry', () => {
    expect(isManagedDatabase(databaseFromConfig(database), database)).toBe(true);
    expect(
      isManagedDatabase(
        databaseFromConfig(database, { marker: toParsedMarker(marker, new Date(0)) }),
        database,
      ),
    ).toBe(true);
  });

  test('is false for a base database, also with a marker or the creation sentinel', () => {
    fc.assert(
      fc.property(anyObservedDatabase, (found) => {
        expect(isManagedDatabase(found, base.database)).toBe(false);
        expect(
          isManagedDatabase(
            { ...found, isOwnedByAdmin: true, connectionLimit: sentinelOf(base.database) },
            base.database,
          ),
        ).toBe(false);
      }),
    );
  });

  test('is false for a database of another owner, who can have written marker and connection limit', () => {
    fc.assert(
      fc.property(anyObservedDatabase, (found) => {
        expect(isManagedDatabase({ ...found, isOwnedByAdmin: false }, database)).toBe(false);
        expect(isCreationInProgress({ ...found, isOwnedByAdmin: false }, database)).toBe(false);
      }),
    );
  });

  test.each(otherDatabases)('is false with the marker or the creation sentinel of %s', (_, other) => {
    const ofOtherOwner = {
      marker: other.marker && toParsedMarker(other.marker),
      connectionLimit: sentinelOf(other),
    };
    expect(isManagedDatabase(databaseFromConfig(database, ofOtherOwner), database)).toBe(false);
    expect(isManagedDatabase(databaseFromConfig(database), other)).toBe(false);
  });

  test('is false without a marker, and with the marker of a role', () => {
    expect(isManagedDatabase(databaseFromConfig(database, { marker: undefined }), database)).toBe(false);
    expect(
      isManagedDatabase(databaseFromConfig(database, { marker: toParsedMarker(role.marker) }), database),
    ).toBe(false);
  });

  test('is true only for a database of the administrator with the pull request’s marker or sentinel', () => {
    fc.assert(
      fc.property(anyObservedDatabase, (found) => {
        if (!isManagedDatabase(found, database)) return;
        expect(found.isOwnedByAdmin).toBe(true);
        const hasMarker =
          JSON.stringify({ ...found.marker, expires: 0 }) ===
          JSON.stringify({ ...toParsedMarker(marker), expires: 0 });
        expect(hasMarker || found.connectionLimit === sentinelOf(database)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a database whose creation was interrupted before it got a marker', () => {
  test('is recognized by the creation sentinel', () => {
    for (const desired of [database, base.database]) {
      const incomplete = databaseFromConfig(desired, {
        marker: undefined,
        connectionLimit: sentinelOf(desired),
      });
      expect(isCreationInProgress(incomplete, desired)).toBe(true);
      expect(isCreationInProgress(databaseFromConfig(desired), desired)).toBe(false);
    }
  });

  test('is managed if it is a pull request’s', () => {
    const incomplete = databaseFromConfig(database, {
      marker: undefined,
      connectionLimit: sentinelOf(database),
    });
    expect(isManagedDatabase(incomplete, database)).toBe(true);
  });

  test('has a sentinel that differs by name, repository, pull request and base', () => {
    const all = [
      database,
      ...otherDatabases.map(([, other]) => other),
      { ...database, name: 'relecloud_pr_43' },
    ];
    expect(new Set(all.map(sentinelOf)).size).toBe(all.length);
  });
});

describe('isManagedRole', () => {
  const otherMarkers: readonly (readonly [what: string, marker: RoleMarker])[] = [
    ['another repository', { ...role.marker, repositoryId: '987654321' }],
    ['another database', { ...role.marker, database: 'relecloud2' }],
    ['another base', { ...role.marker, base: 'someone' }],
    ['a base database', base.appRole?.marker ?? expect.unreachable()],
  ];

  test('is true only for a role that the administrator administers, with its marker', () => {
    expect(isManagedRole(roleFromConfig(role), role)).toBe(true);
    expect(isManagedRole(roleFromConfig(role, { administered: false }), role)).toBe(false);
    expect(isManagedRole(roleFromConfig(role, { marker: undefined }), role)).toBe(false);
  });

  test.each(otherMarkers)('is false with the marker of %s', (_, other) => {
    expect(isManagedRole(roleFromConfig(role, { marker: toParsedMarker(other) }), role)).toBe(false);
    expect(isManagedRole(roleFromConfig(role), { marker: other })).toBe(false);
  });
});

describe('the error for a name that is used by something else', () => {
  test.each([
    ['no marker', { marker: undefined }, /has no ownership marker/],
    ['another owner', { isOwnedByAdmin: false, owner: 'azuresu' }, /is owned by role 'azuresu'/],
    [
      'another repository',
      { marker: toParsedMarker({ ...marker, repositoryId: '7' }) },
      /another repository \(id 7\)/,
    ],
    [
      'another pull request',
      { marker: toParsedMarker({ ...marker, pullRequest: 43 }) },
      /created it for pull request #43 and database 'relecloud'/,
    ],
  ] as const)('names the reason for a database: %s', (_, overrides, reason) => {
    const error = databaseNotOwnedError(databaseFromConfig(database, overrides), database, 'use');
    expect(error.code).toBe('not-owned');
    expect(error.message).toContain("Database 'relecloud_pr_42' already exists and was not changed");
    expect(error.message).toMatch(reason);
  });

  test.each([
    ['no marker', { marker: undefined }, /has no ownership marker/],
    ['another creator', { administered: false }, /created by another role than admin-username/],
    [
      'another repository',
      { marker: toParsedMarker({ ...role.marker, repositoryId: '7' }) },
      /another repository \(id 7\)/,
    ],
    [
      'another database',
      { marker: toParsedMarker({ ...role.marker, database: 'tours' }) },
      /for pull request #42 and database 'tours'/,
    ],
    [
      'a base database',
      { marker: toParsedMarker(base.appRole?.marker ?? role.marker) },
      /created it for database 'relecloud'/,
    ],
  ] as const)('names the reason for a role: %s', (_, overrides, reason) => {
    const error = roleNotOwnedError(roleFromConfig(role, overrides), role, 'use');
    expect(error.code).toBe('not-owned');
    expect(error.message).toContain("Role 'relecloud_app_pr_42' already exists and was not changed");
    expect(error.message).toMatch(reason);
  });

  const ofOtherRepository = { marker: toParsedMarker({ ...marker, repositoryId: '7' }) };

  test.each([
    ['use', /^If earlier runs used 'first_admin' as admin-username, use it .*choose another database/],
    ['drop', /^If earlier runs used 'first_admin' as admin-username, use it .*check the inputs database/],
  ] as const)('names the other administrator as the remedy, to %s a database', (intent, hint) => {
    const observed = databaseFromConfig(database, { isOwnedByAdmin: false, owner: 'first_admin' });
    expect(databaseNotOwnedError(observed, database, intent).hint).toMatch(hint);
  });

  test.each([
    ['use', /^If earlier runs used another admin-username, use it .*choose another app-username/],
    ['drop', /^If earlier runs used another admin-username, use it .*check the inputs app-username/],
  ] as const)('names the other administrator as the remedy, to %s a role', (intent, hint) => {
    const observed = roleFromConfig(role, { administered: false });
    expect(roleNotOwnedError(observed, role, intent).hint).toMatch(hint);
  });

  test('does not advise another name to a run that drops', () => {
    const errors = [{ marker: undefined }, { marker: toParsedMarker({ ...marker, pullRequest: 43 }) }].map(
      (overrides) => databaseNotOwnedError(databaseFromConfig(database, overrides), database, 'drop'),
    );
    errors.push(roleNotOwnedError(roleFromConfig(role, { marker: undefined }), role, 'drop'));
    for (const { summary, hint } of errors) {
      expect(summary).toMatch(/'relecloud\w*_pr_42' was not dropped: /);
      expect(hint).toMatch(/^Check the inputs \S+ and pull-request-number, or drop this \w+ manually/);
    }
  });

  test('advises the other repository to a run that drops', () => {
    const { hint } = databaseNotOwnedError(databaseFromConfig(database, ofOtherRepository), database, 'drop');
    expect(hint).toMatch(/^Run mode: drop in that repository\. Otherwise check/);
  });
});

const repositoryId = '123456789';
const roleMarker = (pullRequest: number, databaseBase = 'relecloud', base = 'app') =>
  ({ kind: 'pull-request', repositoryId, pullRequest, base, database: databaseBase }) as const;
/** A role as the action creates it. */
const pullRequestRole = (
  number: number,
  databaseBase?: string,
  base?: string,
  overrides: Partial<FoundRole> = {},
): FoundRole => {
  const ownMarker = roleMarker(number, databaseBase, base);
  return fakeRole(pullRequestName(ownMarker.base, number), ownMarker, overrides);
};

describe('findRolesOfDatabase', () => {
  const target: Parameters<typeof findRolesOfDatabase>[0] = {
    name: 'relecloud_pr_42',
    marker: { kind: 'pull-request', repositoryId, pullRequest: 42, base: 'relecloud' },
  };
  const namesFor = (roles: readonly FoundRole[], desired = target) =>
    findRolesOfDatabase(desired, roles).map(({ name }) => name);

  test('finds the roles of a pull request’s database by their markers, regardless of app-username', () => {
    expect(namesFor([pullRequestRole(42), pullRequestRole(42, 'relecloud', 'web')])).toEqual([
      'app_pr_42',
      'web_pr_42',
    ]);
  });

  test('finds no role of another database, pull request or repository, and none whose marker is not trusted', () => {
    const others = [
      pullRequestRole(43),
      pullRequestRole(42, 'tours'),
      pullRequestRole(42, 'relecloud', 'app', { administered: false }),
      fakeRole('app', roleMarker(42)),
      fakeRole('app_pr_42', { ...roleMarker(42), repositoryId: '987654321' }),
      fakeRole('app', { kind: 'base', repositoryId, base: 'app', database: 'relecloud' }),
      fakeRole('relecloud_admin', undefined),
    ];
    for (const other of others) expect(namesFor([other])).toEqual([]);
    expect(namesFor([pullRequestRole(42)], { name: 'relecloud', marker: undefined })).toEqual([]);
  });
});

describe('findPullRequestRoleNames', () => {
  test('finds the roles that the administrator created for pull requests of this repository, except those of one database', () => {
    const roles = [
      pullRequestRole(42),
      pullRequestRole(43),
      pullRequestRole(44, 'tours'),
      pullRequestRole(45, 'relecloud', 'app', { administered: false }),
      fakeRole('app_pr_46', { ...roleMarker(46), repositoryId: '987654321' }),
      fakeRole('misnamed', roleMarker(47)),
      fakeRole('app', { kind: 'base', repositoryId, base: 'app', database: 'relecloud' }),
      fakeRole('relecloud_admin', undefined),
    ];
    const namesExcept = (database?: string) => findPullRequestRoleNames(repositoryId, roles, database);
    expect(namesExcept()).toEqual(['app_pr_42', 'app_pr_43', 'app_pr_44']);
    expect(namesExcept('relecloud_pr_42')).toEqual(['app_pr_43', 'app_pr_44']);
    expect(findPullRequestRoleNames('', roles)).toEqual([]);
  });
});
