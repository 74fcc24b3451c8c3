/**
 * A map whose names compare without regard to case, as ARM compares those of resources, and show as they were first
 * written. Each look-up takes the same time, however many names there are.
 */
export class CaseInsensitiveMap<Value> extends Map<string, Value> {
  readonly #originalKeys = new Map<string, string>();

  /** The name as it was first written; undefined where there is none. */
  originalKey(name: string): string | undefined {
    return this.#originalKeys.get(name.toLowerCase());
  }

  override get(name: string): Value | undefined {
    return super.get(this.originalKey(name) ?? name);
  }

  override has(name: string): boolean {
    return this.#originalKeys.has(name.toLowerCase());
  }

  override set(name: string, value: Value): this {
    const spelling = this.originalKey(name) ?? name;
    this.#originalKeys.set(name.toLowerCase(), spelling);
    return super.set(spelling, value);
  }

  override delete(name: string): boolean {
    const spelling = this.originalKey(name) ?? name;
    this.#originalKeys.delete(name.toLowerCase());
    return super.delete(spelling);
  }

  override clear(): void {
    this.#originalKeys.clear();
    super.clear();
  }
}
