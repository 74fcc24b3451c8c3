import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DatabaseMarker,
  markersMatch,
  parseMarker,
  type RoleMarker,
  serializeMarker,
} from '../../../src/common/ownership-marker.ts';

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

const anyDatabaseMarker: fc.Arbitrary<DatabaseMarker> = fc.record({
  kind: fc.constant('pull-request' as const),
  repositoryId,
  pullRequest,
  base: database,
});
const anyRoleMarker: fc.Arbitrary<RoleMarker> = fc.oneof(
  fc.record({ kind: fc.constant('pull-request' as const), repositoryId, pullRequest, base: role, database }),
  fc.record({ kind: fc.constant('base' as const), repositoryId, base: role, database }),
);
const anyMarker = fc.oneof(anyDatabaseMarker, anyRoleMarker);
const anyDate = fc.date({
  min: new Date('2000-01-01'),
  max: new Date('2100-01-01'),
  noInvalidDate: true,
});

/** One of each kind, as JSON has them. */
const pullRequestMarker = {
  madeBy: 'azure-postgresql-action',
  kind: 'pull-request',
  repositoryId: '123456789',
  pullRequest: 42,
  base: 'relecloud',
  expires: '2026-02-03T04:05:06.789Z',
};
const roleMarker = { ...pullRequestMarker, base: 'relecloud_app', database: 'relecloud', expires: undefined };
const { pullRequest: _, ...baseRoleMarker } = { ...roleMarker, kind: 'base' };
const exampleMarkers: readonly Readonly<Record<string, unknown>>[] = [
  pullRequestMarker,
  roleMarker,
  baseRoleMarker,
];
const withoutField = (mark: Readonly<Record<string, unknown>>, field: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(mark).filter(([name]) => name !== field));

/** For each field, values that look like it and are not. */
const invalidFieldValues: Readonly<Record<string, readonly unknown[]>> = {
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
      fc.property(anyMarker, fc.option(anyDate, { nil: undefined }), (mark, until) => {
        const expires = mark.kind === 'base' ? undefined : until;
        expect(parseMarker(serializeMarker(mark, expires))).toEqual({
          pullRequest: undefined,
          database: undefined,
          ...mark,
          expires,
        });
      }),
    );
  });

  test('it is one line of JSON that a person can read, and begins as those that are looked for', () => {
    expect(
      serializeMarker({ kind: 'pull-request', repositoryId: '1', pullRequest: 42, base: 'relecloud' }),
    ).toBe(
      '{"madeBy":"azure-postgresql-action","kind":"pull-request","repositoryId":"1","pullRequest":42,"base":"relecloud"}',
    );
  });

  test('the same mark is the same whatever its expiry, and no other is', () => {
    fc.assert(
      fc.property(anyMarker, anyMarker, fc.option(anyDate, { nil: undefined }), (one, other, until) => {
        const expires = one.kind === 'base' ? undefined : until;
        const read = parseMarker(serializeMarker(one, expires));
        expect(markersMatch(read, one)).toBe(true);
        expect(markersMatch(read, other)).toBe(JSON.stringify(one) === JSON.stringify(other));
        expect(markersMatch(undefined, one)).toBe(false);
      }),
    );
  });

  test('one other field makes it another mark', () => {
    const own: RoleMarker = {
      kind: 'pull-request',
      repositoryId: '1',
      pullRequest: 42,
      base: 'app',
      database: 'relecloud',
    };
    const { database: _of, ...ofDatabase } = own;
    const { pullRequest: _number, ...ofAll } = own;
    const others: readonly (DatabaseMarker | RoleMarker)[] = [
      { ...own, repositoryId: '2' },
      { ...own, pullRequest: 43 },
      { ...own, base: 'App' },
      { ...own, database: 'other' },
      { ...ofAll, kind: 'base' },
      ofDatabase,
    ];
    for (const other of others) {
      expect(markersMatch(parseMarker(serializeMarker(other)), own)).toBe(false);
      expect(markersMatch(parseMarker(serializeMarker(own)), other)).toBe(false);
    }
  });
});

