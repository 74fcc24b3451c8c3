import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AZURE_SERVICES_RULE_NAME,
  creationSentinel,
  declaredRuleName,
  isPersistentRuleName,
  isTemporaryRuleName,
  isTemporaryRuleOfRun,
  parsePersistentRuleName,
  parseTemporaryRuleName,
  persistentRuleName,
  pullRequestName,
  temporaryRuleName,
} from '../../../src/common/resource-names.ts';
import { validateFirewallRuleName } from '../../../src/inputs/validators.ts';

/** The names that Azure's REST specification allows for firewall rules. */
const RULE_NAME = /^[a-zA-Z0-9][-_a-zA-Z0-9]{0,79}(?<!-)$/;

const id = fc.maxSafeNat().map(String);
const identity = fc.record({
  repositoryId: id,
  runId: id,
  runAttempt: fc.integer({ min: 1, max: 9999 }).map(String),
});
const random = fc.stringMatching(/^[0-9a-f]{10}$/);
const keptRuleName = (address: string): string =>
  persistentRuleName({ repositoryId: '4711', createdOn: '2026-11-26', address });
const range = fc.record({ start: fc.ipV4(), end: fc.ipV4() });

describe('names of firewall rules', () => {
  test('match the REST specification, and have at most 80 characters', () => {
    fc.assert(
      fc.property(identity, random, range, (run, part, addresses) => {
        const names = [
          temporaryRuleName(run, part),
          persistentRuleName({ ...run, createdOn: '2026-11-26', address: addresses.start }),
          declaredRuleName(addresses),
        ];
        for (const name of [...names, AZURE_SERVICES_RULE_NAME]) {
          expect(name).toMatch(RULE_NAME);
          expect(validateFirewallRuleName(name)).toBeUndefined();
        }
      }),
    );
  });

  test('match it also with the longest ids that the environment can contain', () => {
    const longest = '9'.repeat(20);
    const name = temporaryRuleName(
      { repositoryId: longest, runId: longest, runAttempt: longest },
      '0123456789',
    );
    expect(name).toMatch(RULE_NAME);
  });

  test('differ for different runs, attempts or random parts', () => {
    fc.assert(
      fc.property(identity, random, identity, random, (one, a, other, b) => {
        const same = JSON.stringify([one, a]) === JSON.stringify([other, b]);
        expect(temporaryRuleName(one, a) === temporaryRuleName(other, b)).toBe(same);
      }),
    );
  });

  test('identify the run of a temporary rule, also when ids contain each other', () => {
    fc.assert(
      fc.property(identity, identity, random, (one, other, part) => {
        const name = temporaryRuleName(one, part);
        expect(isTemporaryRuleName(name)).toBe(true);
        expect(isTemporaryRuleOfRun(one, name)).toBe(true);
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(isTemporaryRuleOfRun(other, name)).toBe(same);
      }),
    );
    const shifted = temporaryRuleName({ repositoryId: '1', runId: '23', runAttempt: '1' }, 'abcdefgh');
    expect(isTemporaryRuleOfRun({ repositoryId: '1', runId: '2', runAttempt: '3' }, shifted)).toBe(false);
    expect(isTemporaryRuleOfRun({ repositoryId: '12', runId: '3', runAttempt: '1' }, shifted)).toBe(false);
  });

  test('of persistent and declared rules never match those of temporary rules, which post removes', () => {
    fc.assert(
      fc.property(range, (addresses) => {
        expect(isTemporaryRuleName(keptRuleName(addresses.start))).toBe(false);
        expect(isTemporaryRuleName(declaredRuleName(addresses))).toBe(false);
      }),
    );
  });

  test('are equal for equal ranges, and differ for different ranges', () => {
    fc.assert(
      fc.property(range, range, (one, other) => {
        const same = one.start === other.start && one.end === other.end;
        expect(declaredRuleName(one) === declaredRuleName(other)).toBe(same);
        expect(keptRuleName(one.start) === keptRuleName(other.start)).toBe(one.start === other.start);
      }),
    );
  });
});

