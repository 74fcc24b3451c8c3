import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AZURE_SERVICES_RULE_NAME,
  declaredRuleName,
  isTemporaryRuleName,
  isTemporaryRuleOfRun,
  persistentRuleName,
  temporaryRuleName,
} from '../../../src/common/resource-names.ts';
import { validateFirewallRuleName } from '../../../src/inputs/validators.ts';

/** The expression of Azure's REST specification. */
const specification = /^[a-zA-Z0-9][-_a-zA-Z0-9]{0,79}(?<!-)$/;

const id = fc.maxSafeNat().map(String);
const identity = fc.record({
  repositoryId: id,
  runId: id,
  runAttempt: fc.integer({ min: 1, max: 9999 }).map(String),
});
const random = fc.stringMatching(/^[0-9a-f]{10}$/);
const range = fc.record({ start: fc.ipV4(), end: fc.ipV4() });

describe('names of firewall rules', () => {
  test('every name that is made fits the specification, in 80 characters', () => {
    fc.assert(
      fc.property(identity, random, range, (who, part, addresses) => {
        const names = [
          temporaryRuleName(who, part),
          persistentRuleName(addresses.start),
          declaredRuleName(addresses),
        ];
        for (const name of [...names, AZURE_SERVICES_RULE_NAME]) {
          expect(name).toMatch(specification);
          expect(validateFirewallRuleName(name)).toBeUndefined();
        }
      }),
    );
  });

  test('also with the longest ids that are taken from the environment', () => {
    const longest = '9'.repeat(20);
    const name = temporaryRuleName(
      { repositoryId: longest, runId: longest, runAttempt: longest },
      '0123456789',
    );
    expect(name).toMatch(specification);
  });

  test('distinct runs, attempts or random parts never share a rule', () => {
    fc.assert(
      fc.property(identity, random, identity, random, (one, a, other, b) => {
        const same = JSON.stringify([one, a]) === JSON.stringify([other, b]);
        expect(temporaryRuleName(one, a) === temporaryRuleName(other, b)).toBe(same);
      }),
    );
  });

  test("a run's rule is its own and nobody else's, also where ids run into each other", () => {
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

  test('kept and declared rules bear another prefix, so no post takes them for temporary', () => {
    fc.assert(
      fc.property(range, (addresses) => {
        expect(isTemporaryRuleName(persistentRuleName(addresses.start))).toBe(false);
        expect(isTemporaryRuleName(declaredRuleName(addresses))).toBe(false);
      }),
    );
  });

  test('the same range gives the same name, another range another', () => {
    fc.assert(
      fc.property(range, range, (one, other) => {
        const same = one.start === other.start && one.end === other.end;
        expect(declaredRuleName(one) === declaredRuleName(other)).toBe(same);
        expect(persistentRuleName(one.start) === persistentRuleName(other.start)).toBe(
          one.start === other.start,
        );
      }),
    );
  });
});
