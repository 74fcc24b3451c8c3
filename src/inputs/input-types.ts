/** What an input accepts. The input reader, the config-file parser and the JSON schema use the same definition. */
export type InputType =
  | TextType
  | FormattedType
  | BooleanType
  | EnabledOrDisabledType
  | ChoiceType
  | NumberType
  | ListType
  | RangesType
  | PairsType;

/** Returns a sentence to be read after the input's name if the value is invalid. */
export type Validator<T> = (value: T) => string | undefined;

export interface TextType {
  readonly type: 'text';
  /** ECMAScript pattern of the whole text for the JSON schema, if a simple one is as strict as the action. */
  readonly pattern?: string;
  readonly validate?: Validator<string>;
}

/** A text that is parsed into a value. */
export interface FormattedType<V = unknown> {
  readonly type: 'formatted';
  /** See {@link TextType}. */
  readonly pattern: string;
  /** Returns undefined if the text is invalid. */
  readonly parse: (text: string) => V | undefined;
  /** Completes the error "must be …". */
  readonly expected: string;
}

export interface BooleanType {
  readonly type: 'boolean';
}

/** `Enabled` or `Disabled`, as Azure and the az CLI write it, or a boolean. The value is a boolean. */
export interface EnabledOrDisabledType {
  readonly type: 'enabled-or-disabled';
}

export interface ChoiceType<C extends string = string> {
  readonly type: 'choice';
  readonly choices: readonly C[];
}

export interface NumberType {
  readonly type: 'number';
  readonly min: number;
  readonly max: number;
  readonly allowsFraction?: true;
  readonly allowedValues?: readonly number[];
}

export interface ListType<C extends string = string> {
  readonly type: 'list';
  /** See {@link TextType}, for each item. */
  readonly pattern?: string;
  readonly choices?: readonly C[];
  /** Validates each item. */
  readonly validate?: Validator<string>;
}

/** A list of address ranges, which can have names. */
export interface RangesType {
  readonly type: 'ranges';
}

/** `name=value` lines. */
export interface PairsType {
  readonly type: 'pairs';
  readonly validate: Validator<ReadonlyMap<string, string>>;
}

/** The parsed value of an input. */
export type InputValue<T extends InputType> =
  T extends FormattedType<infer V>
    ? V
    : T extends ChoiceType<infer C>
      ? C
      : T extends NumberType
        ? number
        : T extends BooleanType | EnabledOrDisabledType
          ? boolean
          : T extends ListType<infer C>
            ? readonly C[]
            : T extends RangesType
              ? readonly string[]
              : T extends PairsType
                ? ReadonlyMap<string, string>
                : string;

/** The parsed value, or the value for an input that is not set: empty for lists and pairs, otherwise undefined. */
export type OptionalInputValue<T extends InputType> = T extends ListType | RangesType | PairsType
  ? InputValue<T>
  : InputValue<T> | undefined;

export const text = { type: 'text' } as const satisfies TextType;
export const boolean = { type: 'boolean' } as const satisfies BooleanType;
export const enabledOrDisabled = { type: 'enabled-or-disabled' } as const satisfies EnabledOrDisabledType;

export const validText = (validate: Validator<string>, pattern?: string): TextType => ({
  type: 'text',
  validate,
  ...(pattern === undefined ? {} : { pattern }),
});

export const choice = <const C extends string>(...choices: readonly C[]): ChoiceType<C> => ({
  type: 'choice',
  choices,
});

export const integer = (min: number, max: number): NumberType => ({ type: 'number', min, max });

export const minutes = (min: number): NumberType => ({
  type: 'number',
  min,
  max: 360,
  allowsFraction: true,
});

/** @param allowedValues in ascending order */
export const numberFrom = (allowedValues: readonly number[]): NumberType => ({
  type: 'number',
  min: allowedValues.at(0) ?? 0,
  max: allowedValues.at(-1) ?? 0,
  allowedValues,
});

const HOUR_MS = 3_600_000;
const MS_PER_UNIT: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: HOUR_MS,
  d: 24 * HOUR_MS,
  w: 168 * HOUR_MS,
};
const MAX_DURATION_MS = 3650 * 24 * HOUR_MS;

