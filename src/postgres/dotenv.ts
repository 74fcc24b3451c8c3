/** A dotenv file as python-dotenv reads it. */
export function dotenv(variables: ReadonlyMap<string, string>): string {
  return [...variables].map(([name, value]) => `${name}=${dotenvValue(value)}\n`).join('');
}

export function dotenvValue(value: string): string {
  if (/^[\w.:/@%+=?&,~^*!-]+$/.test(value)) return value;
  const quote = quoteFor(value);
  return `${quote}${dotenvQuoted(value)}${quote}`;
}

/** Single quotes keep line breaks as they stand; a carriage return would not survive Python's reading of text files. */
const quoteFor = (value: string): string => (value.includes('\r') ? '"' : "'");

/**
 * What stands between the quotes: the quote and `\` are escaped (in double quotes a carriage return too). `${NAME}` is
 * expanded in both kinds of quotes, so `${` is written as the default of a nameless variable, `${:-$}{`; a closing
 * backslash likewise, since the parser would take the `\'` that it makes for a quote.
 */
export function dotenvQuoted(value: string): string {
  const quote = quoteFor(value);
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\r', '\\r')
    .replaceAll('${', '${:-$}{')
    .replace(/\\\\$/, '${:-\\\\}');
}
