import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  RECORDED_PARAMETERS,
  type RecordedParameter,
} from '../../../../emulator/postgres/azure-model/recorded-parameters.ts';
import {
  areParameterValuesEqual,
  type ParameterMetadata,
  toArmValue,
  validateParameterValue,
} from '../../../../src/resources/server-parameter/parameter-value.ts';

const recorded = (name: string): RecordedParameter => {
  const found = RECORDED_PARAMETERS.find((parameter) => parameter.name === name);
  if (found === undefined) throw new Error(`${name} is not recorded.`);
  return found;
};

/** Units of PostgreSQL, and how many of the smallest ones they are. */
const SIZES: Readonly<Record<string, number>> = {
  ...{ B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 },
  ...{ us: 1, ms: 1000, s: 1e6, min: 6e7, h: 3.6e9, d: 8.64e10 },
};
const MEMORY = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Azure's spellings of units, as PostgreSQL spells them. */
const UNIT_NAMES: Readonly<Record<string, string>> = {
  ...{ KB: 'kB', '8KB': '8kB', megabytes: 'MB', bytes: 'B' },
  ...{ microseconds: 'us', milliseconds: 'ms', seconds: 's', minutes: 'min' },
};

/** A number in the unit of the parameter, written in every unit in which it is a whole number. */
function spellingsInUnits(value: number, armUnit: string): readonly string[] {
  const unit = UNIT_NAMES[armUnit] ?? armUnit;
  const base = unit === '8kB' ? 8192 : (SIZES[unit] ?? Number.NaN);
  const isMemory = unit === '8kB' || MEMORY.includes(unit);
  return Object.entries(SIZES)
    .filter(([name]) => MEMORY.includes(name) === isMemory)
    .filter(([, size]) => Number.isSafeInteger(value * base) && (value * base) % size === 0)
    .flatMap(([name, size]) => [`${(value * base) / size}${name}`, `${(value * base) / size} ${name}`]);
}

/** Spellings that mean what Azure shows, from PostgreSQL's own rules. */
function synonymsOf(parameter: RecordedParameter): readonly string[] {
  const { name, dataType, allowedValues, value } = parameter;
  const cases = [value.toUpperCase(), value.toLowerCase(), ` ${value} `];
  switch (dataType) {
    case 'Boolean':
      return value === 'on'
        ? [...cases, 'true', 'TRUE', 'tr', 'yes', 'y', '1', 'On']
        : [...cases, 'false', 'f', 'no', 'n', '0', 'off', 'of'];
    case 'Enumeration':
      return [
        ...cases,
        ...(value === 'on' ? ['true', 'yes', '1'] : []),
        ...(value === 'off' && allowedValues.includes('on') ? ['false', 'no', '0'] : []),
      ];
    case 'Set':
      return [...cases, value.split(',').reverse().join(' , '), `${value},${value.split(',')[0]}`];
    case 'Integer':
      return integerSynonyms(parameter);
    case 'Numeric':
      return [`${Number(value)}`, `${Number(value) * 10}e-1`, Number(value).toFixed(6), `+${value}`];
    default:
      return [` ${value} `, ...(textSynonyms[name] ?? [])];
  }
}

function integerSynonyms({ unit, value }: RecordedParameter): readonly string[] {
  const number = /^0\d/.test(value) ? Number.parseInt(value, 8) : Number(value);
  const hexadecimal = `${number < 0 ? '-' : ''}0x${Math.abs(number).toString(16)}`;
  return [
    ...[String(number), `${number}.0`, `${number}e0`, hexadecimal],
    ...(number < 0 ? [] : [`+${number}`]),
    ...(unit === undefined ? [] : spellingsInUnits(number, unit)),
  ];
}

/** Spellings of texts that PostgreSQL parses. */
const textSynonyms: Readonly<Record<string, readonly string[]>> = {
  TimeZone: ['utc', 'Utc'],
  log_timezone: ['utc'],
  DateStyle: ['iso,mdy', 'MDY, ISO', 'ISO', 'iso, us', 'NonEuropean ISO'],
  search_path: ['"$user",public', '"$user" ,  PUBLIC'],
  temp_tablespaces: ['TempTblspace', '"temptblspace"'],
  default_text_search_config: ['english', 'PG_CATALOG.English'],
  lc_messages: ['en_US.UTF-8', 'en_US.UTF8'],
  lc_monetary: ['en_US.utf8'],
  lc_numeric: ['en_US.UTF-8'],
  lc_time: ['en_US.UTF8'],
};

