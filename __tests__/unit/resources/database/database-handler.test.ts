import { describe, expect, test } from 'vitest';
import type { DatabaseConfig } from '../../../../src/inputs/types.ts';
import type { FoundDatabase } from '../../../../src/postgres/sql-reader.ts';
import { absent, type Diff, present, unknown } from '../../../../src/reconcile/findings.ts';
import { sentinelOf } from '../../../../src/reconcile/ownership.ts';
import {
  checkDatabaseOwner,
  databaseHandler,
  databaseTeardownHandler,
} from '../../../../src/resources/database/database-handler.ts';
import type { SqlWriter } from '../../../../src/resources/sql-writer.ts';
import {
  createFakeSqlReader,
  databaseFromConfig,
  readMark,
} from '../../../helpers/unit/fake-observations.ts';
import { single } from '../../../helpers/unit/single.ts';
import {
  checkConfig,
  ensureConfig,
  type InputValues,
  perPullRequestInputs,
  pullRequestConfig,
  pushEvent,
} from '../../../helpers/unit/test-configs.ts';
import { errorOf } from '../../../helpers/unit/test-run.ts';

const unknownObservation = unknown(new Error('403'));
/** The database of pull request 42, to be deleted. */
const toDrop = (expiredBy?: Date) =>
  single(databaseTeardownHandler.desired({ database: pullRequestConfig().database, roles: [], expiredBy }));
/** A difference in short: what is found, and what mends it. */
const summarizeDiff = ({ finding, change }: Diff) => [
  finding?.kind,
  change && `${change.action}: ${change.details}`,
];

describe('a base database', () => {
  const wanted = (given: InputValues = {}) => single(databaseHandler.desired(ensureConfig(given)));
  const { database: declared } = ensureConfig();
  const found = databaseFromConfig(declared);

  test('missing: created', () => {
    expect(single(databaseHandler.diff(wanted(), absent))).toMatchObject({
      finding: { resource: 'database', name: 'relecloud', kind: 'missing' },
      change: { resource: 'database', name: 'relecloud', action: 'create', details: 'UTF8, en_US.utf8' },
    });
  });

  test('template: missing: cloned, and charset and collation come along', () => {
    const clone = wanted({ template: 'seeds', charset: 'LATIN1' });
    expect(single(databaseHandler.diff(clone, absent)).change?.details).toBe('clone of seeds');
    expect(databaseHandler.diff(clone, present(found))).toEqual([]);
  });

  test.each([
    ['utf8', 'en_US.utf8'],
    ['UTF8', 'en_US.UTF-8'],
    ['utf-8', 'EN_us.utf8'],
  ])('another spelling is no drift: %s, %s', (charset, collation) => {
    expect(databaseHandler.diff(wanted({ charset, collation }), present(found))).toEqual([]);
    expect(databaseHandler.diff(wanted(), present({ ...found, charset, collation }))).toEqual([]);
  });

  test('another charset or collation is reported, and never changed', () => {
    const differences = databaseHandler.diff(
      wanted({ charset: 'LATIN1', collation: 'de_DE.utf8' }),
      present(found),
    );
    expect(differences.map((d) => d.finding)).toMatchObject([
      { property: 'charset', expected: 'LATIN1', actual: 'UTF8', kind: 'changed' },
      { property: 'collation', expected: 'de_DE.utf8', actual: 'en_US.utf8', kind: 'changed' },
    ]);
    for (const difference of differences) expect(difference).not.toHaveProperty('mend');
  });

  test('one that somebody else made is adopted, whatever it bears', () => {
    const theirs = { ...found, isOwnedByAdmin: false, owner: 'azuresu', marker: undefined };
    expect(databaseHandler.diff(wanted(), present(theirs))).toEqual([]);
  });

  test('a pull request’s database is no base: it would be swept, whoever relied on it', () => {
    const mark = { kind: 'pull-request', repositoryId: '1', pullRequest: 7, base: 'x' } as const;
    const swept = { ...found, marker: readMark(mark) };
    expect(() => databaseHandler.diff(wanted(), present(swept))).toThrow('it is of pull request #7');
    expect(databaseHandler.diff(wanted(), present({ ...swept, isOwnedByAdmin: false }))).toEqual([]);
  });

  test('what an interrupted run has begun is finished; what another role sealed is not', () => {
    const half = { ...found, connectionLimit: sentinelOf(declared) };
    expect(databaseHandler.diff(wanted(), present(half)).map(summarizeDiff)).toEqual([
      [undefined, 'create: finishing what another run began: UTF8, en_US.utf8'],
    ]);
    expect(databaseHandler.diff(wanted(), present({ ...half, isOwnedByAdmin: false }))).toEqual([]);
  });

  test('unknown: nothing', () => {
    expect(databaseHandler.diff(wanted(), unknownObservation)).toEqual([]);
  });

  test('a check without a database reads none', () => {
    expect(databaseHandler.desired(checkConfig({ database: '' }))).toEqual([]);
  });

  test('a teardown without a database deletes none', () => {
    expect(databaseTeardownHandler.desired({ database: undefined, roles: [], expiredBy: undefined })).toEqual(
      [],
    );
  });
});

