import { parseList, parsePairs } from './lists.ts';

/** Raw text of an input by its name in action.yml, untrimmed; empty where it was not given. */
export type RawInput = (name: string) => string;

/** Inputs that hold secrets: read without trimming, masked, and never quoted in a message. */
export const secretInputs = ['admin-password', 'client-secret'] as const;

/**
 * Reads inputs by kind and gathers every fault, so that all of them are named in one error.
 * A reader that finds a fault returns undefined and goes on.
 */
export class Inputs {
  readonly faults: string[] = [];
  readonly #raw: RawInput;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(raw: RawInput, env: Readonly<Record<string, string | undefined>>) {
    this.#raw = raw;
    this.#env = env;
  }

  fault(sentence: string): undefined {
    this.faults.push(sentence);
  }

  /** Trimmed text, undefined where empty. */
  text(name: string): string | undefined {
    return this.#raw(name).trim() || undefined;
  }

  /** As the input, else as the environment variable says. */
  textOrEnv(name: string, variable: string): string | undefined {
    return this.text(name) ?? (this.#env[variable]?.trim() || undefined);
  }

  required(name: string, why: string): string {
    const text = this.text(name);
    if (text === undefined) this.fault(`${name} is missing: ${why}`);
    return text ?? '';
  }

  /** Untrimmed: a secret may begin or end with a space. */
  secret(name: string, variable?: string): string | undefined {
    const secret = this.#raw(name) || (variable && this.#env[variable]) || undefined;
    if (secret?.includes('\0'))
      this.fault(`${name} contains a NUL character, which no environment can carry`);
    return secret;
  }

  choice<C extends string>(name: string, choices: readonly C[]): C | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const choice = choices.find((c) => c.toLowerCase() === text.toLowerCase());
    return choice ?? this.fault(`${name} is '${text}', but must be one of: ${choices.join(', ')}`);
  }

  /** YAML 1.2's booleans, as @actions/core takes them. */
  boolean(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^(true|True|TRUE)$/.test(text)) return true;
    if (/^(false|False|FALSE)$/.test(text)) return false;
    return this.fault(`${name} is '${text}', but must be true or false`);
  }

  /** A number from `least` to `most`, whole unless `fraction`. */
  number(name: string, least: number, most: number, fraction = false): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most && (fraction || Number.isInteger(value))) return value;
    return this.fault(
      `${name} is '${text}', but must be a ${fraction ? '' : 'whole '}number from ${least} to ${most}`,
    );
  }

  list(name: string): readonly string[] {
    return parseList(this.#raw(name));
  }

  pairs(name: string): ReadonlyMap<string, string> {
    return parsePairs(this.#raw(name), (sentence) => this.fault(`${name}: ${sentence}`));
  }

  /** Runs a rule over a value that was given; the rule returns a sentence where the value breaks it. */
  check<T>(name: string, value: T | undefined, rule: (value: T) => string | undefined): void {
    const sentence = value === undefined || value === '' ? undefined : rule(value);
    if (sentence !== undefined) this.fault(`${name} ${sentence}`);
  }
}
