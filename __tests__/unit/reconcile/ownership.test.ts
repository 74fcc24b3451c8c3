import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RoleMarker } from '../../../src/common/ownership-marker.ts';
import type { DatabaseConfig, RoleConfig } from '../../../src/inputs/types.ts';
import {
  databaseNotOwnedError,
  isCreationInProgress,
  isManagedDatabase,
  isManagedRole,
  type ObservedDatabase,
  roleNotOwnedError,
  sentinelOf,
} from '../../../src/reconcile/ownership.ts';
import { databaseFromConfig, readMark, roleFromConfig } from '../../helpers/unit/fake-observations.ts';
import {
  ensureConfig,
  perPullRequestInputs,
  pullRequestConfig,
  pushEvent,
} from '../../helpers/unit/test-configs.ts';

const { database, appRole } = pullRequestConfig();
const role: RoleConfig = appRole ?? expect.unreachable();
const base = ensureConfig({ ...perPullRequestInputs, 'per-pull-request': 'false' }, {}, pushEvent);
const mark = database.marker ?? expect.unreachable();

/** What would be another's, each in one point. */
const otherDatabases: readonly (readonly [what: string, DatabaseConfig])[] = [
  ['another repository', { ...database, marker: { ...mark, repositoryId: '987654321' } }],
  ['another pull request', { ...database, marker: { ...mark, pullRequest: 43 } }],
  ['another base', { ...database, marker: { ...mark, base: 'relecloud2' } }],
  ['no pull request', { ...database, marker: undefined }],
];

/** Anything that can be seen under the name of a database. */
const anyObservedRole: fc.Arbitrary<ObservedDatabase> = fc.record({
  owner: fc.constantFrom('relecloud_admin', 'relecloud_app_pr_42', 'azuresu'),
  isOwnedByAdmin: fc.boolean(),
  marker: fc.constantFrom(
    undefined,
    readMark(mark),
    readMark(mark, new Date(0)),
    ...otherDatabases.flatMap(([, other]) => (other.marker ? [readMark(other.marker)] : [])),
    readMark(role.marker),
    readMark(base.appRole?.marker ?? expect.unreachable()),
  ),
  connectionLimit: fc.constantFrom(
    -1,
    0,
    sentinelOf(database),
    ...otherDatabases.map(([, other]) => sentinelOf(other)),
  ),
});

