/** UTF-16 units of an external text that an error or a log line can contain. */
export const MAX_TEXT_LENGTH = 1000;

/** Control characters except line breaks and tabs, and the escape sequences of terminals. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const CONTROL_CHARACTERS = /\u001b\[[0-?]*[ -/]*[@-~]|[\0-\b\v\f\r\u000e-\u001f\u007f-\u009f\u2028\u2029]/g;

/**
 * Replaces each escape sequence and control character with `\uFFFD`. Tabs and line breaks (always `\n`) stay.
 */
export const replaceControlCharacters = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(CONTROL_CHARACTERS, '\uFFFD');

/**
 * Makes an external text (from Azure, Entra, GitHub, PostgreSQL, a file) printable for errors and the log. A text that
 * is longer than `maxLength` is cut between words and followed by its length.
 *
 * The runner masks only complete secrets, so a word is never split, and a text of one long word is omitted: a secret
 * without white space is shown completely or not at all. A secret with white space, such as a passphrase, can be cut
 * between its words, and then the words before the cut are shown.
 * @param maxLength UTF-16 units, without the appended length
 */
export function sanitizeText(text: string, maxLength = MAX_TEXT_LENGTH): string {
  if (text.length <= maxLength) return replaceControlCharacters(text);
  const truncated = text.slice(0, Math.max(0, text.slice(0, maxLength + 1).search(/\s\S*$/)));
  return `${replaceControlCharacters(truncated).trimEnd()} … (${text.length.toLocaleString('en-US')} characters in all)`.trimStart();
}
