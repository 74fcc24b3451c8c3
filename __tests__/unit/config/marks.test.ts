import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DatabaseMark,
  isSameMark,
  markText,
  parseMark,
  type RoleMark,
} from '../../../src/config/marks.ts';

const repositoryId = fc.bigInt({ min: 0n, max: 99_999_999_999_999_999_999n }).map(String);
const pullRequest = fc.integer({ min: 1, max: 2_147_483_647 });
const database = fc.stringMatching(/^[a-zA-Z_][\w-]{0,62}$/);
/** As PostgreSQL takes them, also those that JSON has to escape. */
const role = fc
  .array(fc.constantFrom('a', '"', '\\', "'", '{', '}', ' ', 'é', '🐘', '\u2028'), {
    minLength: 1,
    maxLength: 63,
  })
  .map((parts) => parts.join(''))
  .filter((name) => Buffer.byteLength(name) <= 63);

const databaseMark: fc.Arbitrary<DatabaseMark> = fc.record({
  kind: fc.constant('pull-request' as const),
  repositoryId,
  pullRequest,
  base: database,
});
const roleMark: fc.Arbitrary<RoleMark> = fc.oneof(
  fc.record({ kind: fc.constant('pull-request' as const), repositoryId, pullRequest, base: role, database }),
  fc.record({ kind: fc.constant('base' as const), repositoryId, base: role, database }),
);
const anyMark = fc.oneof(databaseMark, roleMark);
const moment = fc.date({
  min: new Date('2000-01-01'),
  max: new Date('2100-01-01'),
  noInvalidDate: true,
});

/** One of each kind, as JSON has them. */
const ofPullRequest = {
  madeBy: 'azure-postgresql-action',
  kind: 'pull-request',
  repositoryId: '123456789',
  pullRequest: 42,
  base: 'relecloud',
  expires: '2026-02-03T04:05:06.789Z',
};
const ofRole = { ...ofPullRequest, base: 'relecloud_app', database: 'relecloud', expires: undefined };
const { pullRequest: _, ...ofBase } = { ...ofRole, kind: 'base' };
const marks: readonly Readonly<Record<string, unknown>>[] = [ofPullRequest, ofRole, ofBase];
const without = (mark: Readonly<Record<string, unknown>>, field: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(mark).filter(([name]) => name !== field));

/** For each field, values that look like it and are not. */
const wrong: Readonly<Record<string, readonly unknown[]>> = {
  madeBy: ['Azure-PostgreSQL-Action', 'azure-postgresql-action ', '', ['azure-postgresql-action'], true],
  kind: ['Pull-Request', 'pull_request', 'pull-request ', '', ['pull-request'], 0, {}],
  repositoryId: [123456789, '', '12a', '-1', ' 1', '1\n', '1.0', '１', '9'.repeat(21), ['1'], true],
  pullRequest: ['42', 0, -1, 4.2, 2 ** 53, [42], {}, true, ''],
  base: ['', 7, ['relecloud'], {}, true],
  database: ['', 7, ['relecloud'], {}, true],
  expires: [
    '',
    0,
    1_770_091_506_789,
    true,
    'tomorrow',
    '2026-02-03',
    '2026-02-03T04:05:06Z',
    '2026-02-03T04:05:06.789',
    '2026-02-03T04:05:06.789z',
    '2026-02-03 04:05:06.789Z',
    '2026-02-03T04:05:06.789+00:00',
    '2026-02-03T05:05:06.789+01:00',
    '+002026-02-03T04:05:06.789Z',
    'Tue, 03 Feb 2026 04:05:06 GMT',
    '2026-13-03T04:05:06.789Z',
    '2026-02-03T25:05:06.789Z',
    ' 2026-02-03T04:05:06.789Z',
    '2026-02-03T04:05:06.789Z\n',
    ['2026-02-03T04:05:06.789Z'],
  ],
};

describe('Marks: our name, kind, repository id, pull request, expiry', () => {
  test('what is written is read again', () => {
    fc.assert(
      fc.property(anyMark, fc.option(moment, { nil: undefined }), (mark, until) => {
        const expires = mark.kind === 'base' ? undefined : until;
        expect(parseMark(markText(mark, expires))).toEqual({
          pullRequest: undefined,
          database: undefined,
          ...mark,
          expires,
        });
      }),
    );
  });

  test('it is one line of JSON that a person can read, and begins as those that are looked for', () => {
    expect(markText({ kind: 'pull-request', repositoryId: '1', pullRequest: 42, base: 'relecloud' })).toBe(
      '{"madeBy":"azure-postgresql-action","kind":"pull-request","repositoryId":"1","pullRequest":42,"base":"relecloud"}',
    );
  });

  test('the same mark is the same whatever its expiry, and no other is', () => {
    fc.assert(
      fc.property(anyMark, anyMark, fc.option(moment, { nil: undefined }), (one, other, until) => {
        const expires = one.kind === 'base' ? undefined : until;
        const read = parseMark(markText(one, expires));
        expect(isSameMark(read, one)).toBe(true);
        expect(isSameMark(read, other)).toBe(JSON.stringify(one) === JSON.stringify(other));
        expect(isSameMark(undefined, one)).toBe(false);
      }),
    );
  });

  test('one other field makes it another mark', () => {
    const own: RoleMark = {
      kind: 'pull-request',
      repositoryId: '1',
      pullRequest: 42,
      base: 'app',
      database: 'relecloud',
    };
    const { database: _of, ...ofDatabase } = own;
    const { pullRequest: _number, ...ofAll } = own;
    const others: readonly (DatabaseMark | RoleMark)[] = [
      { ...own, repositoryId: '2' },
      { ...own, pullRequest: 43 },
      { ...own, base: 'App' },
      { ...own, database: 'other' },
      { ...ofAll, kind: 'base' },
      ofDatabase,
    ];
    for (const other of others) {
      expect(isSameMark(parseMark(markText(other)), own)).toBe(false);
      expect(isSameMark(parseMark(markText(own)), other)).toBe(false);
    }
  });
});

