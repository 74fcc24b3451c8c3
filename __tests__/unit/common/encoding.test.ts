import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDotenv } from '../../../src/common/encoding.ts';
import { anyText, difficultPasswords } from '../../helpers/unit/arbitraries.ts';
import { readDotenv } from '../../helpers/unit/dotenv-reader.ts';
import dotenvRecords from '../../helpers/unit/dotenv-records.json' with { type: 'json' };

/**
 * Values that the real python-dotenv read, recorded by `record-dotenv.ts`, so that neither it nor Python has to be installed.
 * X was set, because a value that contains `${X}` must not be expanded.
 */
const recorded = dotenvRecords.files;

const toVariables = (values: readonly string[]): Map<string, string> =>
  new Map(values.map((value, i) => [`DB_${i}`, value]));

describe('dotenv files are quoted for python-dotenv', () => {
  test('every value is read back unchanged, also among others', () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 4 }), (values) => {
        const read = readDotenv(formatDotenv(toVariables(values)), { X: 'expanded' });
        expect([...read.values()]).toEqual(values);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(difficultPasswords)('so is the password %j, between others', (password) => {
    const values = toVariables(['before', password, "it's after"]);
    expect(readDotenv(formatDotenv(values))).toEqual(values);
  });

  test('plain values have no quotes, for other parsers', () => {
    const url =
      'postgresql://relecloud_admin:p%40ss@demo.postgres.database.azure.com:5432/relecloud?sslmode=require';
    expect(
      formatDotenv(
        new Map([
          ['DATABASE_URL', url],
          ['DB_PORT', '5432'],
        ]),
      ),
    ).toBe(`DATABASE_URL=${url}\nDB_PORT=5432\n`);
  });

  test('an empty value stays empty', () => {
    expect(
      readDotenv(
        formatDotenv(
          new Map([
            ['A', ''],
            ['B', 'b'],
          ]),
        ),
      ),
    ).toEqual(
      new Map([
        ['A', ''],
        ['B', 'b'],
      ]),
    );
  });

  test('the parser of these tests expands and unescapes as python-dotenv does', () => {
    expect(recorded.length).toBeGreaterThan(1);
    for (const { text, values } of recorded)
      expect(Object.fromEntries(readDotenv(text, { X: 'expanded' }))).toEqual(values);
  });

  test('the real python-dotenv reads every value back', () => {
    const { text, values } = recorded[1] ?? { text: '', values: {} };
    const given = Object.values(values);
    expect(given.slice(0, difficultPasswords.length)).toEqual(difficultPasswords);
    expect(given.length).toBeGreaterThan(300);
    // The quoting is the same as when the values were recorded. If this fails, record them again.
    expect(formatDotenv(toVariables(given))).toBe(text);
  });
});
