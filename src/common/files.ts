import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { workspacePath } from './paths.ts';

/**
 * Replaces a file. An existing symbolic link is removed and never followed; one that another process creates at the same
 * moment is an error. No other file ever contains the text, which may be secret.
 * @param mode permissions of the new file
 * @throws Error of the operating system
 */
export function replaceFile(path: string, text: string, mode = 0o644): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode, flag: 'wx' });
}

/**
 * Reads a file up to a limit. The size of the file is not sufficient, because it is 0 for files in `/proc`.
 * @returns the content, or the number of bytes found if they are more than `maxBytes`
 * @throws Error of the operating system; `EISDIR` for a folder
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
 * Rejects a path in the workspace if a symbolic link leads it out of the workspace. A pull request can commit such a link,
 * and the step would overwrite another file. A path outside the workspace is the workflow's own choice and is accepted.
 * @param path absolute; it does not need to exist
 * @throws Error that names the folder or file that leads outside
 */
export function rejectLinkOutOfWorkspace(path: string): void {
  const root = workspacePath();
  if (!isInside(root, path)) return;
  const existing = nearestExistingPath(path);
  if (isInside(root, existing) && !isInside(realpathSync(root), realpathSync(existing)))
    throw new Error(
      `a symbolic link at ${relative(root, existing)} leads out of the workspace: use a path without it`,
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
