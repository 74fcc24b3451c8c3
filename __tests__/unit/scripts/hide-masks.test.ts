import fc from 'fast-check';
import { expect } from 'vitest';
import { hideMasks } from '../../../scripts/live/hide-masks.ts';
import { test } from '../../helpers/unit/test.ts';

test('output without its masks has all other lines, regardless of how its chunks are split', () => {
  const lines = fc.array(
    fc.constantFrom('::add-mask::secret\n', 'plain\n', 'not ::add-mask:: at the start\n', '\n'),
  );
  fc.assert(
    fc.property(lines, fc.array(fc.nat()), (all, cuts) => {
      const text = all.join('');
      const points = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
      let written = '';
      const print = hideMasks((part) => {
        written += part;
      });
      for (const [i, point] of points.slice(1).entries()) print(text.slice(points[i], point));
      expect(written).toBe(all.filter((line) => !line.startsWith('::add-mask::')).join(''));
    }),
  );
});
