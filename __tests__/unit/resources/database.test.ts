import { describe, expect, test } from 'vitest';
import type { DatabaseConfig } from '../../../src/config/config.ts';
import { sealOf } from '../../../src/plan/ownership.ts';
import { absent, type Difference, present, unknown } from '../../../src/plan/types.ts';
import type { FoundDatabase } from '../../../src/postgres/sql-reader.ts';
import type { SqlWriter } from '../../../src/postgres/sql-writer.ts';
import { database, ownerAdvice } from '../../../src/resources/database.ts';
import { madeFrom, readerSeeing, readMark } from '../../helpers/unit/fake-observations.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  type Given,
  perPullRequest,
  pullRequestConfig,
  push,
  sweepConfig,
} from '../../helpers/unit/inputs.ts';
import { only } from '../../helpers/unit/only.ts';
import { thrownBy } from '../../helpers/unit/run.ts';

const unseen = unknown(new Error('403'));
/** A difference in short: what is found, and what mends it. */
const inShort = ({ finding, mend }: Difference) => [finding?.kind, mend && `${mend.action}: ${mend.details}`];

describe('a base database', () => {
  const wanted = (given: Given = {}) => only(database.desired(ensureConfig(given)));
  const { database: declared } = ensureConfig();
  const found = madeFrom(declared);

  test('missing: created', () => {
    expect(only(database.diff(wanted(), absent))).toMatchObject({
      finding: { resource: 'database', name: 'relecloud', kind: 'missing' },
      mend: { resource: 'database', name: 'relecloud', action: 'create', details: 'UTF8, en_US.utf8' },
    });
  });

  test('template: missing: cloned, and charset and collation come along', () => {
    const clone = wanted({ template: 'seeds', charset: 'LATIN1' });
    expect(only(database.diff(clone, absent)).mend?.details).toBe('clone of seeds');
    expect(database.diff(clone, present(found))).toEqual([]);
  });

  test.each([
    ['utf8', 'en_US.utf8'],
    ['UTF8', 'en_US.UTF-8'],
    ['utf-8', 'EN_us.utf8'],
  ])('another spelling is no drift: %s, %s', (charset, collation) => {
    expect(database.diff(wanted({ charset, collation }), present(found))).toEqual([]);
    expect(database.diff(wanted(), present({ ...found, charset, collation }))).toEqual([]);
  });

  test('another charset or collation is reported, and never changed', () => {
    const differences = database.diff(wanted({ charset: 'LATIN1', collation: 'de_DE.utf8' }), present(found));
    expect(differences.map((d) => d.finding)).toMatchObject([
      { property: 'charset', expected: 'LATIN1', actual: 'UTF8', kind: 'changed' },
      { property: 'collation', expected: 'de_DE.utf8', actual: 'en_US.utf8', kind: 'changed' },
    ]);
    for (const difference of differences) expect(difference).not.toHaveProperty('mend');
  });

  test('one that somebody else made is adopted, whatever it bears', () => {
    const theirs = { ...found, ownedByUs: false, owner: 'azuresu', mark: undefined };
    expect(database.diff(wanted(), present(theirs))).toEqual([]);
  });

  test('a pull request’s database is no base: it would be swept, whoever relied on it', () => {
    const mark = { kind: 'pull-request', repositoryId: '1', pullRequest: 7, base: 'x' } as const;
    const swept = { ...found, mark: readMark(mark) };
    expect(() => database.diff(wanted(), present(swept))).toThrow('it is of pull request #7');
    expect(database.diff(wanted(), present({ ...swept, ownedByUs: false }))).toEqual([]);
  });

  test('what an interrupted run has begun is finished; what another role sealed is not', () => {
    const half = { ...found, connectionLimit: sealOf(declared) };
    expect(database.diff(wanted(), present(half)).map(inShort)).toEqual([
      [undefined, 'create: finishing what another run began: UTF8, en_US.utf8'],
    ]);
    expect(database.diff(wanted(), present({ ...half, ownedByUs: false }))).toEqual([]);
  });

  test('unknown: nothing', () => {
    expect(database.diff(wanted(), unseen)).toEqual([]);
  });

  test('check without a database looks at none, and a sweep looks by itself', () => {
    expect(database.desired(checkConfig({ database: '' }))).toEqual([]);
    expect(database.desired(sweepConfig())).toEqual([]);
  });
});

