import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type ServiceAccount } from './process.ts';

/** The longest path that a Unix socket can have on Linux, in bytes. */
const longestSocketPath = 107;

/** Where in the factory's own directory the socket of its highest imaginable server stands. */
const socketSuffix = '/server-9999/.s.PGSQL.5432';

/**
 * Make the factory's own directory: inside the given one if PostgreSQL's account can get there and the socket's path
 * stays short enough, else in the first temporary directory of the system of which that holds.
 *
 * @throws Error when no candidate will do.
 */
export async function makePlace(directory: string, account: ServiceAccount | undefined): Promise<string> {
  for (const parent of new Set([directory, tmpdir(), '/tmp', '/var/tmp'])) {
    const place = await mkdtemp(join(parent, 'pg-')).catch(() => undefined);
    if (place === undefined) continue;
    // mkdtemp makes it 0700; PostgreSQL's account must pass through to its own data directories, but not look around.
    await chmod(place, 0o711);
    const fits = Buffer.byteLength(place + socketSuffix) <= longestSocketPath;
    if (fits && (await canEnter(place, account))) return place;
    await rm(place, { recursive: true });
  }
  throw new Error(
    `PostgreSQL's account cannot use ${directory} nor the system's temporary directories: it needs one that everyone may traverse and whose path has at most 70 bytes.`,
  );
}

async function canEnter(directory: string, account: ServiceAccount | undefined): Promise<boolean> {
  // Asking the kernel as that account sees what mode bits alone do not: every ancestor, ACLs, mount options.
  return run('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], { account }).then(
    () => true,
    () => false,
  );
}
