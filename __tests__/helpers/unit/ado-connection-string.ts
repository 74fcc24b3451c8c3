/**
 * A connection string as .NET's DbConnectionStringBuilder reads it: `key=value` separated by semicolons. A
 * value in double or single quotes contains the quote doubled. Any other value ends at the semicolon, is trimmed, does
 * not begin with a quote and is not empty. Keys are case-insensitive.
 */
export function readConnectionString(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  let rest = text;
  while (rest.trim() !== '') {
    const key = /^[\s;]*([^=;\s][^=;]*?)\s*=\s*/.exec(rest);
    if (key?.[1] === undefined) throw new Error(`no key at ${JSON.stringify(rest)}`);
    rest = rest.slice(key[0].length);
    const value = /^"((?:[^"\0]|"")*)"\s*(?:;|$)/.exec(rest) ?? /^'((?:[^'\0]|'')*)'\s*(?:;|$)/.exec(rest);
    const plain = /^(?!["'])([^;\0]*?)\s*(?:;|$)/.exec(rest);
    const [whole, inner = ''] = value ?? plain ?? [];
    if (whole === undefined) throw new Error(`no value at ${JSON.stringify(rest)}`);
    const quote = value ? rest.charAt(0) : '';
    pairs.set(key[1].toLowerCase(), quote === '' ? inner : inner.replaceAll(quote + quote, quote));
    rest = rest.slice(whole.length);
  }
  return pairs;
}