describe('a pull request’s database', () => {
  const wanted = (given: Given = {}) => only(database.desired(pullRequestConfig(given)));
  const { database: declared } = pullRequestConfig();
  const made = (more: Partial<FoundDatabase> = {}) => present(madeFrom(declared, more));
  const half = { mark: undefined, connectionLimit: sealOf(declared) };

  test('missing: created under its own name, also to be reset', () => {
    expect(only(database.diff(wanted({ template: 'relecloud' }), absent)).mend).toMatchObject({
      name: 'relecloud_pr_42',
      action: 'create',
      details: 'clone of relecloud',
    });
    expect(database.diff(wanted({ reset: 'true' }), absent).map(inShort)).toEqual([
      ['missing', 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('there: nothing, whatever its charset and collation are', () => {
    expect(database.diff(wanted(), made())).toEqual([]);
    expect(database.diff(wanted({ charset: 'LATIN1' }), made({ collation: 'C' }))).toEqual([]);
    expect(
      database.diff(wanted(), made({ mark: readMark(declared.mark ?? expect.unreachable(), new Date(0)) })),
    ).toEqual([]);
  });

  test('reset: dropped and made again, and no drift', () => {
    expect(database.diff(wanted({ reset: 'true' }), made()).map(inShort)).toEqual([
      [undefined, 'delete: reset'],
      [undefined, 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('what a run began to drop is dropped and made again', () => {
    expect(database.diff(wanted(), made({ allowsConnections: false })).map(inShort)).toEqual([
      [undefined, 'delete: an interrupted run was dropping it'],
      [undefined, 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('what a run began to make is finished', () => {
    expect(database.diff(wanted(), made(half)).map(inShort)).toEqual([
      [undefined, 'create: finishing what another run began: UTF8, en_US.utf8'],
    ]);
  });

  test.each([
    ['unmarked', { mark: undefined }],
    ['of another role', { ownedByUs: false }],
    ['of another role, sealed', { ...half, ownedByUs: false }],
    [
      'of another repository',
      { mark: readMark({ ...(declared.mark ?? expect.unreachable()), repositoryId: '7' }) },
    ],
    [
      'of another pull request',
      { mark: readMark({ ...(declared.mark ?? expect.unreachable()), pullRequest: 7 }) },
    ],
  ])('one that is %s is neither used, reset, nor dropped', (_, more) => {
    for (const desired of [wanted(), wanted({ reset: 'true' }), only(database.desired(dropConfig()))])
      for (const allowsConnections of [true, false])
        expect(() => database.diff(desired, made({ ...more, allowsConnections }))).toThrow('(not-ours)');
  });

  test('unknown: nothing, to drop it neither', () => {
    expect(database.diff(wanted(), unseen)).toEqual([]);
    expect(database.diff(only(database.desired(dropConfig())), unseen)).toEqual([]);
  });

  test('drop: there: dropped; gone already: nothing', () => {
    const unwanted = only(database.desired(dropConfig()));
    expect(database.diff(unwanted, absent)).toEqual([]);
    for (const more of [{}, half, { allowsConnections: false }])
      expect(database.diff(unwanted, made(more)).map(inShort)).toEqual([
        ['unexpected', 'delete: of pull request #42'],
      ]);
  });
});

describe('right before it is dropped', () => {
  const { database: declared } = pullRequestConfig();
  const mark = declared.mark ?? expect.unreachable();
  const now = new Date('2026-02-03T04:05:06.789Z');
  const change = { resource: 'database', name: declared.name, action: 'delete', details: '' } as const;

  /** Whether a database that is by now as it is would still be dropped by the writer. */
  async function stillGoes(
    desired: Parameters<typeof database.apply>[2],
    byNow: FoundDatabase,
  ): Promise<boolean> {
    const asked: (boolean | undefined)[] = [];
    const writer: Pick<SqlWriter, 'dropDatabase'> = {
      async dropDatabase(_: DatabaseConfig, last) {
        asked.push(last?.(byNow));
        return 'applied';
      },
    };
    await database.apply(writer as SqlWriter, change, desired, undefined, present(madeFrom(declared)));
    return only(asked) === true;
  }

  test('reset: what another job’s reset made in the meantime is not dropped again', async () => {
    const reset = only(database.desired(pullRequestConfig({ reset: 'true' })));
    expect(await stillGoes(reset, madeFrom(declared))).toBe(true);
    expect(await stillGoes(reset, madeFrom(declared, { oid: '16385' }))).toBe(false);
  });

  test('drop: it goes, also where it was made anew in the meantime', async () => {
    const drop = only(database.desired(dropConfig()));
    expect(await stillGoes(drop, madeFrom(declared, { oid: '16385' }))).toBe(true);
  });

  test.each([
    ['an hour ago', -3_600_000, true],
    ['just now', 0, true],
    ['in a millisecond', 1, false],
    ['never', undefined, false],
  ])('sweep of what has expired: one that expires %s', async (_, after, goes) => {
    const swept = only(database.desired({ ...dropConfig(), expiredBy: now }));
    const expires = after === undefined ? undefined : new Date(now.getTime() + after);
    const outcome = stillGoes(swept, madeFrom(declared, { mark: readMark(mark, expires) }));
    if (goes) expect(await outcome).toBe(true);
    else expect(await thrownBy(outcome)).toMatchObject({ code: 'ensured-again' });
  });
});

describe('a database that belongs to somebody else', () => {
  const config = ensureConfig();
  const { 'per-pull-request': _, ...role } = perPullRequest;
  const withRole = ensureConfig(role, {}, push);
  const theirs = (more: Partial<FoundDatabase>) =>
    madeFrom(config.database, { owner: 'azuresu', ownedByUs: false, ...more });

  test('of which the administrator may do all it needs: no advice', () => {
    expect(ownerAdvice(config, theirs({}))).toBeUndefined();
  });

  test('in which it may not create: who can say what', () => {
    const advice = ownerAdvice(config, theirs({ mayCreate: false }));
    expect(advice).toContain("belongs to 'azuresu'");
    expect(advice).toContain('GRANT CREATE ON DATABASE "relecloud" TO "relecloud_admin"');
    // What the application role needs is looked at by itself.
    expect(ownerAdvice(withRole, theirs({ mayCreate: false }))).toBeUndefined();
  });

  test('which it may not even enter: an error that says what to do', () => {
    for (const each of [config, withRole])
      expect(() => ownerAdvice(each, theirs({ mayConnect: false }))).toThrow(
        /belongs to 'azuresu'.*GRANT CONNECT ON DATABASE "relecloud" TO "relecloud_admin".*\(database-refused\)/s,
      );
  });
});

test('it is observed by its name', async () => {
  const desired = database.desired(pullRequestConfig());
  const found = present(madeFrom(only(desired).database));
  expect(await database.observe(readerSeeing({ database: found }), desired)).toEqual([found]);
});
