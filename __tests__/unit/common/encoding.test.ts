import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dotenvReaders, formatDotenv } from '../../../src/common/encoding.ts';
import { anyText, difficultPasswords } from '../../helpers/unit/arbitraries.ts';
import { readDotenv } from '../../helpers/unit/dotenv-reader.ts';
import dotenvRecords from '../../helpers/unit/dotenv-records.json' with { type: 'json' };

/**
 * Values that the real python-dotenv read, recorded by `record-dotenv.ts`, so that neither it nor Python has to be installed.
 * X was set, because a value that contains `${X}` must not be expanded.
 */
const recorded = dotenvRecords.files;

const toVariables = (values: readonly string[]): Map<string, string> =>
  new Map(values.map((value, i) => [`DB_${i}`, value]));

describe('dotenv files are quoted for python-dotenv', () => {
  test('every value is read back unchanged, also among others', () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 4 }), (values) => {
        const read = readDotenv(formatDotenv(toVariables(values)), { X: 'expanded' });
        expect([...read.values()]).toEqual(values);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(difficultPasswords)('so is the password %j, between others', (password) => {
    const values = toVariables(['before', password, "it's after"]);
    expect(readDotenv(formatDotenv(values))).toEqual(values);
  });

  test('plain values have no quotes, for other parsers', () => {
    const url =
      'postgresql://relecloud_admin:p%40ss@demo.postgres.database.azure.com:5432/relecloud?sslmode=require';
    expect(
      formatDotenv(
        new Map([
          ['DATABASE_URL', url],
          ['DB_PORT', '5432'],
        ]),
      ),
    ).toBe(`DATABASE_URL=${url}\nDB_PORT=5432\n`);
  });

  test('an empty value stays empty', () => {
    expect(
      readDotenv(
        formatDotenv(
          new Map([
            ['A', ''],
            ['B', 'b'],
          ]),
        ),
      ),
    ).toEqual(
      new Map([
        ['A', ''],
        ['B', 'b'],
      ]),
    );
  });

  test('the parser of these tests expands and unescapes as python-dotenv does', () => {
    expect(recorded.length).toBeGreaterThan(1);
    for (const { text, values } of recorded)
      expect(Object.fromEntries(readDotenv(text, { X: 'expanded' }))).toEqual(values);
  });

  test('the real python-dotenv reads every value back', () => {
    const { text, values } = recorded[1] ?? { text: '', values: {} };
    const given = Object.values(values);
    expect(given.slice(0, difficultPasswords.length)).toEqual(difficultPasswords);
    expect(given.length).toBeGreaterThan(300);
    // The quoting is the same as when the values were recorded. If this fails, record them again.
    expect(formatDotenv(toVariables(given))).toBe(text);
  });
});

/** As `docker run --env-file`: each line up to the first `=` is the name, and the rest is the value. */
const readByDocker = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

/** As a shell that sources the file. */
function readByShell(shell: string, text: string): Map<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'dotenv-'));
  try {
    const path = join(directory, 'env');
    writeFileSync(path, text);
    const output = execFileSync(shell, ['-c', `set -a; . "$1"; exec env -0`, shell, path], {
      env: { PATH: process.env['PATH'], HOME: '/home/runner' },
      encoding: 'utf8',
    });
    const lines = output.split('\0').filter((line) => line.startsWith('DB_'));
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('the readers that dotenvReaders names', () => {
  const values = [
    ...difficultPasswords,
    ...fc.sample(anyText, { numRuns: 400, seed: 2 }),
    'postgresql://u:~p!*,@h:5432/d?sslmode=verify-full&sslrootcert=/r.pem',
    '~root',
    'a:~root',
    'it\'s "both"',
    "it's",
    'Straße-日本',
  ];
  const variablesFor = (...readers: readonly string[]): Map<string, string> =>
    toVariables(values.filter((value) => readers.includes(dotenvReaders(value))));
  const unquoted = variablesFor('all');
  const quoted = variablesFor('all', 'quoted');

  test('there are values of each kind, and a generated password is readable by all', () => {
    expect(unquoted.size).toBeGreaterThan(5);
    expect(quoted.size).toBeGreaterThan(unquoted.size + 50);
    expect(variablesFor('python-dotenv').size).toBeGreaterThan(20);
    expect(dotenvReaders('Zq3_x-9'.repeat(6))).toBe('all');
  });

  test.each([
    ['python-dotenv', (text: string) => readDotenv(text, { X: 'expanded' })],
    ['Node.js', (text: string) => new Map(Object.entries(parseEnv(text)))],
    // The shells of other systems have no `env -0`, or are none.
    ...(process.platform === 'linux' ? ['bash', 'sh'] : []).map(
      (shell) => [shell, (text: string) => readByShell(shell, text)] as const,
    ),
  ] as const)('%s reads the values of `all` and `quoted`', (_, read) => {
    expect(read(formatDotenv(quoted))).toEqual(quoted);
  });

  test('docker reads the values of `all`', () => {
    expect(readByDocker(formatDotenv(unquoted))).toEqual(unquoted);
  });
});
