import { appendFileSync, existsSync } from 'node:fs';
import { EOL } from 'node:os';
import { nodeCrypto } from '../common/node-crypto.ts';

/** The runner's files of names and values. */
export type CommandFile = 'GITHUB_OUTPUT' | 'GITHUB_ENV' | 'GITHUB_STATE';

/**
 * Appends a name and a value to a file of the runner; does nothing outside a runner, which sets the variable.
 *
 * Not with @actions/core, which writes each value between two lines with a random delimiter: that needs `node:crypto`, see
 * {@link nodeCrypto}. A value of one line needs no delimiter, because the runner takes all that follows the first `=`.
 * @throws Error if the file does not exist
 */
export function appendKeyValue(file: CommandFile, name: string, value: string): void {
  const path = process.env[file];
  if (!path) return;
  if (!existsSync(path)) throw new Error(`the file ${path}, which ${file} names, does not exist`);
  appendFileSync(path, `${/[\r\n]/.test(value) ? withDelimiter(name, value) : `${name}=${value}`}${EOL}`);
}

/** No value can contain the delimiter, and so end early, because it is random. */
function withDelimiter(name: string, value: string): string {
  const delimiter = `ghadelimiter_${nodeCrypto().randomUUID()}`;
  return [`${name}<<${delimiter}`, value, delimiter].join(EOL);
}