/** A duration such as `72h` or `7d`, in milliseconds. */
export const duration: FormattedType<number> = {
  type: 'formatted',
  pattern: '^[1-9][0-9]{0,5} ?[smhdwSMHDW]$',
  parse(given) {
    const [, count = '', unit = ''] = /^(\d{1,6}) ?([smhdw])$/i.exec(given) ?? [];
    const milliseconds = Number(count) * (MS_PER_UNIT[unit.toLowerCase()] ?? 0);
    return milliseconds > 0 && milliseconds <= MAX_DURATION_MS ? milliseconds : undefined;
  },
  expected: 'a number with the unit s, m, h, d or w, such as 72h or 7d, ten years at most',
};

/** A parsed value, or a sentence to be read after the input's name. */
export type Parsed<T> = { readonly value: T } | { readonly error: string };

/** Parses the text of a single value: not of a list, ranges or pairs. */
export function parseValue(
  inputType: Exclude<InputType, ListType | RangesType | PairsType>,
  given: string,
): Parsed<unknown> {
  switch (inputType.type) {
    case 'text': {
      const error = inputType.validate?.(given);
      return error === undefined ? { value: given } : { error };
    }
    case 'formatted': {
      const value = inputType.parse(given);
      return value === undefined ? invalid(given, inputType.expected) : { value };
    }
    case 'boolean':
      // The booleans of YAML 1.2, as @actions/core accepts them.
      return parseSwitch(given, /^(true|True|TRUE)$/, /^(false|False|FALSE)$/, 'true or false');
    case 'enabled-or-disabled':
      return parseSwitch(given, /^(enabled|true)$/i, /^(disabled|false)$/i, 'Enabled or Disabled');
    case 'choice':
      return parseChoice(given, inputType.choices);
    case 'number':
      return parseNumber(given, inputType);
  }
}

const invalid = (given: string, expected: string): { readonly error: string } => ({
  error: `is '${given}', but must be ${expected}`,
});

function parseSwitch(given: string, on: RegExp, off: RegExp, expected: string): Parsed<boolean> {
  if (on.test(given)) return { value: true };
  return off.test(given) ? { value: false } : invalid(given, expected);
}

/** Ignores the case, and returns the choice in the spelling of `choices`. */
export function parseChoice<C extends string>(given: string, choices: readonly C[]): Parsed<C> {
  const value = choices.find((c) => c.toLowerCase() === given.toLowerCase());
  return value === undefined ? invalid(given, `one of: ${choices.join(', ')}`) : { value };
}

function parseNumber(given: string, { min, max, allowsFraction, allowedValues }: NumberType): Parsed<number> {
  const value = /^\d+(\.\d+)?$/.test(given) ? Number(given) : Number.NaN;
  if (allowedValues && Number.isInteger(value))
    return allowedValues.includes(value) ? { value } : invalid(given, `one of: ${allowedValues.join(', ')}`);
  return value >= min && value <= max && (allowsFraction || Number.isInteger(value))
    ? { value }
    : invalid(given, `a ${allowsFraction ? '' : 'whole '}number from ${min} to ${max}`);
}

/**
 * Parses a list: one item a line; `#` starts a comment line.
 * @param allowCommas whether commas separate items as well
 */
export function parseList(given: string, allowCommas = true): string[] {
  return given
    .split(/\r?\n/)
    .filter((line) => !line.trim().startsWith('#'))
    .flatMap((line) => (allowCommas ? line.split(',') : [line]))
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/**
 * Parses `name=value` lines. A value can contain commas and equal signs, and can be empty.
 * @param onError gets a sentence for each line that has no name or repeats one
 */
export function parsePairs(given: string, onError: (message: string) => void): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const line of parseList(given, false)) {
    const separatorIndex = line.indexOf('=');
    const name = line.slice(0, separatorIndex).trim();
    if (separatorIndex < 1 || name === '') onError(`'${line}' does not have the form name=value`);
    else if (pairs.has(name)) onError(`'${name}' is given twice`);
    else pairs.set(name, line.slice(separatorIndex + 1).trim());
  }
  return pairs;
}
