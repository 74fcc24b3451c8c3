/**
 * A list input: one item a line, commas too where an item has none; `#` starts a comment line (contract.md).
 * @param allowCommas whether commas separate items as well
 */
export function parseList(text: string, allowCommas = true): string[] {
  return text
    .split(/\r?\n/)
    .filter((line) => !line.trim().startsWith('#'))
    .flatMap((line) => (allowCommas ? line.split(',') : [line]))
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/**
 * `name=value` lines; the value may hold commas and equal signs, and may be empty.
 * @param onError told a sentence for each line that has no name or repeats one
 */
export function parsePairs(text: string, onError: (sentence: string) => void): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const line of parseList(text, false)) {
    const separatorIndex = line.indexOf('=');
    const name = line.slice(0, separatorIndex).trim();
    if (separatorIndex < 1 || name === '') onError(`'${line}' is not of the form name=value`);
    else if (pairs.has(name)) onError(`'${name}' is given twice`);
    else pairs.set(name, line.slice(separatorIndex + 1).trim());
  }
  return pairs;
}
