import type { ConfigFile, FileValue } from './config-file.ts';
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
  /** What the file says that the input `config-file` names; absent where it names none. */
  readonly configFile?: ConfigFile | undefined;
}

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  /** Whether it need not be whole. */
  readonly fraction?: boolean;
}

const hour = 3_600_000;
const spans: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: hour, d: 24 * hour, w: 168 * hour };
const longestSpan = 3650 * 24 * hour;

/**
 * Reads inputs by kind, the step's own before the file's, and gathers every fault, so that all of them are named in one
 * error. A reader that finds a fault returns undefined and goes on.
 */
export class Inputs {
  readonly #faults = new Set<string>();
  readonly #raw: RawInput;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #file: ConfigFile | undefined;

  constructor(raw: RawInput, { env, configFile }: Pick<Surroundings, 'env' | 'configFile'>) {
    this.#raw = raw;
    this.#env = env;
    this.#file = configFile;
  }

  /**
   * Told once, however often the input is read, and with its place where the file gives it.
   * @param sentence begins with the input's name
   */
  fault(sentence: string): undefined {
    const [name = ''] = /^[a-z0-9-]+/.exec(sentence) ?? [];
    const line = this.isFromFile(name) ? this.#file?.lines.get(name) : undefined;
    const told = line === undefined ? sentence : `config-file ${this.#file?.path}, line ${line}: ${sentence}`;
    this.#faults.add(told);
  }

  get faults(): readonly string[] {
    return [...this.#faults];
  }

  /** That an input is needed and not there; silent where the file has it in no usable way, which is told already. */
  missing(name: string, why: string): undefined {
    if (!this.#file?.unusable.has(name)) this.fault(`${name} is missing: ${why}`);
  }

  /** Whether it is the file's value that counts. */
  isFromFile(name: string): boolean {
    return this.#own(name) === undefined && this.#file?.values.has(name) === true;
  }

  /** The step's own text, undefined where it is blank. */
  #own(name: string): string | undefined {
    const text = this.#raw(name);
    return text.trim() === '' ? undefined : text;
  }

  #value(name: string): FileValue {
    return this.#own(name) ?? this.#file?.values.get(name) ?? '';
  }

  /** Trimmed text, undefined where empty. */
  text(name: string): string | undefined {
    const value = this.#value(name);
    return typeof value === 'string' ? value.trim() || undefined : undefined;
  }

  /** As the input, else as the environment variable says. */
  textOrEnv(name: string, variable: string): string | undefined {
    return this.text(name) ?? (this.#env[variable]?.trim() || undefined);
  }

  required(name: string, why: string): string {
    const text = this.text(name);
    if (text === undefined) this.missing(name, why);
    return text ?? '';
  }

  /** Untrimmed, for a secret may begin or end with a space; and never the file's. */
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

  /** `Enabled` or `Disabled`, as Azure and the az CLI say, or a boolean, in any case. */
  onOff(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^(enabled|true)$/i.test(text)) return true;
    if (/^(disabled|false)$/i.test(text)) return false;
    return this.fault(`${name} is '${text}', but must be Enabled or Disabled`);
  }

  /** A number from `least` to `most`, whole unless `fraction`. */
  number(name: string, { least, most, fraction = false }: NumberRange): number | undefined {
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
    const value = this.#value(name);
    if (typeof value === 'string') return parseList(value);
    return 'get' in value ? [] : [...value];
  }

  pairs(name: string): ReadonlyMap<string, string> {
    const value = this.#value(name);
    if (typeof value === 'object' && 'get' in value) return value;
    const text = typeof value === 'string' ? value : '';
    return parsePairs(text, (sentence) => this.fault(`${name}: ${sentence}`));
  }

  /** Runs a rule over a value that was given; the rule returns a sentence where the value breaks it. */
  check<T>(name: string, value: T | undefined, rule: (value: T) => string | undefined): void {
    const sentence = value === undefined || value === '' ? undefined : rule(value);
    if (sentence !== undefined) this.fault(`${name} ${sentence}`);
  }
}