/** Values of other meanings. */
const others: readonly (readonly [name: string, declared: string, shown: string])[] = [
  ['work_mem', '8MB', '8'],
  ['work_mem', '8MB', '4096'],
  ['shared_buffers', '16MB', '16384'],
  ['checkpoint_timeout', '10min', '10'],
  ['log_temp_files', '-1', '1'],
  ['random_page_cost', '1.1', '1.11'],
  ['search_path', 'app, public', 'public, app'],
  ['search_path', '"Public"', 'public'],
  ['log_line_prefix', '%M', '%m'],
  ['application_name', 'App', 'app'],
  ['TimeZone', 'UTC', 'Europe/Berlin'],
  ['DateStyle', 'ISO, DMY', 'ISO, MDY'],
  ['DateStyle', 'German', 'German, MDY'],
  ['DateStyle', 'ISO, DMX', 'ISO, MDY'],
  ['DateStyle', 'ISO, SQL', 'ISO, MDY'],
  ['DateStyle', 'ISO, MDY, DMY', 'ISO, MDY'],
  ['wal_level', 'logical', 'replica'],
  ['client_encoding', 'LATIN1', 'UTF8'],
  ['wal_compression', 'lz4', 'on'],
  ['azure.extensions', 'hstore', 'hstore,ltree'],
  ['pgaudit.log', 'all,-misc', '-misc,all'],
  ['lc_numeric', 'de_DE.utf8', 'en_US.utf8'],
  ['lc_numeric', 'de_DE@euro', 'de_DE'],
];

describe('what Azure returns', () => {
  test.for(RECORDED_PARAMETERS)(
    'is no drift, and no error, in any spelling that means the same: $name',
    (parameter) => {
      const { value } = parameter;
      const spellings = [value, ...synonymsOf(parameter)];
      expect(spellings.filter((declared) => !areParameterValuesEqual(parameter, declared, value))).toEqual(
        [],
      );
      expect(
        spellings.flatMap((declared) => validateParameterValue(parameter, declared, value) ?? []),
      ).toEqual([]);
    },
  );

  test.for([
    ['client_encoding', 'unicode', 'UTF8'],
    ['client_encoding', 'utf-8', 'UTF8'],
    ['client_encoding', 'iso-8859-1', 'LATIN1'],
    ['wal_level', 'hot_standby', 'replica'],
    ['wal_compression', 'pglz', 'on'],
    ['auto_explain.log_level', 'debug', 'debug2'],
    ['lc_numeric', 'POSIX', 'C'],
    ['random_page_cost', '1.23456789', '1.23457'],
  ] as const)('%s: %s is %s', ([name, declared, shown]) => {
    expect(areParameterValuesEqual(recorded(name), declared, shown)).toBe(true);
  });
});

test.for(others)('%s: %s is not %s', ([name, declared, shown]) => {
  expect(areParameterValuesEqual(recorded(name), declared, shown)).toBe(false);
});

