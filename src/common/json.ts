export type JsonObject = Readonly<Record<string, unknown>>;

/** The value, if it is an object other than an array; undefined otherwise. */
export const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

/** The object that a text is in JSON; undefined for any other text. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}
