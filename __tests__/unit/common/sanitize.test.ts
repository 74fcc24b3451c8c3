import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TEXT_LENGTH, replaceControlCharacters, sanitizeText } from '../../../src/common/sanitize.ts';

/** Characters that an error or a log line must not contain. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const CONTROL_CHARACTERS = /[\0-\b\v\f\r\u000e-\u001f\u007f-\u009f\u2028\u2029]/;

describe('an external text has a maximum length', () => {
  test('a long text is cut and followed by its length', () => {
    const text = sanitizeText('x '.repeat(1_700_000));
    expect(text).toBe(`${'x '.repeat(MAX_TEXT_LENGTH / 2)}… (3,400,000 characters in all)`);
  });

  test('no word is split, because a part of a secret would not be masked', () => {
    const secret = 'VerySecurePassword!1';
    for (let before = MAX_TEXT_LENGTH - 30; before < MAX_TEXT_LENGTH + 1; before += 1) {
      const text = sanitizeText(`${'y'.repeat(before)} ${secret} ${'z'.repeat(5000)}`);
      expect(text.replaceAll(secret, '')).not.toContain('Very');
    }
  });

  test.each([20, 250, 400, 999, 5000])('no word of %i characters is split, at any position', (length) => {
    const token = `eyJ${'abcdefghij'.repeat(500)}`.slice(0, length);
    for (let before = 0; before < MAX_TEXT_LENGTH + 1; before += 1) {
      const text = sanitizeText(`${'y'.repeat(before)} ${token} ${'z'.repeat(5000)}`);
      expect(text.replaceAll(token, '')).not.toContain('eyJ');
    }
    expect(sanitizeText(token.repeat(100))).toBe(
      `… (${(100 * length).toLocaleString('en-US')} characters in all)`,
    );
  });

  test('no character is split', () => {
    for (const before of ['', 'a ', 'ab '])
      expect(sanitizeText(before + '😀 '.repeat(2000)).isWellFormed()).toBe(true);
  });

  test('any text has no control characters except line breaks and tabs, and at most the maximum length', () => {
    const units = fc.string({ unit: 'binary', maxLength: 3 * MAX_TEXT_LENGTH });
    fc.assert(
      fc.property(units, (given) => {
        const text = sanitizeText(given);
        expect(text).not.toMatch(CONTROL_CHARACTERS);
        expect(text.length).toBeLessThan(MAX_TEXT_LENGTH + 50);
        if (given.length <= MAX_TEXT_LENGTH && !CONTROL_CHARACTERS.test(given)) expect(text).toBe(given);
      }),
    );
  });
});

test('escape sequences of terminals are replaced as a whole', () => {
  expect(replaceControlCharacters('\u001b[31mred\u001b[0m\u0007, a\tb\r\nc')).toBe(
    '\uFFFDred\uFFFD\uFFFD, a\tb\nc',
  );
});