describe('what marks say is data from outside, parsed strictly', () => {
  test('what the mutations start from is a mark', () => {
    for (const mark of marks) expect(parseMark(JSON.stringify(mark))).toBeDefined();
  });

  const cases = marks.flatMap((mark) =>
    Object.entries(wrong).flatMap(([field, values]) =>
      [null, ...values].map((value) => ({ kind: mark['kind'], of: mark, field, value })),
    ),
  );

  test.each(cases)('a mark of kind $kind whose $field is $value is none', ({ of, field, value }) => {
    expect(parseMark(JSON.stringify({ ...of, [field]: value }))).toBeUndefined();
  });

  test('a field that has to be there may not lack', () => {
    for (const mark of marks)
      for (const field of ['madeBy', 'kind', 'repositoryId', 'base'])
        expect(parseMark(JSON.stringify(without(mark, field))), field).toBeUndefined();
    expect(parseMark(JSON.stringify(without(ofPullRequest, 'pullRequest')))).toBeUndefined();
  });

  test('a base’s mark has neither a pull request nor an expiry, or a sweep could take it for one', () => {
    expect(parseMark(JSON.stringify({ ...ofBase, pullRequest: 42 }))).toBeUndefined();
    expect(parseMark(JSON.stringify({ ...ofBase, expires: ofPullRequest.expires }))).toBeUndefined();
  });

  test.each(['2026-02-31T00:00:00.000Z', '2027-02-29T00:00:00.000Z', '2026-02-03T24:00:00.000Z'])(
    'a moment that is none is no expiry, which readers of dates would move to another day: %s',
    (expires) => {
      expect(parseMark(JSON.stringify({ ...ofPullRequest, expires }))).toBeUndefined();
    },
  );

  test('a field of its own makes it none, those that JavaScript knows better among them', () => {
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'Kind', 'pullrequest', 'version', ''),
    );
    fc.assert(
      fc.property(fc.constantFrom(...marks), names, fc.jsonValue(), (mark, name, value) => {
        fc.pre(!(name in wrong));
        const text = JSON.stringify(mark).replace(
          /\}$/,
          `,${JSON.stringify(name)}:${JSON.stringify(value)}}`,
        );
        expect(parseMark(text)).toBeUndefined();
      }),
    );
  });

  test('a mark in a prototype is none', () => {
    expect(parseMark(`{"__proto__":${JSON.stringify(ofPullRequest)}}`)).toBeUndefined();
    expect(
      parseMark(`{"madeBy":"azure-postgresql-action","__proto__":${JSON.stringify(ofPullRequest)}}`),
    ).toBe(undefined);
  });

  test('a mark inside of something else is none', () => {
    for (const mark of marks.map((each) => JSON.stringify(each)))
      for (const text of [
        `[${mark}]`,
        ` ${mark}`,
        `\ufeff${mark}`,
        `x${mark}`,
        `${mark}x`,
        `${mark}${mark}`,
        `{"mark":${mark}}`,
      ])
        expect(parseMark(text), text).toBeUndefined();
  });

  test('no other comment is one, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"a":${json}}`),
        ),
        (text) => {
          expect(parseMark(text)).toBeUndefined();
        },
      ),
    );
    for (const comment of [undefined, null, '', '{', '{}', '[]', 'null', 'a note of a colleague'])
      expect(parseMark(comment)).toBeUndefined();
  });

  test('a huge one is not even looked at, while the longest that is written fits', () => {
    expect(parseMark(JSON.stringify({ ...ofPullRequest, base: 'x'.repeat(1000) }))).toBeUndefined();
    const longest = '\\'.repeat(63);
    const mark = {
      kind: 'pull-request',
      pullRequest: 2_147_483_647,
      base: longest,
      database: 'x'.repeat(63),
    } as const;
    const text = markText({ ...mark, repositoryId: '9'.repeat(20) }, new Date());
    expect(parseMark(text)?.base).toBe(longest);
  });
});