describe('the value that is set', () => {
  test.for([
    ['work_mem', '8MB', '8192'],
    ['work_mem', '0x2000', '8192'],
    ['shared_buffers', '2GB', '262144'],
    ['wal_writer_flush_after', '1MB', '128'],
    ['min_wal_size', '1GB', '1024'],
    ['commit_delay', '1ms', '1000'],
    ['wal_sender_timeout', '1min', '60000'],
    ['autovacuum_naptime', '1.5min', '90'],
    ['random_page_cost', '1.10', '1.1'],
    ['autovacuum', 'yes', 'on'],
    ['pgbouncer.enabled', 'on', 'true'],
    ['jit', 'FALSE', 'off'],
    ['constraint_exclusion', 'TRUE', 'on'],
    ['wal_level', 'LOGICAL', 'logical'],
    ['client_encoding', 'iso-8859-15', 'LATIN9'],
    ['shared_preload_libraries', ' PGAUDIT, pg_cron ,pgaudit', 'pgaudit,pg_cron'],
    ['DateStyle', 'dmy, iso', 'ISO, DMY'],
    ['search_path', 'app, public', 'app, public'],
  ] as const)('is in the unit and the spelling of Azure: %s=%s is set to %s', ([name, declared, set]) => {
    expect(validateParameterValue(recorded(name), declared, '')).toBeUndefined();
    expect(toArmValue(recorded(name), declared)).toBe(set);
  });

  test('is the declared value afterwards, so that no run sets it again: every number in every unit', () => {
    const withUnit = RECORDED_PARAMETERS.filter(({ unit, isReadOnly }) => unit !== undefined && !isReadOnly);
    expect(withUnit.length).toBeGreaterThan(50);
    const units = Object.keys(SIZES);
    fc.assert(
      fc.property(
        fc.constantFrom(...withUnit),
        fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e6, noNaN: true })),
        fc.constantFrom('', ...units),
        (parameter, number, unit) => {
          const declared = `${number}${unit}`;
          if (validateParameterValue(parameter, declared, '') !== undefined) return;
          const set = toArmValue(parameter, declared);
          expect(set).toMatch(/^\d+$/);
          expect(areParameterValuesEqual(parameter, declared, set)).toBe(true);
          expect(validateParameterValue(parameter, set, '')).toBeUndefined();
          expect(toArmValue(parameter, set)).toBe(set);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a value that Azure cannot set', () => {
  test.for([
    ['work_mem', '8', 'from 4096 to 2097151 (in kB)'],
    ['work_mem', '1TB', 'from 4096 to 2097151 (in kB)'],
    ['work_mem', '8mb', 'a whole number of kB, or a number with a unit: TB, GB, MB, kB, B'],
    ['work_mem', '8s', 'a whole number of kB'],
    ['work_mem', 'much', 'a whole number of kB'],
    ['max_connections', '100MB', 'a whole number, without a unit'],
    ['max_connections', '089', 'a whole number'],
    ['random_page_cost', 'NaN', 'a number'],
    ['geqo_selection_bias', '1', 'from 1.5 to 2'],
    ['autovacuum', 'perhaps', 'on or off'],
    ['pgbouncer.enabled', '2', 'true or false'],
    ['wal_level', 'minimal', 'one of: replica, logical'],
    ['client_encoding', 'EBCDIC', 'one of: BIG5'],
    ['shared_preload_libraries', 'pgaudit,my_library', "has 'my_library'"],
    ['pgaudit.log', '', 'a list of: none, read'],
    ['DateStyle', 'Klingon', 'a text of the form'],
    ['DateStyle', 'ISO, DMX', 'a text of the form'],
    ['DateStyle', 'ISO, SQL', 'a text of the form'],
    ['TimeZone', 'not a zone', 'a text of the form'],
    ['fsync', 'off', "Azure sets it, to 'on', and nobody can change it"],
    ['synchronous_commit', 'off', "Azure sets it, to 'on'"],
  ] as const)('is an error that names what is allowed: %s=%s', ([name, declared, error]) => {
    expect(validateParameterValue(recorded(name), declared, recorded(name).value)).toContain(error);
  });

  test('is judged by Azure if its metadata says nothing', () => {
    const bare: ParameterMetadata = { name: 'p', dataType: 'Integer' };
    expect(validateParameterValue(bare, '5', '4')).toBeUndefined();
    expect(validateParameterValue({ ...bare, unit: 'fortnights' }, '5', '4')).toBeUndefined();
    expect(validateParameterValue({ ...bare, dataType: 'Enumeration' }, 'x', 'y')).toBeUndefined();
    expect(validateParameterValue({ ...bare, dataType: 'Other' }, 'x', 'y')).toBeUndefined();
    expect(validateParameterValue({ ...bare, dataType: 'Other', allowedValues: '1-5' }, 'x', 'y')).toBe(
      undefined,
    );
  });

  test.for(['Integer', 'Numeric', 'Boolean', 'Enumeration', 'Set', 'String'])(
    'is judged as without a unit and a list if ARM shows them as null or empty: %s',
    (dataType) => {
      for (const nothing of [null, '']) {
        const metadata = { name: 'p', dataType, unit: nothing, allowedValues: nothing } as ParameterMetadata;
        expect(validateParameterValue(metadata, '1', '0')).toBeUndefined();
        expect(areParameterValuesEqual(metadata, '1', '0')).toBe(false);
      }
      const empty = { name: 'p', dataType: 'Integer', unit: '' };
      expect(validateParameterValue(empty, '1s', '0')).toContain('a whole number, without a unit');
    },
  );

  test('is found in linear time, whatever pattern Azure returns', () => {
    for (const allowedValues of [
      '(a+)+b',
      '(a|a)*b',
      'a*a*a*a*a*b',
      String.raw`\[?a*a*a*a*a*a*\]`,
      `${'(a|a)'.repeat(100)}b`,
      '(',
      '[z-a]',
      '\\1(a)',
      'x'.repeat(5000),
    ])
      expect(
        validateParameterValue({ dataType: 'String', allowedValues }, 'a'.repeat(900), ''),
        allowedValues.slice(0, 20),
      ).toBeUndefined();
  });
});