describe('parsePersistentRuleName', () => {
  const day = fc
    .date({ min: new Date('2000-01-01'), max: new Date('2999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10));
  const rule = fc.record({ repositoryId: id, createdOn: day, address: fc.ipV4() });

  test('returns repository, day and address of every name, in any case', () => {
    fc.assert(
      fc.property(rule, (given) => {
        const name = persistentRuleName(given);
        expect(isPersistentRuleName(name)).toBe(true);
        expect(parsePersistentRuleName(name)).toEqual(given);
        expect(parsePersistentRuleName(name.toUpperCase())).toEqual(given);
      }),
    );
  });

  test.each([
    'gha-kept-203-0-113-9',
    'gha-kept-4711-20260231-203-0-113-9',
    'gha-kept-4711-20261301-203-0-113-9',
    'gha-kept-4711-20261126-203-0-113-900',
    'gha-kept-4711-20261126-203-0-113-9-1',
    'gha-kept-4711-20261126-203-0-113-9\n',
    'gha-kept--20261126-203-0-113-9',
    'gha-temporary-4711-20261126-1-203-0-113-9',
  ])('returns undefined for another name: %j', (name) => {
    expect(parsePersistentRuleName(name)).toBeUndefined();
  });
});

describe('parseTemporaryRuleName', () => {
  const longId = fc.bigInt({ min: 0n, max: 99_999_999_999_999_999_999n }).map(String);
  const longIdentity = fc.record({ repositoryId: longId, runId: longId, runAttempt: longId });

  test('returns the run of a temporary rule', () => {
    fc.assert(
      fc.property(longIdentity, random, (run, part) => {
        expect(parseTemporaryRuleName(temporaryRuleName(run, part))).toEqual(run);
      }),
    );
  });

  test('returns a run only for a name that a rule of this run can have', () => {
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

  test('returns undefined for every other name', () => {
    const others = [
      keptRuleName('203.0.113.9'),
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

/** The names that Azure's REST specification allows for databases. */
const DATABASE_NAME = /^[a-zA-Z_][\w-]{0,62}$/;

const number = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 2_147_483_647 }));
const database = fc.oneof(
  fc.stringMatching(DATABASE_NAME),
  fc.stringMatching(/^[a-zA-Z_][\w-]{50,62}$/),
  // Names that already seem to have a number or a hash.
  fc
    .tuple(fc.stringMatching(/^[a-z]{1,40}$/), number, fc.stringMatching(/^(_[0-9a-f]{12})?$/))
    .map(([base, n, hash]) => `${base}_pr_${n}${hash}`.slice(0, 63)),
);
/** Names of roles have any characters except control characters, in 63 bytes. */
const role = fc
  .array(fc.constantFrom('a', ' ', '"', '_pr_1', 'é', '日本', '🐘', 'e\u0301'), {
    minLength: 1,
    maxLength: 40,
  })
  .map((parts) => parts.join(''))
  .filter((name) => Buffer.byteLength(name) <= 63);
const base = fc.oneof(database, role);

describe('names of pull requests’ databases and roles', () => {
  test('have at most 63 bytes, of whole characters', () => {
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

  test('are <base>_pr_<number> if that fits', () => {
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

  test('match the REST specification if the base does', () => {
    fc.assert(
      fc.property(database, number, (text, n) => {
        expect(pullRequestName(text, n)).toMatch(DATABASE_NAME);
      }),
    );
  });

  test('contain the number and begin like the base, also when they are shortened', () => {
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

  test('never change, so that other jobs and later versions find what this version has created', () => {
    expect(pullRequestName('customer-relations_with_a_name_that_fills_all_of_sixty_three_b', 1234)).toBe(
      'customer-relations_with_a_name_that_fills__pr_1234_8b58b7690058',
    );
  });

  test('differ for different inputs, also for similar bases', () => {
    /** A base and a number whose name is similar. */
    const similarTo = (text: string, n: number) =>
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
      .chain(([text, n]) => fc.tuple(fc.constant([text, n] as const), similarTo(text, n)));
    fc.assert(
      fc.property(pairs, ([one, other]) => {
        const same = one[0] === other[0] && one[1] === other[1];
        expect(pullRequestName(...one) === pullRequestName(...other)).toBe(same);
      }),
      { numRuns: 2000 },
    );
  });

  test('are never equal to the base', () => {
    fc.assert(
      fc.property(base, number, (text, n) => {
        expect(pullRequestName(text, n)).not.toBe(text);
        // Also if the base is the shortened name of another pull request.
        const name = pullRequestName(text, n);
        expect(pullRequestName(name, n)).not.toBe(name);
      }),
    );
  });
});

describe('the creation sentinel', () => {
  const part = fc.oneof(fc.string({ maxLength: 5 }), fc.integer());
  const parts = fc.array(part, { minLength: 1, maxLength: 5 });

  test('is a connection limit that PostgreSQL accepts, above the limit of every server', () => {
    fc.assert(
      fc.property(parts, (identity) => {
        const limit = creationSentinel(...identity);
        expect(Number.isInteger(limit)).toBe(true);
        expect(limit).toBeGreaterThanOrEqual(1_000_000_000);
        expect(limit).toBeLessThanOrEqual(2_073_741_823);
      }),
      { numRuns: 1000 },
    );
  });

  test('is equal only for equal identities', () => {
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

  test('never changes, so that later versions complete what this version has started', () => {
    expect(creationSentinel('relecloud_pr_42', 'pull-request', '123456789', 42, 'relecloud')).toBe(
      1_555_927_642,
    );
  });
});
