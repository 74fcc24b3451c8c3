import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AZURE_SERVICES_RULE_NAME,
  creationSentinel,
  declaredRuleName,
  parseTemporaryRuleName,
  persistentRuleName,
  pullRequestName,
  temporaryRuleName,
} from '../../../src/common/resource-names.ts';

/** The expression of Azure's REST specification for databases. */
const specification = /^[a-zA-Z_][\w-]{0,62}$/;

const number = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 2_147_483_647 }));
const database = fc.oneof(
  fc.stringMatching(specification),
  fc.stringMatching(/^[a-zA-Z_][\w-]{50,62}$/),
  // Those that look as if they had a number or a hash already.
  fc
    .tuple(fc.stringMatching(/^[a-z]{1,40}$/), number, fc.stringMatching(/^(_[0-9a-f]{12})?$/))
    .map(([base, n, hash]) => `${base}_pr_${n}${hash}`.slice(0, 63)),
);
/** Roles may have any characters but control characters, in 63 bytes. */
const role = fc
  .array(fc.constantFrom('a', ' ', '"', '_pr_1', 'é', '日本', '🐘', 'e\u0301'), {
    minLength: 1,
    maxLength: 40,
  })
  .map((parts) => parts.join(''))
  .filter((name) => Buffer.byteLength(name) <= 63);
const base = fc.oneof(database, role);

describe('names are deterministic, at most 63 bytes, with a hash where they are cut', () => {
  test('at most 63 bytes, of whole characters', () => {
    fc.assert(
      fc.property(base, number, (text, n) => {
        const name = pullRequestName(text, n);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
        expect(name.isWellFormed()).toBe(true);
        expect(Buffer.from(name).toString()).toBe(name);
      }),
      { numRuns: 500 },
    );
  });

  test('<base>_pr_<number> wherever that fits', () => {
    fc.assert(
      fc.property(base, number, (text, n) => {
        const whole = `${text}_pr_${n}`;
        const name = pullRequestName(text, n);
        if (Buffer.byteLength(whole) <= 63) expect(name).toBe(whole);
        else expect(name).not.toBe(whole);
      }),
    );
    expect(pullRequestName('x'.repeat(58), 1)).toBe(`${'x'.repeat(58)}_pr_1`);
    expect(pullRequestName('x'.repeat(58), 12)).not.toContain('x'.repeat(58));
  });

  test('ARM takes it as it takes the base', () => {
    fc.assert(
      fc.property(database, number, (text, n) => {
        expect(pullRequestName(text, n)).toMatch(specification);
      }),
    );
  });

  test('also where it is cut, it names the pull request, and begins as the base does', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{63}$/), number, (text, n) => {
        const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
        const name = pullRequestName(text, n);
        expect(name.endsWith(`_pr_${n}_${hash}`)).toBe(true);
        expect(name).toHaveLength(63);
        expect(text.startsWith(name.slice(0, 63 - `_pr_${n}_${hash}`.length))).toBe(true);
      }),
    );
  });

  test('teardown in another job, or by a later version, needs no state: the name stays what it is', () => {
    expect(pullRequestName('customer-relations_with_a_name_that_fills_all_of_sixty_three_b', 1234)).toBe(
      'customer-relations_with_a_name_that_fills__pr_1234_8b58b7690058',
    );
  });

  test('distinct inputs never share a name, whatever the bases look like', () => {
    /** Another base and number that come as near as names can. */
    const near = (text: string, n: number) =>
      fc.oneof(
        fc.tuple(base, number),
        fc.tuple(
          fc
            .constantFrom(
              text,
              pullRequestName(text, n),
              `${text}_pr_${n}`,
              `${text}_pr`,
              text.slice(0, -1),
              `${text.slice(0, -1)}~`,
              `${text}_`,
              pullRequestName(text, n).slice(0, -5),
              pullRequestName(text, n).replace(/_pr_\d+(_[0-9a-f]{12})?$/, ''),
            )
            .filter((other) => Buffer.byteLength(other) <= 63),
          fc.oneof(fc.constant(n), number),
        ),
      );
    const pairs = fc
      .tuple(base, number)
      .chain(([text, n]) => fc.tuple(fc.constant([text, n] as const), near(text, n)));
    fc.assert(
      fc.property(pairs, ([one, other]) => {
        const same = one[0] === other[0] && one[1] === other[1];
        expect(pullRequestName(...one) === pullRequestName(...other)).toBe(same);
      }),
      { numRuns: 2000 },
    );
  });

  test('a pull request’s name is never its base', () => {
    fc.assert(
      fc.property(base, number, (text, n) => {
        expect(pullRequestName(text, n)).not.toBe(text);
        // Nor where the base is what another pull request's name was cut to.
        const name = pullRequestName(text, n);
        expect(pullRequestName(name, n)).not.toBe(name);
      }),
    );
  });
});

