/** A control call that says of GitHub what cannot be; the message names it. */
export class GitHubStateError extends Error {
  override readonly name = 'GitHubStateError';
}

/**
 * The value if it is one of these, undefined for undefined.
 * @throws {GitHubStateError} for any other.
 */
export function parseEnum<T extends string>(
  value: unknown,
  values: readonly T[],
  label: string,
): T | undefined {
  if (value === undefined) return undefined;
  const found = values.find((each) => each === value);
  if (found === undefined) {
    throw new GitHubStateError(`${label} is one of ${values.join(', ')}, not ${JSON.stringify(value)}.`);
  }
  return found;
}

/**
 * The number that an object's key is.
 * @throws {GitHubStateError} for a key that is none.
 */
export function parseNumberKey(text: string, label: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new GitHubStateError(`${label} is named by its number, not '${text}'.`);
}

/** An object's entries that say something, so that they can be laid over others. */
export function omitUndefinedEntries<T extends object>(
  entries: { [K in keyof T]?: T[K] | undefined },
): Partial<T> {
  const kept = Object.entries(entries).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as Partial<T>;
}
