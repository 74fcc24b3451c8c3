/** Characters of one text from outside that an error or a line of the log may have. */
export const MAX_TEXT_LENGTH = 1000;

/** Control characters other than line breaks and tabs, with the escape sequences that colour a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_CHARACTERS = /\u001b\[[0-?]*[ -/]*[@-~]|[\0-\b\v\f\r\u000e-\u001f\u007f-\u009f\u2028\u2029]/g;

/**
 * A text without escape sequences and control characters, each replaced by `\uFFFD`. Line breaks (always `\n`) and tabs
 * stay.
 */
export const replaceControlCharacters = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(CONTROL_CHARACTERS, '\uFFFD');

/**
 * A text from outside (Azure, Entra, GitHub, PostgreSQL, a file) as errors and the log show it: printable, and cut
 * between words where it is longer than `max` characters, with its whole length behind it.
 *
 * The runner masks a secret only where it stands whole. So a word is never split, however long it is, and a text that
 * is one long word is left out: of a secret without white space either all or nothing is shown. A secret with white
 * space in it (a passphrase) can be cut between its words, and then those before the cut are shown.
 * @param maxLength UTF-16 units of the text itself
 */
export function sanitizeText(text: string, maxLength = MAX_TEXT_LENGTH): string {
  if (text.length <= maxLength) return replaceControlCharacters(text);
  const truncated = text.slice(0, Math.max(0, text.slice(0, maxLength + 1).search(/\s\S*$/)));
  return `${replaceControlCharacters(truncated).trimEnd()} … (${text.length.toLocaleString('en-US')} characters in all)`.trimStart();
}
