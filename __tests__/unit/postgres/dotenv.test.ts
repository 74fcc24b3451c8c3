import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dotenv } from '../../../src/postgres/dotenv.ts';
import { anyText, hardPasswords } from '../../helpers/unit/arbitraries.ts';
import { readDotenv } from '../../helpers/unit/dotenv-reader.ts';

const python = spawnSync('python3', ['-c', 'import dotenv']).status === 0;

/** The real python-dotenv; X is set, for a value that holds `${X}` must not be expanded. */
function readByPython(file: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'dotenv-'));
  try {
    writeFileSync(join(folder, '.env'), file);
    const script = 'import dotenv, json, sys; print(json.dumps(dotenv.dotenv_values(sys.argv[1])))';
    const args = ['-c', script, join(folder, '.env')];
    const { stdout, stderr } = spawnSync('python3', args, {
      encoding: 'utf8',
      env: { ...process.env, X: 'expanded' },
    });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const named = (values: readonly string[]): Map<string, string> =>
  new Map(values.map((value, i) => [`DB_${i}`, value]));

describe('contract.md, env-file: quoted as python-dotenv reads it', () => {
  test('every value comes back, whatever stands in it, also among others', () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 4 }), (values) => {
        const read = readDotenv(dotenv(named(values)), { X: 'expanded' });
        expect([...read.values()]).toEqual(values);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(hardPasswords)('as does the password %j, between others', (password) => {
    const values = named(['before', password, "it's after"]);
    expect(readDotenv(dotenv(values))).toEqual(values);
  });

  test('plain values stand without quotes, for other readers', () => {
    const url =
      'postgresql://relecloud_admin:p%40ss@demo.postgres.database.azure.com:5432/relecloud?sslmode=require';
    expect(
      dotenv(
        new Map([
          ['DATABASE_URL', url],
          ['DB_PORT', '5432'],
        ]),
      ),
    ).toBe(`DATABASE_URL=${url}\nDB_PORT=5432\n`);
  });

  test('an empty value is an empty value', () => {
    expect(
      readDotenv(
        dotenv(
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

  test('the reader of these tests expands and unescapes as python-dotenv does', () => {
    const file = 'A="a\\n\\"b\\"" # comment\nB=plain # comment\nC=\'${A}${NO:-d}\\\'\'\nexport D = e\n';
    const expected = { A: 'a\n"b"', B: 'plain', C: 'a\n"b"d\'', D: 'e' };
    expect(Object.fromEntries(readDotenv(file))).toEqual(expected);
    if (python) expect(readByPython(file)).toEqual(expected);
  });

  test('the real python-dotenv gets every value back', ({ skip }) => {
    skip(!python, 'python3 with python-dotenv is not installed here');
    const drawn = fc.sample(anyText, { numRuns: 300, seed: 1 });
    const values = named([...hardPasswords, ...drawn]);
    expect(readByPython(dotenv(values))).toEqual(Object.fromEntries(values));
  });
});
