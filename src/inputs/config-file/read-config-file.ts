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
 * Reads the file of the input `config-file`. Errors are returned, not thrown. A symbolic link is followed: anyone who
 * can commit one can commit the content too, and errors never quote the content.
 * @param path relative to the workspace
 */
export function readConfigFile(path: string): ConfigFile {
  const invalid = (reason: string): ConfigFile => invalidConfigFile(path, ` ${reason}`);
  const file = resolveInWorkspace(path);
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined)
      return invalid(
        'is not in the workspace: check out the repository before this step (actions/checkout), and set the path from its root',
      );
    if (!stat.isFile()) return invalid('is not a file: set the path of a YAML file in the workspace');
    const content = readFileWithLimit(file, MAX_CONFIG_FILE_BYTES);
    if (typeof content === 'number')
      return invalid(
        `has more than ${MAX_CONFIG_FILE_BYTES} bytes (${content}), which is the limit: check whether it is the right file`,
      );
    return parseConfigFile(path, new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      return invalid('is not UTF-8 text: save it in that encoding');
    return invalid(`cannot be read: ${getErrorMessage(error)}: grant this job's user read access`);
  }
}
