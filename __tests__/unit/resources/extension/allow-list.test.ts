import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addExtensions,
  isSimilarName,
  missingFromAllowList,
  parseAllowList,
} from '../../../../src/resources/extension/allow-list.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/).filter((each) => each !== 'plpgsql');
const anyCase = name.chain((each) => fc.constantFrom(each, each.toUpperCase()));
const separator = fc.constantFrom(',', ', ', ' ,', ',,', ',\n');
/** Values that ARM may return: in any case, with spaces and empty entries. */
const value = fc
  .array(fc.tuple(anyCase, separator), { maxLength: 6 })
  .map((entries) => entries.map(([entry, after]) => entry + after).join(''));
const required = fc.uniqueArray(name, { maxLength: 5 });

describe('adding extensions to the allow-list', () => {
  test('keeps the spelling and order of all entries, and appends the missing extensions', () => {
    fc.assert(
      fc.property(value, required, (before, names) => {
        const entries = parseAllowList(addExtensions(before, names));
        expect(entries.slice(0, parseAllowList(before).length)).toEqual(parseAllowList(before));
        expect(entries.slice(parseAllowList(before).length)).toEqual(missingFromAllowList(before, names));
      }),
    );
  });

  test('adds no extension twice', () => {
    fc.assert(
      fc.property(value, required, (before, names) => {
        const after = addExtensions(before, names);
        expect(missingFromAllowList(after, names)).toEqual([]);
        expect(addExtensions(after, names)).toBe(after);
      }),
    );
  });

  test.each([
    ['', ['pgcrypto'], 'pgcrypto'],
    ['PGCRYPTO', ['pgcrypto'], 'PGCRYPTO'],
    ['PGCRYPTO,UUID-OSSP', ['postgis', 'uuid-ossp'], 'PGCRYPTO,UUID-OSSP,postgis'],
    ['b,a', ['c', 'a'], 'b,a,c'],
    [' b , a ', ['c'], 'b,a,c'],
    ['pgcrypto_2', ['pgcrypto'], 'pgcrypto_2,pgcrypto'],
    ['a', [], 'a'],
  ])('%j with %j is %j', (before, names, after) => {
    expect(addExtensions(before, names)).toBe(after);
  });

  test('never adds plpgsql, which is in every database', () => {
    expect(missingFromAllowList('', ['plpgsql', 'pgcrypto'])).toEqual(['pgcrypto']);
  });
});

test.each([
  ['vector', 'pgvector', true],
  ['uuid-ossp', 'uuid_ossp', true],
  ['pg_trgm', 'PG-TRGM', true],
  ['postgis', 'postgis_raster', false],
])('%s is suggested for %s: %s', (offered, requested, expected) => {
  expect(isSimilarName(offered, requested)).toBe(expected);
});
