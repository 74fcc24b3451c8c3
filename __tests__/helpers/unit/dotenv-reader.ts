/**
 * python-dotenv's reader, after its grammar (its parser.py and variables.py): bindings of unquoted, single- and
 * double-quoted values with their own escapes, then `${NAME}` and `${NAME:-default}` expanded in all of them.
 * A file is opened with universal newlines, as Python opens text.
 */
export function readDotenv(file: string, env: Readonly<Record<string, string>> = {}): Map<string, string> {
  const text = file.replace(/\r\n?/g, '\n');
  const values = new Map<string, string>();
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray => {
    const sticky = new RegExp(pattern.source, 'yu');
    sticky.lastIndex = position;
    const match = sticky.exec(text);
    if (match === null)
      throw new Error(`could not parse at ${JSON.stringify(text.slice(position, position + 40))}`);
    position = sticky.lastIndex;
    return match;
  };
  for (;;) {
    take(/\s*/);
    if (position >= text.length) return values;
    if (text[position] === '#') {
      take(/[^\n]*/);
      continue;
    }
    take(/(?:export[^\S\n]+)?/);
    const key = take(/([^=#\s]+)/)[1] ?? '';
    take(/[^\S\n]*=[^\S\n]*/);
    values.set(key, expandVariables(readValue(text[position] ?? '', take), values, env));
    take(/(?:[^\S\n]*#[^\n]*)?/);
    take(/[^\S\n]*(?:\n|$)/);
  }
}

const doubleQuoteEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function readValue(first: string, take: (pattern: RegExp) => RegExpExecArray): string {
  if (first === "'") return (take(/'((?:\\'|[^'])*)'/)[1] ?? '').replace(/\\([\\'])/g, '$1');
  if (first === '"') {
    const inner = take(/"((?:\\"|[^"])*)"/)[1] ?? '';
    return inner.replace(/\\([\\'"abfnrtv])/g, (_, c: string) => doubleQuoteEscapes[c] ?? c);
  }
  return (take(/([^\n]*)/)[1] ?? '').replace(/\s+#.*/, '').trimEnd();
}

function expandVariables(
  value: string,
  definedValues: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string>>,
): string {
  return value.replace(
    /\$\{([^}:]*)(?::-([^}]*))?\}/g,
    (_, name: string, defaultValue = '') => definedValues.get(name) ?? env[name] ?? defaultValue,
  );
}
