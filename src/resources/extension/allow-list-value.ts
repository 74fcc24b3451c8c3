/** The server parameter that lists the extensions which may be created (facts.md §5). */
export const ALLOW_LIST_PARAMETER = 'azure.extensions';

/** Always there, and on no list. */
const BUILT_IN_EXTENSION = 'plpgsql';

/** The list's entries as they are spelt. */
export const parseAllowList = (value: string): readonly string[] =>
  value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** Which of the wanted are not on the list, whose spelling knows no case. */
export function missingFromAllowList(value: string, extensions: readonly string[]): readonly string[] {
  const allowed = new Set(parseAllowList(value).map((entry) => entry.toLowerCase()));
  return extensions.filter((name) => name !== BUILT_IN_EXTENSION && !allowed.has(name.toLowerCase()));
}

/** The list with the wanted at its end. */
export const addExtensions = (value: string, extensions: readonly string[]): string =>
  [...parseAllowList(value), ...missingFromAllowList(value, extensions)].join(',');
