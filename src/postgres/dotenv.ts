/**
 * A dotenv file as python-dotenv reads it: values that are not plain stand in single quotes, where only `\\` and `\'`
 * are escapes and line breaks stand as they are. It expands `${NAME}` even there, so `${` is written as the default of
 * a nameless variable, `${:-$}{`; a closing backslash likewise, since its parser would take `\'` for a quote.
 */
export function dotenv(variables: ReadonlyMap<string, string>): string {
  return [...variables].map(([name, value]) => `${name}=${dotenvValue(value)}\n`).join('');
}

export function dotenvValue(value: string): string {
  if (/^[\w.:/@%+=?&,~^*!-]+$/.test(value)) return value;
  const inner = value
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll('${', '${:-$}{')
    .replace(/\\\\$/, '${:-\\\\}');
  return `'${inner}'`;
}
