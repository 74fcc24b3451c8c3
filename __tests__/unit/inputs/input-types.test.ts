import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseList, parsePairs } from '../../../src/inputs/input-types.ts';

describe('lists', () => {
  test('have one item a line or between commas; # starts a comment line; blank items are ignored', () => {
    expect(parseList('a\n b , c\r\n# no, not this\n\n,d,\n  # nor this')).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a # inside an item is part of it', () => {
    expect(parseList('a#b\nc # d')).toEqual(['a#b', 'c # d']);
  });

  test('any items that are written as a list are parsed back', () => {
    const item = fc.stringMatching(/^[^,\s#][^,\r\n]{0,10}[^,\s]$/);
    fc.assert(
      fc.property(fc.array(item), fc.constantFrom('\n', '\r\n', ',', ' ,\n '), (items, separator) => {
        fc.pre(items.every((i) => i === i.trim()));
        expect(parseList(items.join(separator))).toEqual(items);
      }),
    );
  });

  test('pairs are name=value; a value can contain commas and equal signs, and can be empty', () => {
    const errors: string[] = [];
    const pairs = parsePairs('a = 1,2\nb==x\nc=\n# d=e', (error) => errors.push(error));
    expect([...pairs]).toEqual([
      ['a', '1,2'],
      ['b', '=x'],
      ['c', ''],
    ]);
    expect(errors).toEqual([]);
  });

  test('a line without a name and a name given twice are errors', () => {
    const errors: string[] = [];
    parsePairs('x\n=y\na=1\na=2', (error) => errors.push(error));
    expect(errors).toEqual([
      "'x' does not have the form name=value",
      "'=y' does not have the form name=value",
      "'a' is given twice",
    ]);
  });
});