describe('the seal of a database that is being made', () => {
  const part = fc.oneof(fc.string({ maxLength: 5 }), fc.integer());
  const parts = fc.array(part, { minLength: 1, maxLength: 5 });

  test('is a connection limit beyond every server’s, and one that PostgreSQL takes', () => {
    fc.assert(
      fc.property(parts, (whose) => {
        const limit = creationSentinel(...whose);
        expect(Number.isInteger(limit)).toBe(true);
        expect(limit).toBeGreaterThanOrEqual(1_000_000_000);
        expect(limit).toBeLessThanOrEqual(2_073_741_823);
      }),
      { numRuns: 1000 },
    );
  });

  test('is the same in every job, and another for everything else', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(creationSentinel(...one) === creationSentinel(...other)).toBe(same);
      }),
    );
    expect(creationSentinel('a', 'b')).not.toBe(creationSentinel('ab'));
    expect(creationSentinel('a","b')).not.toBe(creationSentinel('a', 'b'));
    expect(creationSentinel('1')).not.toBe(creationSentinel(1));
  });

  test('a later version finishes what this one has begun: the seal stays what it is', () => {
    expect(creationSentinel('relecloud_pr_42', 'pull-request', '123456789', 42, 'relecloud')).toBe(
      1_555_927_642,
    );
  });
});

describe('sweep: whose run a temporary rule belongs to', () => {
  const id = fc.bigInt({ min: 0n, max: 99_999_999_999_999_999_999n }).map(String);
  const identity = fc.record({ repositoryId: id, runId: id, runAttempt: id });
  const random = fc.stringMatching(/^[0-9a-f]{10}$/);

  test('its name tells it', () => {
    fc.assert(
      fc.property(identity, random, (run, part) => {
        expect(parseTemporaryRuleName(temporaryRuleName(run, part))).toEqual(run);
      }),
    );
  });

  test('a name tells it only where it is the very name that this run’s rule would have', () => {
    const part = fc.constantFrom('1', '23', '0', 'ab', 'A', '_', ' ', '\n', '');
    const names = fc
      .tuple(fc.constantFrom('', 'x-'), fc.array(part, { minLength: 3, maxLength: 5 }))
      .map(([before, parts]) => `${before}gha-temporary-${parts.join('-')}`);
    fc.assert(
      fc.property(names, (name) => {
        const run = parseTemporaryRuleName(name);
        if (run === undefined) return;
        expect(temporaryRuleName(run, name.split('-').at(-1) ?? '')).toBe(name);
      }),
      { numRuns: 2000, examples: [['gha-temporary-1-2-3-x']] },
    );
  });

  test('no other name tells any', () => {
    const others = [
      persistentRuleName('203.0.113.9'),
      declaredRuleName({ start: '203.0.113.9', end: '203.0.113.10' }),
      AZURE_SERVICES_RULE_NAME,
      'gha-temporary-',
      'gha-temporary-1-2-3',
      'gha-temporary-1-2-3-',
      'gha-temporary-1-2-x-abc',
      'gha-temporary-1--3-abc',
      'gha-temporary-1-2-3-abc-d',
      'gha-temporary-1-2-3-abc\n',
      'x-gha-temporary-1-2-3-abc',
      '',
    ];
    for (const name of others) expect(parseTemporaryRuleName(name), name).toBeUndefined();
  });
});
