import { describe, expect, test } from 'vitest';
import { interleave, interleavedMedians, measureNode, median } from '../../../../scripts/bench/interleave.ts';

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[7], 7],
  [[100, 20, 3], 20],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

describe('interleaved measurements', () => {
  test('run in turn, in the reverse order in every second round', async () => {
    const order: string[] = [];
    const measure = (name: string) => async () => order.push(name);
    const results = await interleave(3, { a: measure('a'), b: measure('b') });
    expect(order.join('')).toBe('abbaab');
    expect(results).toEqual({ a: [1, 4, 5], b: [2, 3, 6] });
  });

  test('return the median of each', async () => {
    const values = [5, 1, 9];
    const medians = await interleavedMedians(3, {
      varying: async () => values.shift() ?? 0,
      constant: async () => 2,
    });
    expect(medians).toEqual({ varying: 5, constant: 2 });
  });
});

describe('a measured process', () => {
  const run = (script: string) =>
    measureNode({ args: ['-e', script], env: { PATH: process.env['PATH'] }, exitCode: 3 });

  test('takes at least as long as its own timer', async () => {
    expect(await run('setTimeout(() => process.exit(3), 50)')).toBeGreaterThan(49);
  });

  test('that ends with another exit code is an error with its output', async () => {
    await expect(run('console.log("why"); console.error("and how"); process.exit(4)')).rejects.toThrow(
      /exited with 4 instead of 3:\n(why\nand how|and how\nwhy)\n$/,
    );
  });
});