describe('a pull request’s database', () => {
  const wanted = (given: InputValues = {}) => single(databaseHandler.desired(pullRequestConfig(given)));
  const { database: declared } = pullRequestConfig();
  const made = (more: Partial<FoundDatabase> = {}) => present(databaseFromConfig(declared, more));
  const half = { marker: undefined, connectionLimit: sentinelOf(declared) };

  test('missing: created under its own name, also to be reset', () => {
    expect(single(databaseHandler.diff(wanted({ template: 'relecloud' }), absent)).change).toMatchObject({
      name: 'relecloud_pr_42',
      action: 'create',
      details: 'clone of relecloud',
    });
    expect(databaseHandler.diff(wanted({ reset: 'true' }), absent).map(summarizeDiff)).toEqual([
      ['missing', 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('there: nothing, whatever its charset and collation are', () => {
    expect(databaseHandler.diff(wanted(), made())).toEqual([]);
    expect(databaseHandler.diff(wanted({ charset: 'LATIN1' }), made({ collation: 'C' }))).toEqual([]);
    expect(
      databaseHandler.diff(
        wanted(),
        made({ marker: readMark(declared.marker ?? expect.unreachable(), new Date(0)) }),
      ),
    ).toEqual([]);
  });

  test('reset: dropped and made again, and no drift', () => {
    expect(databaseHandler.diff(wanted({ reset: 'true' }), made()).map(summarizeDiff)).toEqual([
      [undefined, 'delete: reset'],
      [undefined, 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('what a run began to drop is dropped and made again', () => {
    expect(databaseHandler.diff(wanted(), made({ allowsConnections: false })).map(summarizeDiff)).toEqual([
      [undefined, 'delete: an interrupted run was dropping it'],
      [undefined, 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('what a run began to make is finished', () => {
    expect(databaseHandler.diff(wanted(), made(half)).map(summarizeDiff)).toEqual([
      [undefined, 'create: finishing what another run began: UTF8, en_US.utf8'],
    ]);
  });

  test.each([
    ['unmarked', { marker: undefined }],
    ['of another role', { isOwnedByAdmin: false }],
    ['of another role, sealed', { ...half, isOwnedByAdmin: false }],
    [
      'of another repository',
      { marker: readMark({ ...(declared.marker ?? expect.unreachable()), repositoryId: '7' }) },
    ],
    [
      'of another pull request',
      { marker: readMark({ ...(declared.marker ?? expect.unreachable()), pullRequest: 7 }) },
    ],
  ])('one that is %s is neither used, reset, nor dropped', (_, more) => {
    for (const desired of [wanted(), wanted({ reset: 'true' }), toDrop()])
      for (const allowsConnections of [true, false])
        expect(() => databaseHandler.diff(desired, made({ ...more, allowsConnections }))).toThrow(
          '(not-ours)',
        );
  });

  test('unknown: nothing, to drop it neither', () => {
    expect(databaseHandler.diff(wanted(), unknownObservation)).toEqual([]);
    expect(databaseHandler.diff(toDrop(), unknownObservation)).toEqual([]);
  });

  test('drop: there: dropped; gone already: nothing', () => {
    const unwanted = toDrop();
    expect(databaseHandler.diff(unwanted, absent)).toEqual([]);
    for (const more of [{}, half, { allowsConnections: false }])
      expect(databaseHandler.diff(unwanted, made(more)).map(summarizeDiff)).toEqual([
        ['unexpected', 'delete: of pull request #42'],
      ]);
  });
});

describe('right before it is dropped', () => {
  const { database: declared } = pullRequestConfig();
  const mark = declared.marker ?? expect.unreachable();
  const now = new Date('2026-02-03T04:05:06.789Z');
  const change = { resource: 'database', name: declared.name, action: 'delete', details: '' } as const;

  /** Whether a database that is by now as it is would still be dropped by the writer. */
  async function stillGoes(
    desired: Parameters<typeof databaseHandler.apply>[2],
    byNow: FoundDatabase,
  ): Promise<boolean> {
    const asked: (boolean | undefined)[] = [];
    const writer: Pick<SqlWriter, 'dropDatabase'> = {
      async dropDatabase(_: DatabaseConfig, last) {
        asked.push(last?.(byNow));
        return 'applied';
      },
    };
    await databaseHandler.apply(
      writer as SqlWriter,
      change,
      desired,
      undefined,
      present(databaseFromConfig(declared)),
    );
    return single(asked) === true;
  }

  test('reset: what another job’s reset made in the meantime is not dropped again', async () => {
    const reset = single(databaseHandler.desired(pullRequestConfig({ reset: 'true' })));
    expect(await stillGoes(reset, databaseFromConfig(declared))).toBe(true);
    expect(await stillGoes(reset, databaseFromConfig(declared, { oid: '16385' }))).toBe(false);
  });

  test('drop: it goes, also where it was made anew in the meantime', async () => {
    const drop = toDrop();
    expect(await stillGoes(drop, databaseFromConfig(declared, { oid: '16385' }))).toBe(true);
  });

  test.each([
    ['an hour ago', -3_600_000, true],
    ['just now', 0, true],
    ['in a millisecond', 1, false],
    ['never', undefined, false],
  ])('sweep of what has expired: one that expires %s', async (_, after, goes) => {
    const swept = toDrop(now);
    const expires = after === undefined ? undefined : new Date(now.getTime() + after);
    const outcome = stillGoes(swept, databaseFromConfig(declared, { marker: readMark(mark, expires) }));
    if (goes) expect(await outcome).toBe(true);
    else expect(await errorOf(outcome)).toMatchObject({ code: 'ensured-again' });
  });
});

describe('a database that belongs to somebody else', () => {
  const config = ensureConfig();
  const { 'per-pull-request': _, ...role } = perPullRequestInputs;
  const withRole = ensureConfig(role, {}, pushEvent);
  const theirs = (more: Partial<FoundDatabase>) =>
    databaseFromConfig(config.database, { owner: 'azuresu', isOwnedByAdmin: false, ...more });

  test('of which the administrator may do all it needs: no advice', () => {
    expect(checkDatabaseOwner(config, theirs({}))).toBeUndefined();
  });

  test('in which it may not create: who can say what', () => {
    const advice = checkDatabaseOwner(config, theirs({ mayCreate: false }));
    expect(advice).toContain("belongs to 'azuresu'");
    expect(advice).toContain('GRANT CREATE ON DATABASE "relecloud" TO "relecloud_admin"');
    // What the application role needs is looked at by itself.
    expect(checkDatabaseOwner(withRole, theirs({ mayCreate: false }))).toBeUndefined();
  });

  test('which it may not even enter: an error that says what to do', () => {
    for (const each of [config, withRole])
      expect(() => checkDatabaseOwner(each, theirs({ mayConnect: false }))).toThrow(
        /belongs to 'azuresu'.*GRANT CONNECT ON DATABASE "relecloud" TO "relecloud_admin".*\(database-refused\)/s,
      );
  });
});

test('it is observed by its name', async () => {
  const config = pullRequestConfig();
  const desired = databaseHandler.desired(config);
  const found = present(databaseFromConfig(config.database));
  expect(await databaseHandler.observe(createFakeSqlReader({ database: found }), desired)).toEqual([found]);
});
