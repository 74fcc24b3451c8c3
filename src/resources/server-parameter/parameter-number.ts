/**
 * Numbers of server parameters, as PostgreSQL reads them (src/backend/utils/misc/guc.c): decimal, octal or hexadecimal, with
 * a unit of the parameter's kind, rounded as PostgreSQL rounds.
 */

/** A unit that a value can have, and how many of the kind's smallest units it is. */
interface Unit {
  readonly name: string;
  readonly size: number;
}

const MEMORY_UNITS: readonly Unit[] = ['TB', 'GB', 'MB', 'kB', 'B'].map((name, i) => ({
  name,
  size: 1024 ** (4 - i),
}));

const TIME_UNITS: readonly Unit[] = [
  { name: 'd', size: 86_400_000_000 },
  { name: 'h', size: 3_600_000_000 },
  { name: 'min', size: 60_000_000 },
  { name: 's', size: 1_000_000 },
  { name: 'ms', size: 1000 },
  { name: 'us', size: 1 },
];

/** The words that ARM uses for units, besides PostgreSQL's, in lower case. */
const ARM_UNITS: Readonly<Record<string, string>> = {
  kb: 'kB',
  mb: 'MB',
  gb: 'GB',
  bytes: 'B',
  kilobytes: 'kB',
  megabytes: 'MB',
  gigabytes: 'GB',
  microseconds: 'us',
  milliseconds: 'ms',
  seconds: 's',
  minutes: 'min',
  hours: 'h',
  days: 'd',
};

/** The unit in which ARM shows a parameter, and the units of its kind. */
interface BaseUnit {
  readonly size: number;
  readonly units: readonly Unit[];
}

/** @param unit as ARM spells it: `8kB`, `8KB`, `KB`, `megabytes`, `ms` */
function findBaseUnit(unit: string): BaseUnit | undefined {
  const [, count = '', word = ''] = /^(\d*)\s*([a-z]+)$/i.exec(unit.trim()) ?? [];
  const name = ARM_UNITS[word.toLowerCase()] ?? word;
  for (const units of [MEMORY_UNITS, TIME_UNITS]) {
    const found = units.find((each) => each.name === name);
    if (found !== undefined) return { size: found.size * Number(count || 1), units };
  }
  return undefined;
}

const DECIMAL = String.raw`(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`;
const NUMBER = new RegExp(String.raw`^([+-]?)(0x[0-9a-f]+|${DECIMAL})\s*([a-z]*)$`, 'i');

/**
 * Parses a value of a parameter.
 * @param unit in which ARM shows the parameter; undefined if it has none
 * @param isInteger whether the value is a whole number, which is rounded and can be octal
 * @returns the number in ARM's unit, or what the value must be, as the end of "must be …"
 */
export function parseParameterNumber(
  text: string,
  unit: string | undefined,
  isInteger: boolean,
): number | string {
  const base = unit === undefined ? undefined : findBaseUnit(unit);
  const [, sign, digits = '', suffix = ''] = NUMBER.exec(text) ?? [];
  const magnitude = isInteger ? parseInteger(digits) : parseDecimal(digits);
  const value = sign === '-' ? -magnitude : magnitude;
  const converted = suffix === '' ? value : base && convert(value, suffix, base);
  if (converted === undefined || !Number.isFinite(converted)) return describeValid(isInteger, unit, base);
  return (isInteger ? roundHalfToEven(converted) : converted) + 0;
}

function describeValid(isInteger: boolean, unit: string | undefined, base: BaseUnit | undefined): string {
  const kind = `${isInteger ? 'a whole number' : 'a number'}${unit === undefined ? '' : ` of ${unit}`}`;
  return base === undefined
    ? `${kind}, without a unit`
    : `${kind}, or a number with a unit: ${base.units.map(({ name }) => name).join(', ')}`;
}

const parseDecimal = (digits: string): number => (digits === '' ? Number.NaN : Number(digits));

/** A leading zero makes digits octal, unless a fraction or an exponent follows them. */
function parseInteger(digits: string): number {
  const isOctal = /^0\d/.test(digits) && !/^\d+[.e]/i.test(digits);
  if (!isOctal) return parseDecimal(digits);
  return /[89]/.test(digits) ? Number.NaN : Number.parseInt(digits, 8);
}

/** A fraction of a unit is rounded to the next smaller unit: `30.1GB` to whole MB. */
function convert(value: number, suffix: string, { size, units }: BaseUnit): number | undefined {
  const i = units.findIndex(({ name }) => name === suffix);
  const given = units[i];
  if (given === undefined) return undefined;
  const converted = (value * given.size) / size;
  const smaller = units[i + 1];
  return smaller === undefined
    ? converted
    : (roundHalfToEven((converted * size) / smaller.size) * smaller.size) / size;
}

/** As C's rint(): 0.5 to 0, 1.5 to 2. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
