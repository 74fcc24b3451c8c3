import type { Configuration } from '@azure/arm-postgresql-flexible';
import { findCharset, normalizeLocale } from '../../common/charsets.ts';
import { parseParameterNumber } from './parameter-number.ts';

/** What ARM reports about the values of a parameter. See docs/azure-behavior.md#server-parameters. */
export type ParameterMetadata = Pick<Configuration, 'name' | 'dataType' | 'allowedValues' | 'isReadOnly'> & {
  readonly unit?: string | undefined;
};

interface Interpretation {
  /** The same text for every spelling of the value; undefined for a text that is no value of this type. */
  readonly meaning?: string;
  /** The spelling that ARM accepts and shows. */
  readonly armValue?: string;
  /** Why ARM does not accept the value, as a sentence to be read after the parameter's name. */
  readonly error?: string | undefined;
}

/** Whether a declared value means what ARM shows. */
export function areParameterValuesEqual(
  metadata: ParameterMetadata,
  declared: string,
  shown: string,
): boolean {
  if (declared.trim() === shown.trim()) return true;
  if (isNamed(metadata, 'datestyle')) return isDateStyleSatisfied(declared, shown);
  const { meaning } = interpret(metadata, declared);
  // Azure's own values can be outside of what it accepts, so only the meanings are compared.
  return meaning !== undefined && meaning === interpret(metadata, shown).meaning;
}

/** A declared value in the spelling that ARM accepts: `8192` for `8MB` if the unit is kB, `on` for `true`. */
export function toArmValue(metadata: ParameterMetadata, declared: string): string {
  return interpret(metadata, declared).armValue ?? declared;
}

/**
 * Returns why ARM cannot set a declared value, as a sentence to be read after the parameter's name; undefined if it can, and
 * for the value that the parameter has already.
 */
export function validateParameterValue(
  metadata: ParameterMetadata,
  declared: string,
  shown: string,
): string | undefined {
  if (areParameterValuesEqual(metadata, declared, shown)) return undefined;
  if (metadata.isReadOnly)
    return `is '${declared}', but Azure sets it, to '${shown}', and nobody can change it`;
  return interpret(metadata, declared).error;
}

function interpret(shown: ParameterMetadata, value: string): Interpretation {
  const text = value.trim();
  // ARM can also show null or an empty text for what a parameter does not have.
  const metadata = { ...shown, unit: shown.unit || undefined, allowedValues: shown.allowedValues || '' };
  switch (metadata.dataType) {
    case 'Boolean':
      return interpretBoolean(metadata, text);
    case 'Enumeration':
      return interpretEnumeration(metadata, text);
    case 'Set':
      return interpretSet(metadata, text);
    case 'Integer':
    case 'Numeric':
      return interpretNumber(metadata, text);
    case 'String':
      return interpretText(metadata, text);
    default:
      // Of an unknown type, it is also unknown what the allowed values say, so Azure decides.
      return { meaning: text, armValue: text };
  }
}

const isNamed = ({ name }: ParameterMetadata, lowerCaseName: string): boolean =>
  name?.toLowerCase() === lowerCaseName;

/** The entries of a list of ARM, which can have spaces after the commas. An empty entry permits the empty value. */
const listOf = ({ allowedValues = '' }: ParameterMetadata): readonly string[] =>
  allowedValues === '' ? [] : allowedValues.split(',').map((entry) => entry.trim());

const describeError = (value: string, what: string): string => `is '${value}', but must be ${what}`;

const formatList = (entries: readonly string[]): string =>
  entries.map((entry) => (entry === '' ? 'empty' : entry)).join(', ');

function interpretBoolean(metadata: ParameterMetadata, text: string): Interpretation {
  const meaning = parseBoolean(text);
  const allowed = listOf(metadata);
  if (meaning === undefined) return { error: describeError(text, allowed.join(' or ') || 'on or off') };
  const armValue = allowed.find((entry) => parseBoolean(entry) === meaning) ?? (meaning ? 'on' : 'off');
  return { meaning: String(meaning), armValue };
}

/** As PostgreSQL reads booleans: `on`, `off`, `true`, `false`, `yes`, `no`, their unique prefixes, `1` and `0`. */
function parseBoolean(text: string): boolean | undefined {
  if (/^(on|1|t(r(ue?)?)?|y(es?)?)$/i.test(text)) return true;
  return /^(off?|0|f(a(l(se?)?)?)?|no?)$/i.test(text) ? false : undefined;
}

