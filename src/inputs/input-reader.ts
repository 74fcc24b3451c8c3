import type { ConfigFile, ConfigFileValue } from './config-file/parse-config-file.ts';
import { parseList, parsePairs } from './parse/parse-list.ts';
import type { WorkflowEvent } from './workflow-event.ts';

/** Raw text of an input by its name in action.yml, untrimmed; empty where it was not given. */
export type GetRawInput = (name: string) => string;

/** What the environment of the step adds to the inputs. */
export interface ParseContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a folder is there, seen from the workspace; the only look at the machine that parsing takes. */
  readonly isDirectory: (path: string) => boolean;
  /** What started the workflow; absent: nothing that matters here. */
  readonly event?: WorkflowEvent;
  /** What the file says that the input `config-file` names; absent where it names none. */
  readonly configFile?: ConfigFile | undefined;
}

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** Whether it need not be whole. */
  readonly allowsFraction?: boolean;
}

const HOUR_MS = 3_600_000;
const MS_PER_UNIT: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: HOUR_MS,
  d: 24 * HOUR_MS,
  w: 168 * HOUR_MS,
};
const MAX_DURATION_MS = 3650 * 24 * HOUR_MS;

/**
 * Reads inputs by kind, the step's own before the file's, and gathers every fault, so that all of them are named in one
 * error. A reader that finds a fault returns undefined and goes on.
 */
export class InputReader {
  readonly #errors = new Set<string>();
  readonly #raw: GetRawInput;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #file: ConfigFile | undefined;

  constructor(raw: GetRawInput, { env, configFile }: Pick<ParseContext, 'env' | 'configFile'>) {
    this.#raw = raw;
    this.#env = env;
    this.#file = configFile;
  }

  /**
   * Told once, however often the input is read, and with its place where the file gives it.
   * @param message begins with the input's name
   */
  addError(message: string): undefined {
    const [name = ''] = /^[a-z0-9-]+/.exec(message) ?? [];
    const line = this.isFromFile(name) ? this.#file?.lines.get(name) : undefined;
    const located =
      line === undefined ? message : `config-file ${this.#file?.path}, line ${line}: ${message}`;
    this.#errors.add(located);
  }

  get errors(): readonly string[] {
    return [...this.#errors];
  }

  /** That an input is needed and not there; silent where the file has it in no usable way, which is told already. */
  addMissingError(name: string, reason: string): undefined {
    if (!this.#file?.invalidInputs.has(name)) this.addError(`${name} is missing: ${reason}`);
  }

  /** Whether it is the file's value that counts. */
  isFromFile(name: string): boolean {
    return this.#stepText(name) === undefined && this.#file?.values.has(name) === true;
  }

  /** The step's own text, undefined where it is blank. */
  #stepText(name: string): string | undefined {
    const text = this.#raw(name);
    return text.trim() === '' ? undefined : text;
  }

  #rawValue(name: string): ConfigFileValue {
    return this.#stepText(name) ?? this.#file?.values.get(name) ?? '';
  }

  /** Trimmed text, undefined where empty. */
  text(name: string): string | undefined {
    const value = this.#rawValue(name);
    return typeof value === 'string' ? value.trim() || undefined : undefined;
  }

  /** As the input, else as the environment variable says. */
  textOrEnv(name: string, variable: string): string | undefined {
    return this.text(name) ?? (this.#env[variable]?.trim() || undefined);
  }

  required(name: string, reason: string): string {
    const text = this.text(name);
    if (text === undefined) this.addMissingError(name, reason);
    return text ?? '';
  }

  /** Untrimmed, for a secret may begin or end with a space; and never the file's. */
  secret(name: string, variable?: string): string | undefined {
    const secret = this.#raw(name) || (variable && this.#env[variable]) || undefined;
    if (secret?.includes('\0'))
      this.addError(`${name} contains a NUL character, which no environment can carry`);
    return secret;
  }

  choice<C extends string>(name: string, choices: readonly C[]): C | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const choice = choices.find((c) => c.toLowerCase() === text.toLowerCase());
    return choice ?? this.addError(`${name} is '${text}', but must be one of: ${choices.join(', ')}`);
  }

  /** YAML 1.2's booleans, as @actions/core takes them. */
  boolean(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^(true|True|TRUE)$/.test(text)) return true;
    if (/^(false|False|FALSE)$/.test(text)) return false;
    return this.addError(`${name} is '${text}', but must be true or false`);
  }

  /** `Enabled` or `Disabled`, as Azure and the az CLI say, or a boolean, in any case. */
  enabledOrDisabled(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^(enabled|true)$/i.test(text)) return true;
    if (/^(disabled|false)$/i.test(text)) return false;
    return this.addError(`${name} is '${text}', but must be Enabled or Disabled`);
  }

  /** A number from `min` to `max`, whole unless `allowsFraction`. */
  number(name: string, { min, max, allowsFraction = false }: NumberRange): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max && (allowsFraction || Number.isInteger(value))) return value;
    return this.addError(
      `${name} is '${text}', but must be a ${allowsFraction ? '' : 'whole '}number from ${min} to ${max}`,
    );
  }

  /** A span of time such as `72h` or `7d`, in milliseconds. */
  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, count = '', unit = ''] = /^(\d{1,6}) ?([smhdw])$/i.exec(text) ?? [];
    const milliseconds = Number(count) * (MS_PER_UNIT[unit.toLowerCase()] ?? 0);
    if (milliseconds > 0 && milliseconds <= MAX_DURATION_MS) return milliseconds;
    return this.addError(
      `${name} is '${text}', but must be a number with s, m, h, d or w behind it, such as 72h or 7d, ten years at most`,
    );
  }

  list(name: string): readonly string[] {
    const value = this.#rawValue(name);
    if (typeof value === 'string') return parseList(value);
    return 'get' in value ? [] : [...value];
  }

  pairs(name: string): ReadonlyMap<string, string> {
    const value = this.#rawValue(name);
    if (typeof value === 'object' && 'get' in value) return value;
    const text = typeof value === 'string' ? value : '';
    return parsePairs(text, (message) => this.addError(`${name}: ${message}`));
  }

  /** Runs a rule over a value that was given; the rule returns a sentence where the value breaks it. */
  validate<T>(name: string, value: T | undefined, validator: (value: T) => string | undefined): void {
    const message = value === undefined || value === '' ? undefined : validator(value);
    if (message !== undefined) this.addError(`${name} ${message}`);
  }
}
