import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatDotenv } from '../common/encoding.ts';
import { actionError, getErrorMessage } from '../common/errors.ts';
import { rejectLinkOutOfWorkspace, replaceFile } from '../common/files.ts';
import { resolveInWorkspace } from '../common/paths.ts';
import type { PublishConfig } from '../inputs/types.ts';

/** First line of the dotenv file. Only files with this line are overwritten and removed. */
const ENV_FILE_HEADER = '# Written by azure-postgresql-action; removed when the job ends.\n';

/** Writes the dotenv file with these variables, and replaces an earlier one. */
export const replaceEnvFile = (path: string, environment: ReadonlyMap<string, string>): void =>
  replaceFile(path, ENV_FILE_HEADER + formatDotenv(environment), 0o600);

/**
 * Checks before the first request that env-file would not overwrite another file, and that its folder exists.
 * @throws `inputs-invalid`
 */
export function checkEnvFile({ envFile }: PublishConfig): void {
  if (envFile === undefined) return;
  const path = resolveInWorkspace(envFile);
  const problem = pathExists(path)
    ? !isOwnEnvFile(path) && 'which already exists and was not written by this action: set another path'
    : !existsSync(dirname(path))
      ? 'whose folder does not exist: create it, or set another path'
      : outsideWorkspaceReason(dirname(path));
  if (problem) throw actionError('inputs-invalid', { errors: [`env-file is '${envFile}', ${problem}`] });
}

/** Removes the dotenv file, unless another file has replaced it. */
export function removeEnvFile(path: string | undefined): void {
  if (path !== undefined && pathExists(path) && isOwnEnvFile(path)) rmSync(path, { force: true });
}

/** True for any symbolic link, even one to a missing file. */
const pathExists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

const isOwnEnvFile = (path: string): boolean =>
  lstatSync(path).isFile() && readFileSync(path, 'utf8').startsWith(ENV_FILE_HEADER);

function outsideWorkspaceReason(folder: string): string | undefined {
  try {
    rejectLinkOutOfWorkspace(folder);
    return undefined;
  } catch (error) {
    return `but ${getErrorMessage(error)}`;
  }
}
