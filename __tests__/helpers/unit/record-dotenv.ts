/**
 * Records in `dotenv-records.json` what the real python-dotenv reads: `node __tests__/helpers/unit/record-dotenv.ts`, with
 * `python3` and python-dotenv installed. Run it after a change of the quoting. It fails if python-dotenv does not read every
 * value back.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { formatDotenv } from '../../../src/common/encoding.ts';
import { anyText, difficultPasswords } from './arbitraries.ts';

const tempDirectory = mkdtempSync(join(tmpdir(), 'dotenv-'));

function readWithPythonDotenv(text: string): Record<string, string> {
  const path = join(tempDirectory, '.env');
  writeFileSync(path, text);
  const script = 'import dotenv, json, sys; print(json.dumps(dotenv.dotenv_values(sys.argv[1])))';
  const env = { ...process.env, X: 'expanded' };
  return JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8', env }));
}

try {
  const special = 'A="a\\n\\"b\\"" # comment\nB=plain # comment\nC=\'${A}${NO:-d}\\\'\'\nexport D = e\n';
  const values = [...difficultPasswords, ...fc.sample(anyText, { numRuns: 300, seed: 1 })];
  const named = new Map(values.map((value, i) => [`DB_${i}`, value]));
  const files = [special, formatDotenv(named)].map((text) => ({ text, values: readWithPythonDotenv(text) }));
  deepStrictEqual(files[0]?.values, { A: 'a\n"b"', B: 'plain', C: 'a\n"b"d\'', D: 'e' });
  deepStrictEqual(files[1]?.values, Object.fromEntries(named));
  const version = execFileSync(
    'python3',
    ['-c', 'from importlib.metadata import version; print(version("python-dotenv"))'],
    { encoding: 'utf8' },
  ).trim();
  const path = join(import.meta.dirname, 'dotenv-records.json');
  writeFileSync(path, `${JSON.stringify({ 'python-dotenv': version, files }, null, 2)}\n`);
} finally {
  rmSync(tempDirectory, { recursive: true });
}