describe('what is not ours is not ours to drop', () => {
  test('a pull request’s own database is, whatever its expiry', () => {
    expect(isManagedDatabase(databaseFromConfig(database), database)).toBe(true);
    expect(
      isManagedDatabase(databaseFromConfig(database, { marker: readMark(mark, new Date(0)) }), database),
    ).toBe(true);
  });

  test('a base database never is, also where it bears a mark or a seal', () => {
    fc.assert(
      fc.property(anyObservedRole, (found) => {
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

  test('what another role owns never is: it could have written the mark by itself, and the limit', () => {
    fc.assert(
      fc.property(anyObservedRole, (found) => {
        expect(isManagedDatabase({ ...found, isOwnedByAdmin: false }, database)).toBe(false);
        expect(isCreationInProgress({ ...found, isOwnedByAdmin: false }, database)).toBe(false);
      }),
    );
  });

  test.each(otherDatabases)('the mark and the seal of %s do not make it ours', (_, other) => {
    const theirs = { marker: other.marker && readMark(other.marker), connectionLimit: sentinelOf(other) };
    expect(isManagedDatabase(databaseFromConfig(database, theirs), database)).toBe(false);
    expect(isManagedDatabase(databaseFromConfig(database), other)).toBe(false);
  });

  test('nor does no mark at all, or a role’s', () => {
    expect(isManagedDatabase(databaseFromConfig(database, { marker: undefined }), database)).toBe(false);
    expect(isManagedDatabase(databaseFromConfig(database, { marker: readMark(role.marker) }), database)).toBe(
      false,
    );
  });

  test('whatever is ours is owned by us, and bears the pull request’s mark or its seal', () => {
    fc.assert(
      fc.property(anyObservedRole, (found) => {
        if (!isManagedDatabase(found, database)) return;
        expect(found.isOwnedByAdmin).toBe(true);
        const marked =
          JSON.stringify({ ...found.marker, expires: 0 }) ===
          JSON.stringify({ ...readMark(mark), expires: 0 });
        expect(marked || found.connectionLimit === sentinelOf(database)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a database that is being made is known without a mark', () => {
  test('by the seal of what it is to be', () => {
    for (const desired of [database, base.database]) {
      const half = databaseFromConfig(desired, { marker: undefined, connectionLimit: sentinelOf(desired) });
      expect(isCreationInProgress(half, desired)).toBe(true);
      expect(isCreationInProgress(databaseFromConfig(desired), desired)).toBe(false);
    }
  });

  test('a pull request’s is ours to drop then', () => {
    const half = databaseFromConfig(database, { marker: undefined, connectionLimit: sentinelOf(database) });
    expect(isManagedDatabase(half, database)).toBe(true);
  });

  test('the seal tells name, repository, pull request and base apart', () => {
    const all = [
      database,
      ...otherDatabases.map(([, other]) => other),
      { ...database, name: 'relecloud_pr_43' },
    ];
    expect(new Set(all.map(sentinelOf)).size).toBe(all.length);
  });
});

describe('whose a role is', () => {
  const otherMarks: readonly (readonly [what: string, marker: RoleMarker])[] = [
    ['another repository', { ...role.marker, repositoryId: '987654321' }],
    ['another database', { ...role.marker, database: 'relecloud2' }],
    ['another base', { ...role.marker, base: 'someone' }],
    ['a base database', base.appRole?.marker ?? expect.unreachable()],
  ];

  test('ours is one that the administrator administers and that bears its mark', () => {
    expect(isManagedRole(roleFromConfig(role), role)).toBe(true);
    expect(isManagedRole(roleFromConfig(role, { administered: false }), role)).toBe(false);
    expect(isManagedRole(roleFromConfig(role, { marker: undefined }), role)).toBe(false);
  });

  test.each(otherMarks)('the mark of %s does not make it ours', (_, other) => {
    expect(isManagedRole(roleFromConfig(role, { marker: readMark(other) }), role)).toBe(false);
    expect(isManagedRole(roleFromConfig(role), { marker: other })).toBe(false);
  });
});

describe('why it was left untouched', () => {
  test.each([
    ['no mark', { marker: undefined }, /bears no mark of this action/],
    ['another owner', { isOwnedByAdmin: false, owner: 'azuresu' }, /belongs to the role 'azuresu'/],
    [
      'another repository',
      { marker: readMark({ ...mark, repositoryId: '7' }) },
      /another repository \(id 7\)/,
    ],
    [
      'another pull request',
      { marker: readMark({ ...mark, pullRequest: 43 }) },
      /pull request #43, made from 'relecloud'/,
    ],
  ] as const)('of a database: %s', (_, more, says) => {
    const error = databaseNotOwnedError(databaseFromConfig(database, more), database);
    expect(error.code).toBe('not-owned');
    expect(error.message).toContain("Database 'relecloud_pr_42' already exists and was not changed");
    expect(error.message).toMatch(says);
  });

  test.each([
    ['no mark', { marker: undefined }, /bears no mark of this action/],
    ['another maker', { administered: false }, /made by somebody else than admin-username/],
    [
      'another repository',
      { marker: readMark({ ...role.marker, repositoryId: '7' }) },
      /another repository \(id 7\)/,
    ],
    ['another database', { marker: readMark({ ...role.marker, database: 'tours' }) }, /for database 'tours'/],
    ['a base database', { marker: readMark(base.appRole?.marker ?? role.marker) }, /of a base database/],
  ] as const)('of a role: %s', (_, more, says) => {
    const error = roleNotOwnedError(roleFromConfig(role, more), role);
    expect(error.code).toBe('not-owned');
    expect(error.message).toContain("Role 'relecloud_app_pr_42' already exists and was not changed");
    expect(error.message).toMatch(says);
  });
});
