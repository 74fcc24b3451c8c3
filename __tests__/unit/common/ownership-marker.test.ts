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
/** Names that PostgreSQL accepts, including characters that JSON escapes. */
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

/** One marker of each kind, as its JSON fields. */
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
const withoutField = (marker: Readonly<Record<string, unknown>>, field: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(marker).filter(([name]) => name !== field));

/** For each field, values that are similar to valid ones. */
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

describe('an ownership marker', () => {
  test('is parsed to what was serialized', () => {
    fc.assert(
      fc.property(anyMarker, fc.option(anyDate, { nil: undefined }), (marker, anyExpiry) => {
        const expires = marker.kind === 'base' ? undefined : anyExpiry;
        expect(parseMarker(serializeMarker(marker, expires))).toEqual({
          pullRequest: undefined,
          database: undefined,
          ...marker,
          expires,
        });
      }),
    );
  });

  test('of a base role can record the membership of a migration, and nothing that is similar to it', () => {
    const marker = { kind: 'base', repositoryId: '1', base: 'app', database: 'relecloud' } as const;
    for (const before of [null, { inherit: false, set: true }])
      expect(parseMarker(serializeMarker({ ...marker, migrationMembership: { before } }))).toMatchObject({
        ...marker,
        migrationMembership: { before },
      });
    const invalid = [null, true, {}, [], { before: true }, { before: {} }, { before: { inherit: true } }];
    const more = [{ before: null, after: null }, { before: { inherit: 'true', set: true } }];
    for (const migrationMembership of [...invalid, ...more])
      expect(parseMarker(JSON.stringify({ ...baseRoleMarker, migrationMembership }))).toBeUndefined();
    for (const other of [pullRequestMarker, roleMarker])
      expect(
        parseMarker(JSON.stringify({ ...other, migrationMembership: { before: null } })),
      ).toBeUndefined();
  });

  test('is one line of JSON that begins with {, which the queries for markers filter by', () => {
    expect(
      serializeMarker({ kind: 'pull-request', repositoryId: '1', pullRequest: 42, base: 'relecloud' }),
    ).toBe(
      '{"madeBy":"azure-postgresql-action","kind":"pull-request","repositoryId":"1","pullRequest":42,"base":"relecloud"}',
    );
  });

  test('matches only an equal marker, regardless of its expiry', () => {
    fc.assert(
      fc.property(anyMarker, anyMarker, fc.option(anyDate, { nil: undefined }), (one, other, anyExpiry) => {
        const expires = one.kind === 'base' ? undefined : anyExpiry;
        const parsed = parseMarker(serializeMarker(one, expires));
        expect(markersMatch(parsed, one)).toBe(true);
        expect(markersMatch(parsed, other)).toBe(JSON.stringify(one) === JSON.stringify(other));
        expect(markersMatch(undefined, one)).toBe(false);
      }),
    );
  });

  test('does not match if one field differs', () => {
    const own: RoleMarker = {
      kind: 'pull-request',
      repositoryId: '1',
      pullRequest: 42,
      base: 'app',
      database: 'relecloud',
    };
    const { database: _database, ...databaseMarker } = own;
    const { pullRequest: _number, ...withoutPullRequest } = own;
    const others: readonly (DatabaseMarker | RoleMarker)[] = [
      { ...own, repositoryId: '2' },
      { ...own, pullRequest: 43 },
      { ...own, base: 'App' },
      { ...own, database: 'other' },
      { ...withoutPullRequest, kind: 'base' },
      databaseMarker,
    ];
    for (const other of others) {
      expect(markersMatch(parseMarker(serializeMarker(other)), own)).toBe(false);
      expect(markersMatch(parseMarker(serializeMarker(own)), other)).toBe(false);
    }
  });
});

describe('a comment is untrusted input that is parsed strictly', () => {
  test('the examples, before they are changed, are markers', () => {
    for (const marker of exampleMarkers) expect(parseMarker(JSON.stringify(marker))).toBeDefined();
  });

  const cases = exampleMarkers.flatMap((marker) =>
    Object.entries(invalidFieldValues).flatMap(([field, values]) =>
      [null, ...values].map((value) => ({ kind: marker['kind'], marker, field, value })),
    ),
  );

  test.each(cases)('a $kind marker whose $field is $value is rejected', ({ marker, field, value }) => {
    expect(parseMarker(JSON.stringify({ ...marker, [field]: value }))).toBeUndefined();
  });

  test('a marker without a required field is rejected', () => {
    for (const marker of exampleMarkers)
      for (const field of ['madeBy', 'kind', 'repositoryId', 'base'])
        expect(parseMarker(JSON.stringify(withoutField(marker, field))), field).toBeUndefined();
    expect(parseMarker(JSON.stringify(withoutField(pullRequestMarker, 'pullRequest')))).toBeUndefined();
  });

  test('a marker of a base database with a pull request or an expiry is rejected, so that no sweep drops it', () => {
    expect(parseMarker(JSON.stringify({ ...baseRoleMarker, pullRequest: 42 }))).toBeUndefined();
    expect(
      parseMarker(JSON.stringify({ ...baseRoleMarker, expires: pullRequestMarker.expires })),
    ).toBeUndefined();
  });

  test.each(['2026-02-31T00:00:00.000Z', '2027-02-29T00:00:00.000Z', '2026-02-03T24:00:00.000Z'])(
    'an expiry that does not exist, and that Date would move to another day, is rejected: %s',
    (expires) => {
      expect(parseMarker(JSON.stringify({ ...pullRequestMarker, expires }))).toBeUndefined();
    },
  );

  test('a marker with an additional field is rejected, also one of Object.prototype', () => {
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'Kind', 'pullrequest', 'version', ''),
    );
    fc.assert(
      fc.property(fc.constantFrom(...exampleMarkers), names, fc.jsonValue(), (marker, name, value) => {
        fc.pre(!(name in invalidFieldValues));
        const text = JSON.stringify(marker).replace(
          /\}$/,
          `,${JSON.stringify(name)}:${JSON.stringify(value)}}`,
        );
        expect(parseMarker(text)).toBeUndefined();
      }),
    );
  });

  test('a marker in a prototype is rejected', () => {
    expect(parseMarker(`{"__proto__":${JSON.stringify(pullRequestMarker)}}`)).toBeUndefined();
    expect(
      parseMarker(`{"madeBy":"azure-postgresql-action","__proto__":${JSON.stringify(pullRequestMarker)}}`),
    ).toBe(undefined);
  });

  test('a marker inside other text is rejected', () => {
    for (const json of exampleMarkers.map((marker) => JSON.stringify(marker)))
      for (const text of [
        `[${json}]`,
        ` ${json}`,
        `\ufeff${json}`,
        `x${json}`,
        `${json}x`,
        `${json}${json}`,
        `{"marker":${json}}`,
      ])
        expect(parseMarker(text), text).toBeUndefined();
  });

  test('every other comment is rejected', () => {
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

  test('a comment over 1,000 characters is rejected, and the longest marker is shorter', () => {
    expect(parseMarker(JSON.stringify({ ...pullRequestMarker, base: 'x'.repeat(1000) }))).toBeUndefined();
    const longest = '\\'.repeat(63);
    const marker = {
      kind: 'pull-request',
      pullRequest: 2_147_483_647,
      base: longest,
      database: 'x'.repeat(63),
    } as const;
    const text = serializeMarker({ ...marker, repositoryId: '9'.repeat(20) }, new Date());
    expect(parseMarker(text)?.base).toBe(longest);
  });
});
