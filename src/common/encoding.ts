import { lazyPattern } from './lazy-pattern.ts';
/**
 * Percent-encodes a text for the user, the password or the path of a URL, and for a value of its query. Plain are the
 * unreserved characters of RFC 3986 and `!*,`, which every parser of connection URLs reads as they are; fewer `%` also help
 * formats that give `%` a meaning, such as the ini file of Alembic. The other characters that RFC 3986 permits are encoded:
 * some parser, or an unquoted shell word, gives each of them a meaning.
 */
export const percentEncode = (text: string): string =>
  encodeURIComponent(text)
    .replace(/['()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2C', ',');

/** As {@link percentEncode}, for a path in a query, whose `/` and `:` may be plain. */
export const percentEncodePath = (path: string): string =>
  percentEncode(path).replaceAll('%2F', '/').replaceAll('%3A', ':');

/**
 * Which programs read a value of a dotenv file correctly.
 * - `all`: python-dotenv, Node.js, `source` of a shell, and `docker run --env-file`
 * - `quoted`: these without docker, which does not remove quotes
 * - `python-dotenv`: it alone, because no form has the same meaning for the others
 */
export type DotenvReaders = 'all' | 'quoted' | 'python-dotenv';

/** A dotenv file; each value in the form that most readers read correctly. */
export function formatDotenv(variables: ReadonlyMap<string, string>): string {
  return [...variables].map(([name, value]) => `${name}=${formatDotenvValue(value).text}\n`).join('');
}

/** The readers of a value as {@link formatDotenv} writes it. */
export const dotenvReaders = (value: string): DotenvReaders => formatDotenvValue(value).readers;

const PLAIN_VALUE = lazyPattern('^[\\p{L}\\p{N}_.:/@%+=?,^*!-]*$');

function formatDotenvValue(value: string): { readonly text: string; readonly readers: DotenvReaders } {
  if (PLAIN_VALUE().test(value)) return { text: value, readers: 'all' };
  // python-dotenv expands `${NAME}` in both kinds of quotes. Python's text mode converts a carriage return.
  if (!/\$\{|\r/.test(value)) {
    // Nothing is escaped in single quotes, except `\\` and `\'` for python-dotenv.
    if (!/'|\\\\|\\$/.test(value)) return { text: `'${value}'`, readers: 'quoted' };
    if (!/["\\$`]/.test(value)) return { text: `"${value}"`, readers: 'quoted' };
  }
  const quote = quoteCharacterFor(value);
  return { text: `${quote}${escapeDotenvValue(value)}${quote}`, readers: 'python-dotenv' };
}

/** Single quotes preserve line breaks, but only double quotes can escape a carriage return. */
const quoteCharacterFor = (value: string): string => (value.includes('\r') ? '"' : "'");

/**
 * The text between the quotes, for python-dotenv alone. The quote and `\` are escaped, and in double quotes a carriage
 * return. `${` is written as the default value of an empty name, `${:-$}{`. A final backslash is written in the same way,
 * because the parser would read the `\'` at the end as an escaped quote.
 */
export function escapeDotenvValue(value: string): string {
  const quote = quoteCharacterFor(value);
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\r', '\\r')
    .replaceAll('${', '${:-$}{')
    .replace(/\\\\$/, '${:-\\\\}');
}
