import { chmod, copyFile, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, type ServiceAccount } from './run-command.ts';

/** Maximum length of a Unix socket's path on Linux, in bytes. */
const MAX_SOCKET_PATH_BYTES = 107;

/** The longest path of a socket below the directory of the factory. */
const SOCKET_PATH_SUFFIX = '/server-9999/.s.PGSQL.5432';

const SHARED_MEMORY_DIRECTORY = '/dev/shm';

/** Free bytes in shared memory below which the factory uses a disk. A server has about 50 MB. */
const MIN_FREE_BYTES = 2 * 1024 ** 3;

/** The type that Linux reports for a file system in memory (statfs(2), TMPFS_MAGIC). */
const TMPFS_MAGIC = 0x01021994;

/**
 * The possible parents of the factory's directory, the best first. A server is more than a thousand small files with a
 * short life: in memory they take a tenth of the time that they take on some disks.
 */
export async function candidateDirectories(directory: string): Promise<string[]> {
  const diskDirectories = [directory, tmpdir(), '/tmp', '/var/tmp'];
  const shared = await statfs(SHARED_MEMORY_DIRECTORY).catch(() => undefined);
  const hasEnoughMemory = shared?.type === TMPFS_MAGIC && shared.bavail * shared.bsize >= MIN_FREE_BYTES;
  return hasEnoughMemory ? [SHARED_MEMORY_DIRECTORY, ...diskDirectories] : diskDirectories;
}

/**
 * Create the directory of the factory in the first parent where PostgreSQL's account can run programs, and where the
 * path of the socket is short enough.
 *
 * @throws Error if no parent is suitable.
 */
export async function createDataDirectory(
  parents: readonly string[],
  account: ServiceAccount | undefined,
): Promise<string> {
  for (const parent of new Set(parents)) {
    const directory = await mkdtemp(join(parent, 'pg-')).catch(() => undefined);
    if (directory === undefined) continue;
    // mkdtemp creates it with 0700. PostgreSQL's account must traverse it, but need not list it.
    await chmod(directory, 0o711);
    const fits = Buffer.byteLength(directory + SOCKET_PATH_SUFFIX) <= MAX_SOCKET_PATH_BYTES;
    if (fits && (await canExecuteIn(directory, account))) return directory;
    await rm(directory, { recursive: true });
  }
  throw new Error(
    `PostgreSQL's account cannot use any of these directories: ${[...new Set(parents)].join(', ')}. It needs a directory that all users can traverse, that permits running programs, and whose path has at most 70 bytes.`,
  );
}

/** Runs a program there, because mode bits do not show the ancestors, ACLs and `noexec`. */
async function canExecuteIn(directory: string, account: ServiceAccount | undefined): Promise<boolean> {
  const program = join(directory, 'sh');
  try {
    await copyFile('/bin/sh', program);
    await chmod(program, 0o755);
    await runCommand(program, ['-c', 'exit 0'], { account });
    return true;
  } catch {
    return false;
  } finally {
    await rm(program, { force: true });
  }
}
