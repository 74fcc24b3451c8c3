import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DatabaseConfig, RoleConfig } from '../../../src/config/config.ts';
import type { RoleMark } from '../../../src/config/marks.ts';
import {
  foreignDatabase,
  foreignRole,
  isBeingMade,
  isOurRole,
  isOursToDrop,
  type SeenDatabase,
  sealOf,
} from '../../../src/plan/ownership.ts';
import { madeFrom, readMark, roleMadeFrom } from '../../helpers/unit/fake-observations.ts';
import { ensureConfig, perPullRequest, pullRequestConfig, push } from '../../helpers/unit/inputs.ts';

const { database, application } = pullRequestConfig();
const role: RoleConfig = application ?? expect.unreachable();
const base = ensureConfig({ ...perPullRequest, 'per-pull-request': 'false' }, {}, push);
const mark = database.mark ?? expect.unreachable();

/** What would be another's, each in one point. */
const others: readonly (readonly [what: string, DatabaseConfig])[] = [
  ['another repository', { ...database, mark: { ...mark, repositoryId: '987654321' } }],
  ['another pull request', { ...database, mark: { ...mark, pullRequest: 43 } }],
  ['another base', { ...database, mark: { ...mark, base: 'relecloud2' } }],
  ['no pull request', { ...database, mark: undefined }],
];

/** Anything that can be seen under the name of a database. */
const seen: fc.Arbitrary<SeenDatabase> = fc.record({
  owner: fc.constantFrom('relecloud_admin', 'relecloud_app_pr_42', 'azuresu'),
  ownedByUs: fc.boolean(),
  mark: fc.constantFrom(
    undefined,
    readMark(mark),
    readMark(mark, new Date(0)),
    ...others.flatMap(([, other]) => (other.mark ? [readMark(other.mark)] : [])),
    readMark(role.mark),
    readMark(base.application?.mark ?? expect.unreachable()),
  ),
  connectionLimit: fc.constantFrom(-1, 0, sealOf(database), ...others.map(([, other]) => sealOf(other))),
});

describe('what is not ours is not ours to drop', () => {
  test('a pull request’s own database is, whatever its expiry', () => {
    expect(isOursToDrop(madeFrom(database), database)).toBe(true);
    expect(isOursToDrop(madeFrom(database, { mark: readMark(mark, new Date(0)) }), database)).toBe(true);
  });

  test('a base database never is, also where it bears a mark or a seal', () => {
    fc.assert(
      fc.property(seen, (found) => {
        expect(isOursToDrop(found, base.database)).toBe(false);
        expect(
          isOursToDrop({ ...found, ownedByUs: true, connectionLimit: sealOf(base.database) }, base.database),
        ).toBe(false);
      }),
    );
  });

  test('what another role owns never is: it could have written the mark by itself, and the limit', () => {
    fc.assert(
      fc.property(seen, (found) => {
        expect(isOursToDrop({ ...found, ownedByUs: false }, database)).toBe(false);
        expect(isBeingMade({ ...found, ownedByUs: false }, database)).toBe(false);
      }),
    );
  });

  test.each(others)('the mark and the seal of %s do not make it ours', (_, other) => {
    const theirs = { mark: other.mark && readMark(other.mark), connectionLimit: sealOf(other) };
    expect(isOursToDrop(madeFrom(database, theirs), database)).toBe(false);
    expect(isOursToDrop(madeFrom(database), other)).toBe(false);
  });

  test('nor does no mark at all, or a role’s', () => {
    expect(isOursToDrop(madeFrom(database, { mark: undefined }), database)).toBe(false);
    expect(isOursToDrop(madeFrom(database, { mark: readMark(role.mark) }), database)).toBe(false);
  });

  test('whatever is ours is owned by us, and bears the pull request’s mark or its seal', () => {
    fc.assert(
      fc.property(seen, (found) => {
        if (!isOursToDrop(found, database)) return;
        expect(found.ownedByUs).toBe(true);
        const marked =
          JSON.stringify({ ...found.mark, expires: 0 }) === JSON.stringify({ ...readMark(mark), expires: 0 });
        expect(marked || found.connectionLimit === sealOf(database)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a database that is being made is known without a mark', () => {
  test('by the seal of what it is to be', () => {
    for (const desired of [database, base.database]) {
      const half = madeFrom(desired, { mark: undefined, connectionLimit: sealOf(desired) });
      expect(isBeingMade(half, desired)).toBe(true);
      expect(isBeingMade(madeFrom(desired), desired)).toBe(false);
    }
  });

  test('a pull request’s is ours to drop then', () => {
    const half = madeFrom(database, { mark: undefined, connectionLimit: sealOf(database) });
    expect(isOursToDrop(half, database)).toBe(true);
  });

  test('the seal tells name, repository, pull request and base apart', () => {
    const all = [database, ...others.map(([, other]) => other), { ...database, name: 'relecloud_pr_43' }];
    expect(new Set(all.map(sealOf)).size).toBe(all.length);
  });
});

describe('whose a role is', () => {
  const otherMarks: readonly (readonly [what: string, mark: RoleMark])[] = [
    ['another repository', { ...role.mark, repositoryId: '987654321' }],
    ['another database', { ...role.mark, database: 'relecloud2' }],
    ['another base', { ...role.mark, base: 'someone' }],
    ['a base database', base.application?.mark ?? expect.unreachable()],
  ];

  test('ours is one that the administrator administers and that bears its mark', () => {
    expect(isOurRole(roleMadeFrom(role), role)).toBe(true);
    expect(isOurRole(roleMadeFrom(role, { administered: false }), role)).toBe(false);
    expect(isOurRole(roleMadeFrom(role, { mark: undefined }), role)).toBe(false);
  });

  test.each(otherMarks)('the mark of %s does not make it ours', (_, other) => {
    expect(isOurRole(roleMadeFrom(role, { mark: readMark(other) }), role)).toBe(false);
    expect(isOurRole(roleMadeFrom(role), { mark: other })).toBe(false);
  });
});

describe('why it was left untouched', () => {
  test.each([
    ['no mark', { mark: undefined }, /bears no mark of this action/],
    ['another owner', { ownedByUs: false, owner: 'azuresu' }, /belongs to the role 'azuresu'/],
    ['another repository', { mark: readMark({ ...mark, repositoryId: '7' }) }, /another repository \(id 7\)/],
    [
      'another pull request',
      { mark: readMark({ ...mark, pullRequest: 43 }) },
      /pull request #43, made from 'relecloud'/,
    ],
  ] as const)('of a database: %s', (_, more, says) => {
    const error = foreignDatabase(madeFrom(database, more), database);
    expect(error.code).toBe('not-ours');
    expect(error.message).toContain("Database 'relecloud_pr_42' is there already and was left untouched");
    expect(error.message).toMatch(says);
  });

  test.each([
    ['no mark', { mark: undefined }, /bears no mark of this action/],
    ['another maker', { administered: false }, /made by somebody else than admin-username/],
    [
      'another repository',
      { mark: readMark({ ...role.mark, repositoryId: '7' }) },
      /another repository \(id 7\)/,
    ],
    ['another database', { mark: readMark({ ...role.mark, database: 'tours' }) }, /for database 'tours'/],
    ['a base database', { mark: readMark(base.application?.mark ?? role.mark) }, /of a base database/],
  ] as const)('of a role: %s', (_, more, says) => {
    const error = foreignRole(roleMadeFrom(role, more), role);
    expect(error.code).toBe('not-ours');
    expect(error.message).toContain("Role 'relecloud_app_pr_42' is there already and was left untouched");
    expect(error.message).toMatch(says);
  });
});
