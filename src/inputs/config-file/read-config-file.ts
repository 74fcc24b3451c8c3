import { statSync } from 'node:fs';
import { getErrorMessage } from '../../common/errors.ts';
import { readFileWithLimit } from '../../common/files.ts';
import { resolveInWorkspace } from '../../common/paths.ts';
import {
  type ConfigFile,
  invalidConfigFile,
  MAX_CONFIG_FILE_BYTES,
  parseConfigFile,
} from './parse-config-file.ts';

/**
 * Reads the file of the input `config-file`. Whatever is wrong with it is among its faults; none is thrown. A symbolic link
 * is followed: who can commit one can commit the file's content too, and nothing that was not meant is quoted.
 * @param path as a step means it
 */
export function readConfigFile(path: string): ConfigFile {
  const invalid = (reason: string): ConfigFile => invalidConfigFile(path, ` ${reason}`);
  const file = resolveInWorkspace(path);
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined)
      return invalid(
        'is not in the workspace: was the repository checked out before this step (actions/checkout), and is the path from its root?',
      );
    if (!stat.isFile()) return invalid('is no file: name a YAML file in the workspace');
    const content = readFileWithLimit(file, MAX_CONFIG_FILE_BYTES);
    if (typeof content === 'number')
      return invalid(
        `has more than ${MAX_CONFIG_FILE_BYTES} bytes (${content}), the most that are read: is it the right file?`,
      );
    return parseConfigFile(path, new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      return invalid('is not text in UTF-8: save it so');
    return invalid(`cannot be read: ${getErrorMessage(error)}: let this job's user read it`);
  }
}