describe('what marks say is data from outside, parsed strictly', () => {
  test('what the mutations start from is a mark', () => {
    for (const mark of exampleMarkers) expect(parseMarker(JSON.stringify(mark))).toBeDefined();
  });

  const cases = exampleMarkers.flatMap((mark) =>
    Object.entries(invalidFieldValues).flatMap(([field, values]) =>
      [null, ...values].map((value) => ({ kind: mark['kind'], of: mark, field, value })),
    ),
  );

  test.each(cases)('a mark of kind $kind whose $field is $value is none', ({ of, field, value }) => {
    expect(parseMarker(JSON.stringify({ ...of, [field]: value }))).toBeUndefined();
  });

  test('a field that has to be there may not lack', () => {
    for (const mark of exampleMarkers)
      for (const field of ['madeBy', 'kind', 'repositoryId', 'base'])
        expect(parseMarker(JSON.stringify(withoutField(mark, field))), field).toBeUndefined();
    expect(parseMarker(JSON.stringify(withoutField(pullRequestMarker, 'pullRequest')))).toBeUndefined();
  });

  test('a base’s mark has neither a pull request nor an expiry, or a sweep could take it for one', () => {
    expect(parseMarker(JSON.stringify({ ...baseRoleMarker, pullRequest: 42 }))).toBeUndefined();
    expect(
      parseMarker(JSON.stringify({ ...baseRoleMarker, expires: pullRequestMarker.expires })),
    ).toBeUndefined();
  });

  test.each(['2026-02-31T00:00:00.000Z', '2027-02-29T00:00:00.000Z', '2026-02-03T24:00:00.000Z'])(
    'a moment that is none is no expiry, which readers of dates would move to another day: %s',
    (expires) => {
      expect(parseMarker(JSON.stringify({ ...pullRequestMarker, expires }))).toBeUndefined();
    },
  );

  test('a field of its own makes it none, those that JavaScript knows better among them', () => {
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'Kind', 'pullrequest', 'version', ''),
    );
    fc.assert(
      fc.property(fc.constantFrom(...exampleMarkers), names, fc.jsonValue(), (mark, name, value) => {
        fc.pre(!(name in invalidFieldValues));
        const text = JSON.stringify(mark).replace(
          /\}$/,
          `,${JSON.stringify(name)}:${JSON.stringify(value)}}`,
        );
        expect(parseMarker(text)).toBeUndefined();
      }),
    );
  });

  test('a mark in a prototype is none', () => {
    expect(parseMarker(`{"__proto__":${JSON.stringify(pullRequestMarker)}}`)).toBeUndefined();
    expect(
      parseMarker(`{"madeBy":"azure-postgresql-action","__proto__":${JSON.stringify(pullRequestMarker)}}`),
    ).toBe(undefined);
  });

  test('a mark inside of something else is none', () => {
    for (const mark of exampleMarkers.map((each) => JSON.stringify(each)))
      for (const text of [
        `[${mark}]`,
        ` ${mark}`,
        `\ufeff${mark}`,
        `x${mark}`,
        `${mark}x`,
        `${mark}${mark}`,
        `{"mark":${mark}}`,
      ])
        expect(parseMarker(text), text).toBeUndefined();
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
          expect(parseMarker(text)).toBeUndefined();
        },
      ),
    );
    for (const comment of [undefined, null, '', '{', '{}', '[]', 'null', 'a note of a colleague'])
      expect(parseMarker(comment)).toBeUndefined();
  });

  test('a huge one is not even looked at, while the longest that is written fits', () => {
    expect(parseMarker(JSON.stringify({ ...pullRequestMarker, base: 'x'.repeat(1000) }))).toBeUndefined();
    const longest = '\\'.repeat(63);
    const mark = {
      kind: 'pull-request',
      pullRequest: 2_147_483_647,
      base: longest,
      database: 'x'.repeat(63),
    } as const;
    const text = serializeMarker({ ...mark, repositoryId: '9'.repeat(20) }, new Date());
    expect(parseMarker(text)?.base).toBe(longest);
  });
});
