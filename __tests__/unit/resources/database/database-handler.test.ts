import { describe, expect, test } from 'vitest';
import type { FoundDatabase } from '../../../../src/postgres/sql-reader.ts';
import { absent, type Diff, present, unknown } from '../../../../src/reconcile/findings.ts';
import { sentinelOf } from '../../../../src/reconcile/ownership.ts';
import {
  checkDatabaseOwner,
  databaseHandler,
  databaseTeardownHandler,
} from '../../../../src/resources/database/database-handler.ts';
import {
  createFakeSqlReader,
  createFakeSqlWriter,
  databaseFromConfig,
  toParsedMarker,
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
/** The kind of the finding, and the change. */
const summarizeDiff = ({ finding, change }: Diff) => [
  finding?.kind,
  change && `${change.action}: ${change.details}`,
];

describe('a base database', () => {
  const desiredFrom = (inputs: InputValues = {}) => single(databaseHandler.desired(ensureConfig(inputs)));
  const { database: config } = ensureConfig();
  const existing = databaseFromConfig(config);

  test('that does not exist is created', () => {
    expect(single(databaseHandler.diff(desiredFrom(), absent))).toMatchObject({
      finding: { resource: 'database', name: 'relecloud', kind: 'missing' },
      change: { resource: 'database', name: 'relecloud', action: 'create', details: 'UTF8, en_US.utf8' },
    });
  });

  test('with a template is cloned, and a declared charset is compared as without one', () => {
    const clone = desiredFrom({ template: 'seeds', charset: 'LATIN1' });
    expect(single(databaseHandler.diff(clone, absent)).change?.details).toBe('clone of seeds');
    expect(single(databaseHandler.diff(clone, present(existing))).finding).toMatchObject({
      property: 'charset',
      expected: 'LATIN1',
      actual: 'UTF8',
    });
  });

  test.each([
    ['another charset', { charset: 'LATIN1' }, "charset is 'LATIN1', and the template has 'UTF8'"],
    [
      'another collation',
      { charset: 'utf8', collation: 'de_DE.utf8' },
      "collation is 'de_DE.utf8', and the template has 'en_US.utf8'",
    ],
    ['another spelling', { charset: 'utf-8', collation: 'en_US.UTF-8' }, undefined],
    ['nothing', {}, undefined],
  ])(
    'cannot be a clone of a template that has other values than the inputs: %s',
    async (_name, inputs, message) => {
      const template = { ...existing, name: 'seeds' };
      const reader = createFakeSqlReader({ database: present(template) });
      const observation = databaseHandler.observe(reader, [desiredFrom({ template: 'seeds', ...inputs })]);
      if (message === undefined) expect(await observation).toEqual([present(template)]);
      else expect(String(await errorOf(observation))).toContain(message);
    },
  );

  test.each([
    ['utf8', 'en_US.utf8'],
    ['UTF8', 'en_US.UTF-8'],
    ['utf-8', 'EN_us.utf8'],
    ['Unicode', 'en_US.UTF8'],
    ['UTF_8', 'en_US.utf-8'],
  ])('has no drift when only the spelling differs: %s, %s', (charset, collation) => {
    expect(databaseHandler.diff(desiredFrom({ charset, collation }), present(existing))).toEqual([]);
    expect(databaseHandler.diff(desiredFrom(), present({ ...existing, charset, collation }))).toEqual([]);
  });

  test.each([
    ['sql-ascii', 'POSIX', 'SQL_ASCII', 'C'],
    ['ISO-8859-1', 'posix', 'LATIN1', 'C'],
    ['windows-1252', 'C', 'WIN1252', 'POSIX'],
    ['koi8-r', 'ru_RU.KOI8-R', 'KOI8R', 'ru_RU.koi8r'],
    ['latin9', 'de_DE.ISO8859-15@euro', 'LATIN9', 'de_DE.iso885915@euro'],
  ])('has no drift when another name of PostgreSQL is declared: %s, %s', (charset, collation, ...actual) => {
    const [actualCharset = '', actualCollation = ''] = actual;
    const found = present({ ...existing, charset: actualCharset, collation: actualCollation });
    expect(databaseHandler.diff(desiredFrom({ charset, collation }), found)).toEqual([]);
  });

  test('with another charset or collation is reported, and never changed', () => {
    const diffs = databaseHandler.diff(
      desiredFrom({ charset: 'LATIN1', collation: 'de_DE.utf8' }),
      present(existing),
    );
    expect(diffs.map(({ finding }) => finding)).toMatchObject([
      { property: 'charset', expected: 'LATIN1', actual: 'UTF8', kind: 'changed' },
      { property: 'collation', expected: 'de_DE.utf8', actual: 'en_US.utf8', kind: 'changed' },
    ]);
    for (const diff of diffs) expect(diff).not.toHaveProperty('change');
  });

  test('of another owner is adopted', () => {
    const ofOtherOwner = { ...existing, isOwnedByAdmin: false, owner: 'azuresu', marker: undefined };
    expect(databaseHandler.diff(desiredFrom(), present(ofOtherOwner))).toEqual([]);
  });

  test('is never a pull request’s database, which a sweep would drop', () => {
    const marker = { kind: 'pull-request', repositoryId: '1', pullRequest: 7, base: 'x' } as const;
    const pullRequestDatabase = { ...existing, marker: toParsedMarker(marker) };
    expect(() => databaseHandler.diff(desiredFrom(), present(pullRequestDatabase))).toThrow(
      'created it for pull request #7',
    );
    expect(
      databaseHandler.diff(desiredFrom(), present({ ...pullRequestDatabase, isOwnedByAdmin: false })),
    ).toEqual([]);
  });

  test('with the creation sentinel is completed, but not if another role owns it', () => {
    const incomplete = { ...existing, connectionLimit: sentinelOf(config) };
    expect(databaseHandler.diff(desiredFrom(), present(incomplete)).map(summarizeDiff)).toEqual([
      [undefined, 'create: completing the creation that another run started: UTF8, en_US.utf8'],
    ]);
    expect(databaseHandler.diff(desiredFrom(), present({ ...incomplete, isOwnedByAdmin: false }))).toEqual(
      [],
    );
  });

  test('in an unknown state leads to no change', () => {
    expect(databaseHandler.diff(desiredFrom(), unknownObservation)).toEqual([]);
  });

  test('is not desired by a check without a database', () => {
    expect(databaseHandler.desired(checkConfig({ database: '' }))).toEqual([]);
  });

  test('is not desired by a teardown without a database', () => {
    expect(databaseTeardownHandler.desired({ database: undefined, roles: [], expiredBy: undefined })).toEqual(
      [],
    );
  });
});

describe('a pull request’s database', () => {
  const desiredFrom = (inputs: InputValues = {}) =>
    single(databaseHandler.desired(pullRequestConfig(inputs)));
  const { database: config } = pullRequestConfig();
  const marker = config.marker ?? expect.unreachable();
  const existing = (overrides: Partial<FoundDatabase> = {}) => present(databaseFromConfig(config, overrides));
  const incomplete = { marker: undefined, connectionLimit: sentinelOf(config) };

  test('that does not exist is created under its own name, also with reset', () => {
    expect(single(databaseHandler.diff(desiredFrom({ template: 'relecloud' }), absent)).change).toMatchObject(
      {
        name: 'relecloud_pr_42',
        action: 'create',
        details: 'clone of relecloud',
      },
    );
    expect(databaseHandler.diff(desiredFrom({ reset: 'true' }), absent).map(summarizeDiff)).toEqual([
      ['missing', 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('that exists is not changed, regardless of its charset, collation and expiry', () => {
    expect(databaseHandler.diff(desiredFrom(), existing())).toEqual([]);
    expect(databaseHandler.diff(desiredFrom({ charset: 'LATIN1' }), existing({ collation: 'C' }))).toEqual(
      [],
    );
    expect(
      databaseHandler.diff(desiredFrom(), existing({ marker: toParsedMarker(marker, new Date(0)) })),
    ).toEqual([]);
  });

  test('with reset is dropped and created again, without a finding', () => {
    expect(databaseHandler.diff(desiredFrom({ reset: 'true' }), existing()).map(summarizeDiff)).toEqual([
      [undefined, 'delete: reset'],
      [undefined, 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('whose drop was interrupted is dropped and created again', () => {
    expect(
      databaseHandler.diff(desiredFrom(), existing({ allowsConnections: false })).map(summarizeDiff),
    ).toEqual([
      [undefined, 'delete: its drop was interrupted'],
      [undefined, 'create: UTF8, en_US.utf8'],
    ]);
  });

  test('whose creation was interrupted is completed', () => {
    expect(databaseHandler.diff(desiredFrom(), existing(incomplete)).map(summarizeDiff)).toEqual([
      [undefined, 'create: completing the creation that another run started: UTF8, en_US.utf8'],
    ]);
  });

  test.each([
    ['unmarked', { marker: undefined }],
    ['of another role', { isOwnedByAdmin: false }],
    ['of another role, with the creation sentinel', { ...incomplete, isOwnedByAdmin: false }],
    ['of another repository', { marker: toParsedMarker({ ...marker, repositoryId: '7' }) }],
    ['of another pull request', { marker: toParsedMarker({ ...marker, pullRequest: 7 }) }],
  ])('that is %s is neither used, nor reset, nor dropped', (_, overrides) => {
    for (const desired of [desiredFrom(), desiredFrom({ reset: 'true' }), toDrop()])
      for (const allowsConnections of [true, false])
        expect(() => databaseHandler.diff(desired, existing({ ...overrides, allowsConnections }))).toThrow(
          '(not-owned)',
        );
  });

  test('in an unknown state is neither changed nor dropped', () => {
    expect(databaseHandler.diff(desiredFrom(), unknownObservation)).toEqual([]);
    expect(databaseHandler.diff(toDrop(), unknownObservation)).toEqual([]);
  });

  test('is dropped by mode drop if it exists', () => {
    const desired = toDrop();
    expect(databaseHandler.diff(desired, absent)).toEqual([]);
    for (const overrides of [{}, incomplete, { allowsConnections: false }])
      expect(databaseHandler.diff(desired, existing(overrides)).map(summarizeDiff)).toEqual([
        ['unexpected', 'delete: of pull request #42'],
      ]);
  });
});

describe('right before a drop, the database is read again', () => {
  const { database: config } = pullRequestConfig();
  const marker = config.marker ?? expect.unreachable();
  const now = new Date('2026-02-03T04:05:06.789Z');
  const change = { resource: 'database', name: config.name, action: 'delete', details: '' } as const;

  /** Whether the database that now has this state is dropped. */
  async function isDropped(
    desired: Parameters<typeof databaseHandler.apply>[2],
    current: FoundDatabase,
  ): Promise<boolean> {
    const { deps, statements } = createFakeSqlWriter({ database: present(current) });
    await databaseHandler.apply(deps, change, desired, undefined, present(databaseFromConfig(config)));
    return statements.includes('DROP DATABASE "relecloud_pr_42"');
  }

  test('a reset does not drop the database that the reset of another job has created', async () => {
    const reset = single(databaseHandler.desired(pullRequestConfig({ reset: 'true' })));
    expect(await isDropped(reset, databaseFromConfig(config))).toBe(true);
    expect(await isDropped(reset, databaseFromConfig(config, { oid: '16385' }))).toBe(false);
  });

  test('mode drop also drops a database that was created again in the meantime', async () => {
    const drop = toDrop();
    expect(await isDropped(drop, databaseFromConfig(config, { oid: '16385' }))).toBe(true);
  });

  test.each([
    ['an hour ago', -3_600_000, true],
    ['just now', 0, true],
    ['in a millisecond', 1, false],
    ['never', undefined, false],
  ])('a sweep drops it only if it has expired: it expires %s', async (_, after, expected) => {
    const swept = toDrop(now);
    const expires = after === undefined ? undefined : new Date(now.getTime() + after);
    const outcome = isDropped(swept, databaseFromConfig(config, { marker: toParsedMarker(marker, expires) }));
    if (expected) expect(await outcome).toBe(true);
    else expect(await errorOf(outcome)).toMatchObject({ code: 'renewed' });
  });
});

describe('a database of another owner', () => {
  const config = ensureConfig();
  const { 'per-pull-request': _, ...role } = perPullRequestInputs;
  const withRole = ensureConfig(role, {}, pushEvent);
  const ofOtherOwner = (overrides: Partial<FoundDatabase>) =>
    databaseFromConfig(config.database, { owner: 'azuresu', isOwnedByAdmin: false, ...overrides });

  test('gives no hint if the administrator has all privileges', () => {
    expect(checkDatabaseOwner(config, ofOtherOwner({}))).toBeUndefined();
  });

  test('gives a hint with the GRANT statement if the administrator has no CREATE', () => {
    const hint = checkDatabaseOwner(config, ofOtherOwner({ mayCreate: false }));
    expect(hint).toContain("is owned by 'azuresu'");
    expect(hint).toContain('GRANT CREATE ON DATABASE "relecloud" TO "relecloud_admin"');
    // The handler of the role's privileges checks what the application role needs.
    expect(checkDatabaseOwner(withRole, ofOtherOwner({ mayCreate: false }))).toBeUndefined();
  });

  test('is an error with the GRANT statement if the administrator has no CONNECT', () => {
    for (const ensured of [config, withRole])
      expect(() => checkDatabaseOwner(ensured, ofOtherOwner({ mayConnect: false }))).toThrow(
        /is owned by 'azuresu'.*GRANT CONNECT ON DATABASE "relecloud" TO "relecloud_admin".*\(database-failed\)/s,
      );
  });
});

test('the database is observed by its name', async () => {
  const desired = databaseHandler.desired(pullRequestConfig());
  const observed = present(databaseFromConfig(single(desired).database));
  expect(await databaseHandler.observe(createFakeSqlReader({ database: observed }), desired)).toEqual([
    observed,
  ]);
});
