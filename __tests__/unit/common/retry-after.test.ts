import { describe, expect, test } from 'vitest';
import { parseRetryAfter } from '../../../src/common/retry-after.ts';

describe('Retry-After in milliseconds', () => {
  const now = Date.parse('Thu, 26 Nov 2026 12:00:00 GMT');

  test.each([
    ['7', 7000],
    [' 0 ', 0],
    ['1.5', 1500],
    ['Thu, 26 Nov 2026 12:00:20 GMT', 20_000],
    ['Thursday, 26-Nov-26 12:00:20 GMT', 20_000],
    ['Thu, 26 Nov 2026 11:59:50 GMT', -10_000],
  ])('%s: %i', (header, milliseconds) => {
    expect(parseRetryAfter(header, now)).toBe(milliseconds);
  });

  test.each(['', 'soon', '-5', 'in 5 minutes', '1e3', null, undefined])('%s: unreadable', (header) => {
    expect(parseRetryAfter(header, now)).toBeUndefined();
  });
});
