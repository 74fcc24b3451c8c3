import fc from 'fast-check';

/** Pieces that break naive quoting: each is a delimiter, an escape or an expansion somewhere. */
const specialFragments = [
  "'",
  '"',
  '\\',
  '`',
  '$',
  '${',
  '${X}',
  '${:-',
  '}',
  '#',
  ' #',
  ' ',
  '  ',
  '\t',
  '\n',
  '\r\n',
  '\r',
  '%',
  '%25',
  '%n',
  '@',
  ':',
  '/',
  '?',
  '&',
  '=',
  ';',
  '+',
  '|',
  '<b>',
  '--',
  '!',
  '(',
  ')',
  '*',
  ',',
  '[',
  '{',
  '~',
  '^',
  'é',
  '日本',
  '🐘',
];

/**
 * Any text that an environment variable can carry: no NUL, no lone surrogate; with many characters that break quoting.
 */
export const anyText = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...specialFragments) },
      { weight: 2, arbitrary: fc.string({ maxLength: 4 }) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 2 }) },
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((pieces) => pieces.join('').replaceAll('\0', ''))
  .filter((text) => text !== '');

/** Passwords with special characters, and the one of Microsoft's tutorial. */
export const difficultPasswords = [
  'VerySecurePassword!1',
  'p@ss:w/rd%25"\'$`\\ é',
  'two\nlines of it',
  'ends with a backslash\\',
  'two backslashes\\\\',
  "quote'and\\'escaped",
  'an ${EXPANSION} and ${A:-default}',
  'a # comment',
  ' spaces around ',
  'carriage\r\nreturn',
  'semi;colon=and"quotes"',
  '$(command) `substitution`',
];
