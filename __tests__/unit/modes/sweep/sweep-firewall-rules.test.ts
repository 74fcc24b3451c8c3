import { describe, expect, test } from 'vitest';
import { decideOnPersistentRule } from '../../../../src/modes/sweep/sweep-firewall-rules.ts';
import { repository, sweepConfig } from '../../../helpers/unit/test-configs.ts';

const byAge = { 'kept-rules-older-than': '30d' };
const address = '203.0.113.9';
const own = (day: string): string => `gha-kept-${repository.id}-${day}-203-0-113-9`;
const decide = (given: Record<string, string>, name: string, start = address, end = start) =>
  decideOnPersistentRule(sweepConfig(given), { name, start, end }, new Date('2026-11-26T12:00:00Z'));

describe('a persistent rule is swept', () => {
  test.each([
    ['from the age on, counted from the end of its day', '20261026', 'delete'],
    ['not before', '20261027', 'skip'],
    ['not from a later day, as a wrong clock may give', '20271026', 'skip'],
  ])('%s', (_, day, action) => {
    expect(decide(byAge, own(day))?.action).toBe(action);
  });

  test.each<
    readonly [string, Record<string, string>, readonly [string, string?, string?], RegExp | undefined]
  >([
    [
      'without kept-rules-older-than',
      {},
      [own('20200101')],
      /created on 2020-01-01.*kept-rules-older-than is not/,
    ],
    ['of an earlier version', byAge, ['gha-kept-203-0-113-9'], /no repository and no day/],
    [
      'with a changed range',
      byAge,
      [own('20200101'), '203.0.113.0', '203.0.113.255'],
      /changed to 203.0.113.0-/,
    ],
    ['with another address', byAge, [own('20200101'), '203.0.113.10'], /changed to 203.0.113.10/],
    ['of another repository', byAge, ['gha-kept-1-20200101-203-0-113-9'], undefined],
    ['that is declared by range', { ...byAge, 'allowed-ip-ranges': address }, [own('20200101')], undefined],
    ['that is not a kept one', byAge, ['office'], undefined],
  ])('never one %s', (_, given, rule, reason) => {
    expect(decide(given, ...rule)).toEqual(
      reason && { action: 'skip', reason: expect.stringMatching(reason) },
    );
  });
});
