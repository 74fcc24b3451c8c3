import { getErrorMessage } from '../action-error.ts';

/** Indents the lines after the first, for an item of a list. */
const indentLines = (text: string): string => text.replaceAll('\n', '\n    ');

/** One line for each of the first `max` items, and the number of the others. */
export const truncateList = (items: readonly string[], max: number): string =>
  [...items.slice(0, max), ...(items.length > max ? [`… and ${items.length - max} more`] : [])]
    .map((item) => `\n  - ${item}`)
    .join('');

/**
 * Messages of errors as items of a list; those of an `ActionError` completely, because their texts are limited already.
 */
export const formatErrors = (errors: readonly Error[]): readonly string[] =>
  errors.map((error) => indentLines(getErrorMessage(error)));

/** For items that a user corrects one by one. */
export const longList = (items: readonly string[]): string => truncateList(items, 100);

/** For items that the outputs list in full. */
export const shortList = (items: readonly string[]): string => truncateList(items, 20);
