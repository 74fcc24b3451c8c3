import type { ConfigFile, ConfigFileValue } from './config-file/parse-config-file.ts';
import {
  type InputType,
  type ListType,
  type OptionalInputValue,
  type PairsType,
  type Parsed,
  parseChoice,
  parseList,
  parsePairs,
  parseValue,
  type RangesType,
  type Validator,
} from './input-types.ts';
import { type InputName, inputSchema, type SecretInputName } from './schema.ts';
import type { WorkflowEvent } from './workflow-event.ts';

/** Returns the raw text of an input by its name in action.yml: untrimmed, and empty if the input is not set. */
export type GetRawInput = (name: string) => string;

/** What the configuration depends on besides the step's inputs. */
export interface ParseContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a folder exists, relative to the workspace. */
  readonly isDirectory: (path: string) => boolean;
  /** The event that started the workflow; absent outside a workflow. */
  readonly event?: WorkflowEvent;
  /** The content of the file that the input `config-file` names; absent if the input is not set. */
  readonly configFile?: ConfigFile | undefined;
}

/**
 * Reads inputs by their type in the schema. An input of the step overrides the config-file. The reader collects errors, so
 * that one message can list all of them: a method that finds an error returns the value of an input that is not set.
 */
export class InputReader {
  readonly #errors = new Set<string>();
  readonly #getRawInput: GetRawInput;
  readonly #env: ParseContext['env'];
  readonly #file: ConfigFile | undefined;

  constructor(getRawInput: GetRawInput, { env, configFile }: Pick<ParseContext, 'env' | 'configFile'>) {
    this.#getRawInput = getRawInput;
    this.#env = env;
    this.#file = configFile;
  }

  get errors(): readonly string[] {
    return [...this.#errors];
  }

  /**
   * Adds an error once, with its line if the config-file sets the input.
   * @param message begins with the name of the input
   */
  addError(message: string): undefined {
    const [name = ''] = /^[a-z0-9-]+/.exec(message) ?? [];
    const line = this.isFromFile(name) ? this.#file?.lines.get(name) : undefined;
    this.#errors.add(
      line === undefined ? message : `config-file ${this.#file?.path}, line ${line}: ${message}`,
    );
  }

  /** Adds an error for a missing input, unless the config-file sets it in an invalid way, which is an error already. */
  addMissingError(name: string, reason: string): undefined {
    if (this.#file?.invalidInputs.has(name)) return;
    // The runner passes an input without a value and one whose expression is empty in the same way.
    this.addError(
      `${name} is missing: ${reason} (if the step sets it by an expression, its variable or secret does not exist, or is empty)`,
    );
  }

  /** Runs a validator over a value that is set. */
  validate<T>(name: string, value: T | undefined, validator: Validator<T>): void {
    const message = value === undefined || value === '' ? undefined : validator(value);
    if (message !== undefined) this.addError(`${name} ${message}`);
  }

  /** Whether the value of an input comes from the config-file. */
  isFromFile(name: string): boolean {
    return this.#stepText(name) === undefined && this.#file?.values.has(name) === true;
  }

  /** Whether an input is set, even to an invalid value. */
  isSet(name: InputName | 'config-file'): boolean {
    return this.#text(name) !== undefined;
  }

  /** The value of an input by its type in the schema. */
  get<N extends InputName>(name: N): OptionalInputValue<(typeof inputSchema)[N]> {
    const inputType: InputType = inputSchema[name];
    return this.#parse(name, inputType) as OptionalInputValue<(typeof inputSchema)[N]>;
  }

  /** The value of a text input, or else of an environment variable. */
  getOrEnv(name: 'client-id' | 'tenant-id' | 'subscription-id', variable: string): string | undefined {
    const value = this.#text(name) ?? (this.#env[variable]?.trim() || undefined);
    this.validate(name, value, inputSchema[name].validate ?? (() => undefined));
    return value;
  }

  /** @param reason completes the error "is missing" */
  required(name: 'server-name' | 'admin-username' | 'database', reason: string): string {
    if (!this.isSet(name)) this.addMissingError(name, reason);
    return this.get(name) ?? '';
  }

  /** A secret: untrimmed, because it can begin or end with a space, and never from the config-file. */
  secret(name: SecretInputName, variable?: string): string | undefined {
    const secret = this.#getRawInput(name) || (variable && this.#env[variable]) || undefined;
    if (secret?.includes('\0'))
      this.addError(`${name} contains a NUL character, which the environment of a process cannot contain`);
    return secret;
  }

  #parse(name: string, inputType: InputType): unknown {
    switch (inputType.type) {
      case 'list':
      case 'ranges':
        return this.#parseList(name, inputType);
      case 'pairs':
        return this.#parsePairs(name, inputType);
      default: {
        const text = this.#text(name);
        return text === undefined ? undefined : this.#valueOrError(name, parseValue(inputType, text));
      }
    }
  }

  #parseList(name: string, inputType: ListType | RangesType): readonly string[] {
    const value = this.#value(name);
    const items = typeof value === 'string' ? parseList(value) : 'get' in value ? [] : value;
    if (inputType.type === 'ranges') return items;
    const { choices, validate } = inputType;
    return items.map((item) => {
      if (validate) this.validate(name, item, validate);
      return (choices && this.#valueOrError(name, parseChoice(item, choices))) ?? item;
    });
  }

  #parsePairs(name: string, { validate }: PairsType): ReadonlyMap<string, string> {
    const value = this.#value(name);
    const pairs: ReadonlyMap<string, string> =
      typeof value === 'object' && 'get' in value
        ? value
        : parsePairs(typeof value === 'string' ? value : '', (message) =>
            this.addError(`${name}: ${message}`),
          );
    this.validate(name, pairs, validate);
    return pairs;
  }

  #valueOrError<T>(name: string, parsed: Parsed<T>): T | undefined {
    return 'value' in parsed ? parsed.value : this.addError(`${name} ${parsed.error}`);
  }

  /** The text of the step, undefined if it is blank. */
  #stepText(name: string): string | undefined {
    const text = this.#getRawInput(name);
    return text.trim() === '' ? undefined : text;
  }

  #value(name: string): ConfigFileValue {
    return this.#stepText(name) ?? this.#file?.values.get(name) ?? '';
  }

  /** Trimmed text, undefined if it is empty or not a text. */
  #text(name: string): string | undefined {
    const value = this.#value(name);
    return typeof value === 'string' ? value.trim() || undefined : undefined;
  }
}
