import { statSync } from 'node:fs';
import { brokenFile, type ConfigFile, interpretConfigFile, MAX_BYTES } from './config/config-file.ts';
import { messageOf } from './errors.ts';
import { readBounded } from './files.ts';
import { inWorkspace } from './folders.ts';

/**
 * Reads the file of the input `config-file`. Whatever is wrong with it is among its faults; none is thrown. A symbolic link
 * is followed: who can commit one can commit the file's content too, and nothing that was not meant is quoted.
 * @param path as a step means it
 */
export function readConfigFile(path: string): ConfigFile {
  const broken = (sentence: string): ConfigFile => brokenFile(path, ` ${sentence}`);
  const file = inWorkspace(path);
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined)
      return broken(
        'is not in the workspace: was the repository checked out before this step (actions/checkout), and is the path from its root?',
      );
    if (!stat.isFile()) return broken('is no file: name a YAML file in the workspace');
    const read = readBounded(file, MAX_BYTES);
    if (typeof read === 'number')
      return broken(
        `has more than ${MAX_BYTES} bytes (${read}), the most that are read: is it the right file?`,
      );
    return interpretConfigFile(path, new TextDecoder('utf-8', { fatal: true }).decode(read));
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      return broken('is not text in UTF-8: save it so');
    return broken(`cannot be read: ${messageOf(error)}: let this job's user read it`);
  }
}
