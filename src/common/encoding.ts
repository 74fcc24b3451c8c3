/** Percent-encodes every character except the unreserved ones of RFC 3986; encodeURIComponent leaves five others. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A dotenv file, quoted for python-dotenv. */
export function formatDotenv(variables: ReadonlyMap<string, string>): string {
  return [...variables].map(([name, value]) => `${name}=${formatDotenvValue(value)}\n`).join('');
}

function formatDotenvValue(value: string): string {
  if (/^[\w.:/@%+=?&,~^*!-]+$/.test(value)) return value;
  const quote = quoteCharacterFor(value);
  return `${quote}${escapeDotenvValue(value)}${quote}`;
}

/** Single quotes preserve line breaks, but Python's text mode converts a carriage return, which double quotes can escape. */
const quoteCharacterFor = (value: string): string => (value.includes('\r') ? '"' : "'");

/**
 * The text between the quotes. The quote and `\` are escaped, and in double quotes a carriage return. python-dotenv
 * expands `${NAME}` in both kinds of quotes, so `${` is written as the default value of an empty name, `${:-$}{`. A final
 * backslash is written in the same way, because the parser would read the `\'` at the end as an escaped quote.
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