function interpretEnumeration(metadata: ParameterMetadata, text: string): Interpretation {
  const allowed = listOf(metadata);
  const meaning = enumerationMeaning(metadata, text);
  const armValue =
    allowed.find((entry) => entry.toLowerCase() === text.toLowerCase()) ??
    allowed.find((entry) => enumerationMeaning(metadata, entry) === meaning);
  if (armValue !== undefined || allowed.length === 0) return { meaning, armValue: armValue ?? text };
  return { meaning, error: describeError(text, `one of: ${formatList(allowed)}`) };
}

/** The values that PostgreSQL accepts besides those that it lists, with what they mean; `*` is every parameter. */
const ENUMERATION_SYNONYMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '*': { debug: 'debug2' },
  wal_level: { archive: 'replica', hot_standby: 'replica' },
  wal_compression: { pglz: 'on' },
};

function enumerationMeaning(metadata: ParameterMetadata, text: string): string {
  if (isNamed(metadata, 'client_encoding')) return findCharset(text) ?? text.toLowerCase();
  const value = text.toLowerCase();
  const allowed = listOf(metadata).map((entry) => entry.toLowerCase());
  // PostgreSQL's enumerations with on and off accept these words, but no prefixes of them.
  if (/^(true|yes|1)$/.test(value) && allowed.includes('on')) return 'on';
  if (/^(false|no|0)$/.test(value) && allowed.includes('off')) return 'off';
  const synonyms = {
    ...ENUMERATION_SYNONYMS['*'],
    ...ENUMERATION_SYNONYMS[metadata.name?.toLowerCase() ?? ''],
  };
  return new Map(Object.entries(synonyms)).get(value) ?? value;
}

function interpretSet(metadata: ParameterMetadata, text: string): Interpretation {
  const entries = text.split(',').flatMap((entry) => entry.trim() || []);
  const spellings = new Map(listOf(metadata).map((entry) => [entry.toLowerCase(), entry]));
  const unique = new Map(
    entries.map((entry) => [entry.toLowerCase(), spellings.get(entry.toLowerCase()) ?? entry]),
  );
  // pgaudit.log subtracts the classes with a minus from those before them, so there the order counts.
  const isOrdered = entries.some((entry) => entry.startsWith('-'));
  return {
    meaning: (isOrdered ? entries.map((entry) => entry.toLowerCase()) : [...unique.keys()].sort()).join(','),
    armValue: (isOrdered ? entries : [...unique.values()]).join(','),
    error: validateEntries(metadata, entries),
  };
}

function validateEntries(metadata: ParameterMetadata, entries: readonly string[]): string | undefined {
  const allowed = listOf(metadata);
  if (allowed.length === 0) return undefined;
  if (entries.length === 0 && !allowed.includes(''))
    return describeError('', `a list of: ${formatList(allowed)}`);
  const lowerCase = allowed.map((entry) => entry.toLowerCase());
  const unknown = entries.filter((entry) => !lowerCase.includes(entry.toLowerCase().replace(/^-/, '')));
  return unknown.length === 0
    ? undefined
    : `has '${unknown.join("', '")}', but its entries must be of: ${formatList(allowed.filter((entry) => entry !== ''))}`;
}

function interpretNumber(metadata: ParameterMetadata, text: string): Interpretation {
  const { dataType, unit, allowedValues = '' } = metadata;
  const parsed = parseParameterNumber(text, unit, dataType === 'Integer');
  if (typeof parsed === 'string') return { error: describeError(text, parsed) };
  const { min, max } = parseRange(allowedValues);
  const isInRange = min <= parsed && parsed <= max;
  const range = `from ${min} to ${max}${unit === undefined ? '' : ` (in ${unit})`}`;
  // PostgreSQL shows six digits of a fraction, so values that differ only beyond them are not distinguished.
  const meaning = String(dataType === 'Integer' ? parsed : Number(parsed.toPrecision(6)));
  return {
    meaning,
    armValue: String(parsed),
    error: isInRange ? undefined : describeError(text, range),
  };
}

/** A range of ARM, such as `-1-2147483647` or `0-1.79769e+308`; everything for a text that is no range. */
function parseRange(allowedValues: string): { readonly min: number; readonly max: number } {
  const number = String.raw`-?[\d.]+(?:e[+-]?\d+)?`;
  const [, min, max] = new RegExp(`^(${number})-(${number})$`, 'i').exec(allowedValues.trim()) ?? [];
  return min === undefined || max === undefined
    ? { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY }
    : { min: Number(min), max: Number(max) };
}

