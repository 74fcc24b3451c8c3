import { describe, expect, test } from 'vitest';
import { countRounds } from '../../../../scripts/bench/rounds.ts';

/** A request from one millisecond to another. */
const request = (start: number, end: number | null) => ({
  at: new Date(start).toISOString(),
  answeredAt: end === null ? null : new Date(end).toISOString(),
});

describe('the rounds of requests', () => {
  test.each<[what: string, requests: ReturnType<typeof request>[], rounds: number]>([
    ['are none without a request', [], 0],
    ['count requests at once as one', [request(0, 50), request(1, 51), request(2, 52)], 1],
    [
      'count each request that waits for another one',
      [request(0, 50), request(50, 100), request(110, 160)],
      3,
    ],
    ['do not depend on the order of the list', [request(110, 160), request(0, 50), request(50, 100)], 3],
    [
      'are those of the longest chain',
      [request(0, 200), request(0, 50), request(60, 110), request(120, 190)],
      3,
    ],
    ['do not count a request without an answer', [request(0, 50), request(60, null)], 1],
  ])('%s', (_, requests, rounds) => {
    expect(countRounds(requests)).toBe(rounds);
  });
});
