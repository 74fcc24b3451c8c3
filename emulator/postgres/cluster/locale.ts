import { access, chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copyWithOwner } from './installation.ts';
import { runCommand, type ServiceAccount } from './run-command.ts';

/** The default collation of a database on Azure. */
export const AZURE_LOCALE = 'en_US.utf8';

const SYSTEM_LOCALE_DIRECTORY = '/usr/lib/locale';

/**
 * The environment variables with which PostgreSQL finds {@link AZURE_LOCALE}. If the system does not have it, `LOCPATH`
 * leads to a copy of `C.utf8` with that name. Text then sorts by code point, not as American English.
 *
 * @throws Error if the system has neither locale.
 */
export async function createLocaleEnvironment(
  parentDirectory: string,
  account: ServiceAccount | undefined,
): Promise<Record<string, string>> {
  const locales = await runCommand('locale', ['-a'], { account }).catch(() => '');
  if (locales.split('\n').includes(AZURE_LOCALE)) return {};
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
  throw new Error(`This system has neither the locale ${AZURE_LOCALE} nor C.utf8. Install one of them.`);
}
