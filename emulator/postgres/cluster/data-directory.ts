import { chmod, copyFile, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, type ServiceAccount } from './run-command.ts';

/** The longest path that a Unix socket can have on Linux, in bytes. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Where in the factory's own directory the socket of its highest imaginable server stands. */
const SOCKET_PATH_SUFFIX = '/server-9999/.s.PGSQL.5432';

const SHARED_MEMORY_DIRECTORY = '/dev/shm';

/** What must be free in memory before servers of some 50 MB each are put there, in bytes. */
const MIN_FREE_BYTES = 2 * 1024 ** 3;

/** The type that Linux reports for a file system in memory (statfs(2), TMPFS_MAGIC). */
const TMPFS_MAGIC = 0x01021994;

/**
 * Where the factory's own directory may be made, the best place first. A server is more than a thousand small files that
 * are soon thrown away: in memory, where there is plenty, that takes a tenth of the time it takes on some disks.
 */
export async function candidateDirectories(directory: string): Promise<string[]> {
  const disks = [directory, tmpdir(), '/tmp', '/var/tmp'];
  const shared = await statfs(SHARED_MEMORY_DIRECTORY).catch(() => undefined);
  const hasEnoughMemory = shared?.type === TMPFS_MAGIC && shared.bavail * shared.bsize >= MIN_FREE_BYTES;
  return hasEnoughMemory ? [SHARED_MEMORY_DIRECTORY, ...disks] : disks;
}

/**
 * Make the factory's own directory: in the first of these parents in which PostgreSQL's account can get there and run
 * programs, and the socket's path stays short enough.
 *
 * @throws Error when none of them will do.
 */
export async function createDataDirectory(
  parents: readonly string[],
  account: ServiceAccount | undefined,
): Promise<string> {
  for (const parent of new Set(parents)) {
    const directory = await mkdtemp(join(parent, 'pg-')).catch(() => undefined);
    if (directory === undefined) continue;
    // mkdtemp makes it 0700; PostgreSQL's account must pass through to its own data directories, but not look around.
    await chmod(directory, 0o711);
    const fits = Buffer.byteLength(directory + SOCKET_PATH_SUFFIX) <= MAX_SOCKET_PATH_BYTES;
    if (fits && (await canExecuteIn(directory, account))) return directory;
    await rm(directory, { recursive: true });
  }
  throw new Error(
    `PostgreSQL's account can use none of ${[...new Set(parents)].join(', ')}: it needs a directory that everyone may traverse, from which programs may be run, and whose path has at most 70 bytes.`,
  );
}

/** Asking the kernel sees what mode bits alone do not: every ancestor, ACLs, `noexec`. */
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