function interpretText(metadata: ParameterMetadata, text: string): Interpretation {
  const armValue = isNamed(metadata, 'datestyle') ? formatDateStyle(text) : text;
  const { allowedValues = '' } = metadata;
  const error = matchesPattern(allowedValues, armValue)
    ? undefined
    : describeError(text, `a text of the form ${allowedValues}`);
  return { meaning: textMeaning(metadata, text), armValue, error };
}

/** What a text means to PostgreSQL, for the parameters whose texts have several spellings. */
function textMeaning({ name = '' }: ParameterMetadata, text: string): string {
  switch (name.toLowerCase()) {
    case 'timezone':
    case 'log_timezone':
      return text.toLowerCase();
    case 'lc_messages':
    case 'lc_monetary':
    case 'lc_numeric':
    case 'lc_time':
      return normalizeLocale(text);
    case 'default_text_search_config':
      return text.toLowerCase().replace(/^pg_catalog\./, '');
    case 'search_path':
    case 'temp_tablespaces':
      return parseIdentifiers(text).join(',');
    default:
      return text;
  }
}

/** A list of identifiers, whose order counts. Without quotes, PostgreSQL ignores the case. */
const parseIdentifiers = (text: string): readonly string[] =>
  [...text.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)].map(([identifier, quoted]) =>
    JSON.stringify(quoted === undefined ? identifier.toLowerCase() : quoted.replaceAll('""', '"')),
  );

const DATE_STYLES: readonly string[] = ['ISO', 'SQL', 'POSTGRES', 'GERMAN'];

const DATE_ORDERS: ReadonlyMap<string, string> = new Map([
  ['YMD', 'YMD'],
  ['DMY', 'DMY'],
  ['EURO', 'DMY'],
  ['EUROPEAN', 'DMY'],
  ['MDY', 'MDY'],
  ['US', 'MDY'],
  ['NONEURO', 'MDY'],
  ['NONEUROPEAN', 'MDY'],
]);

interface DateStyle {
  readonly style: string | undefined;
  readonly order: string | undefined;
}

/**
 * Style and order of dates, in any order and case. `German` has the order DMY if no other is given.
 * @returns undefined for a text with an unknown word, two styles or two orders, which PostgreSQL rejects
 */
function parseDateStyle(text: string): DateStyle | undefined {
  const styles = new Set<string>();
  const orders = new Set<string>();
  const words = text.trim().toUpperCase();
  for (const word of words.split(/[\s,]+/)) {
    const order = DATE_ORDERS.get(word);
    if (order !== undefined) orders.add(order);
    else if (DATE_STYLES.includes(word)) styles.add(word);
    else return undefined;
  }
  const [[style], [order]] = [[...styles], [...orders]];
  if (styles.size > 1 || orders.size > 1) return undefined;
  return { style, order: order ?? (style === 'GERMAN' ? 'DMY' : undefined) };
}

function formatDateStyle(text: string): string {
  const { style, order } = parseDateStyle(text) ?? {};
  return style === undefined ? text : [style, order].filter(Boolean).join(', ');
}

/** A style without an order leaves the order as it is, and the other way round. */
function isDateStyleSatisfied(declared: string, shown: string): boolean {
  const [expectedStyle, actual] = [parseDateStyle(declared), parseDateStyle(shown)];
  if (expectedStyle === undefined || actual === undefined) return false;
  return (
    (expectedStyle.style ?? actual.style) === actual.style &&
    (expectedStyle.order ?? actual.order) === actual.order
  );
}

/** Characters of a value that are tested against a pattern, and of a pattern that is used. */
const MAX_PATTERN_LENGTH = 1000;

/**
 * Whether the whole text matches a pattern of ARM. A pattern that could take long, or that JavaScript does not know, is not
 * tested: then Azure decides.
 */
function matchesPattern(pattern: string, text: string): boolean {
  const operators = pattern.replaceAll(/\\./gs, '').replaceAll(/\[[^\]]*\]/g, '');
  const count = (operator: RegExp): number => operators.match(operator)?.length ?? 0;
  const isBounded = count(/[*+?{]/g) <= 2 && count(/\(/g) <= 3 && !/\)[*+{]|\\\d/.test(pattern);
  if (pattern === '' || !isBounded || Math.max(pattern.length, text.length) > MAX_PATTERN_LENGTH) return true;
  try {
    return new RegExp(`^(?:${pattern})$`, 's').test(text);
  } catch {
    return true;
  }
}
