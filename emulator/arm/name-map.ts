/**
 * A map whose names compare without regard to case, as ARM compares those of resources, and show as they were first
 * written. Each look-up takes the same time, however many names there are.
 */
export class NameMap<Value> extends Map<string, Value> {
  readonly #spellings = new Map<string, string>();

  /** The name as it was first written; undefined where there is none. */
  spelling(name: string): string | undefined {
    return this.#spellings.get(name.toLowerCase());
  }

  override get(name: string): Value | undefined {
    return super.get(this.spelling(name) ?? name);
  }

  override has(name: string): boolean {
    return this.#spellings.has(name.toLowerCase());
  }

  override set(name: string, value: Value): this {
    const spelling = this.spelling(name) ?? name;
    this.#spellings.set(name.toLowerCase(), spelling);
    return super.set(spelling, value);
  }

  override delete(name: string): boolean {
    const spelling = this.spelling(name) ?? name;
    this.#spellings.delete(name.toLowerCase());
    return super.delete(spelling);
  }

  override clear(): void {
    this.#spellings.clear();
    super.clear();
  }
}
