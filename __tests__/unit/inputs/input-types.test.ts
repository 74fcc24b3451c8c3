import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseList, parsePairs } from '../../../src/inputs/input-types.ts';

describe('lists', () => {
  test('one item a line, commas work too, # starts a comment line, blank ones are nothing', () => {
    expect(parseList('a\n b , c\r\n# no, not this\n\n,d,\n  # nor this')).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a # within an item is part of it', () => {
    expect(parseList('a#b\nc # d')).toEqual(['a#b', 'c # d']);
  });

  test('whatever the items, the list that is written line by line is read back', () => {
    const item = fc.stringMatching(/^[^,\s#][^,\r\n]{0,10}[^,\s]$/);
    fc.assert(
      fc.property(fc.array(item), fc.constantFrom('\n', '\r\n', ',', ' ,\n '), (items, separator) => {
        fc.pre(items.every((i) => i === i.trim()));
        expect(parseList(items.join(separator))).toEqual(items);
      }),
    );
  });

  test('tags and server-parameters are name=value; a value may hold commas, equal signs, or nothing', () => {
    const faults: string[] = [];
    const pairs = parsePairs('a = 1,2\nb==x\nc=\n# d=e', (fault) => faults.push(fault));
    expect([...pairs]).toEqual([
      ['a', '1,2'],
      ['b', '=x'],
      ['c', ''],
    ]);
    expect(faults).toEqual([]);
  });

  test('a line without a name, or a name given twice, is a fault each', () => {
    const faults: string[] = [];
    parsePairs('x\n=y\na=1\na=2', (fault) => faults.push(fault));
    expect(faults).toEqual([
      "'x' does not have the form name=value",
      "'=y' does not have the form name=value",
      "'a' is given twice",
    ]);
  });
});
