import { access, chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copyWithOwner } from './installation.ts';
import { runCommand, type ServiceAccount } from './run-command.ts';

/** The collation of a new database on Azure (facts.md §2). */
export const AZURE_LOCALE = 'en_US.utf8';

const SYSTEM_LOCALE_DIRECTORY = '/usr/lib/locale';

/**
 * The environment in which PostgreSQL knows {@link AZURE_LOCALE}: empty where the system has it, else a `LOCPATH` with a
 * copy of the system's `C.utf8` under that name. The name is then right, while the order of text is that of C (by code
 * point) and not of American English.
 *
 * @throws Error when the system has neither.
 */
export async function createLocaleEnvironment(
  parentDirectory: string,
  account: ServiceAccount | undefined,
): Promise<Record<string, string>> {
  const known = await runCommand('locale', ['-a'], { account }).catch(() => '');
  if (known.split('\n').includes(AZURE_LOCALE)) return {};
  for (const substitute of ['C.utf8', 'C.UTF-8']) {
    const source = join(SYSTEM_LOCALE_DIRECTORY, substitute);
    const exists = await access(source).then(
      () => true,
      () => false,
    );
    if (!exists) continue;
    const directory = join(parentDirectory, 'locale');
    await mkdir(directory);
    await chmod(directory, 0o755);
    await copyWithOwner(account, source, join(directory, AZURE_LOCALE));
    return { LOCPATH: `${directory}:${SYSTEM_LOCALE_DIRECTORY}` };
  }
  throw new Error(`This system has neither the locale ${AZURE_LOCALE} nor C.utf8; install one of them.`);
}
