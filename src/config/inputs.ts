import type { WorkflowEvent } from './event.ts';
import { parseList, parsePairs } from './lists.ts';

/** Raw text of an input by its name in action.yml, untrimmed; empty where it was not given. */
export type RawInput = (name: string) => string;

/** What the environment of the step adds to the inputs. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a folder is there, seen from the workspace; the only look at the machine that parsing takes. */
  readonly isDirectory: (path: string) => boolean;
  /** What started the workflow; absent: nothing that matters here. */
  readonly event?: WorkflowEvent;
}

/** Inputs that hold secrets: read without trimming, masked, and never quoted in a message. */
export const secretInputs = [
  'admin-password',
  'client-secret',
  'app-password',
  'app-password-key',
  'github-token',
] as const;

const hour = 3_600_000;
const spans: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: hour, d: 24 * hour, w: 168 * hour };
const longestSpan = 3650 * 24 * hour;

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

  /** Told once, however often the input is read. */
  fault(sentence: string): undefined {
    if (!this.faults.includes(sentence)) this.faults.push(sentence);
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

  /** A span of time such as `72h` or `7d`, in milliseconds. */
  span(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, count = '', unit = ''] = /^(\d{1,6}) ?([smhdw])$/i.exec(text) ?? [];
    const milliseconds = Number(count) * (spans[unit.toLowerCase()] ?? 0);
    if (milliseconds > 0 && milliseconds <= longestSpan) return milliseconds;
    return this.fault(
      `${name} is '${text}', but must be a number with s, m, h, d or w behind it, such as 72h or 7d, ten years at most`,
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
