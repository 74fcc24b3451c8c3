/**
 * A map whose keys are compared without regard to case, like the names of resources in ARM. It keeps the spelling with which
 * a key was set first. A lookup takes constant time.
 */
export class CaseInsensitiveMap<Value> extends Map<string, Value> {
  readonly #originalKeys = new Map<string, string>();

  /** The spelling with which this key was set first, or undefined for an unknown key. */
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
