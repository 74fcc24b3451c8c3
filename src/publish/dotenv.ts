/** A dotenv file as python-dotenv reads it. */
export function formatDotenv(variables: ReadonlyMap<string, string>): string {
  return [...variables].map(([name, value]) => `${name}=${formatDotenvValue(value)}\n`).join('');
}

export function formatDotenvValue(value: string): string {
  if (/^[\w.:/@%+=?&,~^*!-]+$/.test(value)) return value;
  const quote = quoteCharacterFor(value);
  return `${quote}${escapeDotenvValue(value)}${quote}`;
}

/** Single quotes keep line breaks as they stand; a carriage return would not survive Python's reading of text files. */
const quoteCharacterFor = (value: string): string => (value.includes('\r') ? '"' : "'");

/**
 * What stands between the quotes: the quote and `\` are escaped (in double quotes a carriage return too). `${NAME}` is
 * expanded in both kinds of quotes, so `${` is written as the default of a nameless variable, `${:-$}{`; a closing
 * backslash likewise, since the parser would take the `\'` that it makes for a quote.
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
