/** The server parameter that lists the extensions which may be created (facts.md §5). */
export const allowListParameter = 'azure.extensions';

/** Always there, and on no list. */
const builtIn = 'plpgsql';

/** The list's entries as they are spelt. */
export const listed = (value: string): readonly string[] =>
  value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** Which of the wanted are not on the list, whose spelling knows no case. */
export function missingIn(value: string, wanted: readonly string[]): readonly string[] {
  const there = new Set(listed(value).map((entry) => entry.toLowerCase()));
  return wanted.filter((name) => name !== builtIn && !there.has(name.toLowerCase()));
}

/** The list with the wanted at its end. */
export const withAdded = (value: string, wanted: readonly string[]): string =>
  [...listed(value), ...missingIn(value, wanted)].join(',');
