import { access, chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copyFor } from './installation.ts';
import { run, type ServiceAccount } from './process.ts';

/** The collation of a new database on Azure (facts.md §2). */
export const azureLocale = 'en_US.utf8';

const systemLocales = '/usr/lib/locale';

/**
 * The environment in which PostgreSQL knows {@link azureLocale}: empty where the system has it, else a `LOCPATH` with a
 * copy of the system's `C.utf8` under that name. The name is then right, while the order of text is that of C (by code
 * point) and not of American English.
 *
 * @throws Error when the system has neither.
 */
export async function localeEnvironment(
  place: string,
  account: ServiceAccount | undefined,
): Promise<Record<string, string>> {
  const known = await run('locale', ['-a'], { account }).catch(() => '');
  if (known.split('\n').includes(azureLocale)) return {};
  for (const standIn of ['C.utf8', 'C.UTF-8']) {
    const source = join(systemLocales, standIn);
    const exists = await access(source).then(
      () => true,
      () => false,
    );
    if (!exists) continue;
    const directory = join(place, 'locale');
    await mkdir(directory);
    await chmod(directory, 0o755);
    await copyFor(account, source, join(directory, azureLocale));
    return { LOCPATH: `${directory}:${systemLocales}` };
  }
  throw new Error(`This system has neither the locale ${azureLocale} nor C.utf8; install one of them.`);
}
