/** A control call that asks for something invalid. The message names the field or the value. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/**
 * A value that must be one of `values`; undefined stays undefined.
 * @param label names the value in the error, such as `An issue's state`.
 * @throws {ControlError} for any other value.
 */
export function parseEnum<T extends string>(
  value: unknown,
  values: readonly T[],
  label: string,
): T | undefined {
  if (value === undefined) return undefined;
  const found = values.find((each) => each === value);
  if (found === undefined) {
    throw new ControlError(`${label} must be one of ${values.join(', ')}, not ${JSON.stringify(value)}.`);
  }
  return found;
}

/**
 * An object key that must be a positive integer.
 * @throws {ControlError} for any other key.
 */
export function parseNumberKey(text: string, label: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new ControlError(`The key of ${label} must be its number, not '${text}'.`);
}
