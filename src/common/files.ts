import { closeSync, fstatSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { workspacePath } from './paths.ts';

/**
 * Writes a file in the place of whatever has its name: a symbolic link is removed and never followed, also one that
 * somebody makes at this very moment (then it is an error). No other file ever holds the text, which may be secret.
 * @param mode permissions of the file
 * @throws Error of the system
 */
export async function replaceFile(path: string, text: string, mode = 0o644): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, text, { mode, flag: 'wx' });
}

/**
 * Reads a file, but no more than a bound; not by its size alone, which is 0 for the files of `/proc`.
 * @param maxBytes bytes
 * @returns how many bytes were found, where they are more than `max`
 * @throws Error of the system; `EISDIR` for a folder
 */
export function readFileWithLimit(path: string, maxBytes: number): Buffer | number {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size > maxBytes) return size;
    const chunks: Buffer[] = [];
    for (let length = 0; ; ) {
      const chunk = Buffer.alloc(65_536);
      const read = readSync(file, chunk);
      length += read;
      if (length > maxBytes) return length;
      if (read === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
}

/**
 * That no symbolic link leads a path of the workspace out of it: a pull request can commit such a link, and a step would
 * write over a file that it does not mean. A path outside of the workspace is what the workflow itself says, and is
 * taken as it is.
 * @param path absolute; what is missing of it is taken as it is
 * @throws Error that names the folder or file that leads outside
 */
export function rejectLinkOutOfWorkspace(path: string): void {
  const root = workspacePath();
  if (!isInside(root, path)) return;
  const existing = nearestExistingPath(path);
  if (isInside(root, existing) && !isInside(realpathSync(root), realpathSync(existing)))
    throw new Error(
      `a symbolic link leads ${relative(root, existing)} out of the workspace: give a path without it`,
    );
}

const isInside = (folder: string, path: string): boolean => {
  const relativePath = relative(folder, path);
  return relativePath !== '..' && !relativePath.startsWith(`..${sep}`) && !isAbsolute(relativePath);
};

/** The path itself, or the nearest folder above it that exists. */
function nearestExistingPath(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined && dirname(path) !== path ? nearestExistingPath(dirname(path)) : resolve(path);
}
