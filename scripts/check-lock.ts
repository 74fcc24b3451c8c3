import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** An entry of package-lock.json: the properties that this check reads. */
export interface LockedPackage {
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
}

/**
 * Checks a lockfile. Every package that is downloaded needs a SHA-512 integrity value, so that `npm ci` accepts no other
 * content, and no entry may contain the URL of the registry from which someone installed it.
 * @param packages the entries by folder; links, workspaces and bundled packages are not downloaded
 * @returns a message for each error
 */
export function findLockfileErrors(packages: Readonly<Record<string, LockedPackage>>): readonly string[] {
  return Object.entries(packages)
    .filter(([path, { link, inBundle }]) => path.includes('node_modules/') && !link && !inBundle)
    .flatMap(([path, { integrity, resolved }]) => [
      ...(integrity?.startsWith('sha512-') ? [] : [`${path} has no SHA-512 integrity value`]),
      ...(resolved === undefined ? [] : [`${path} contains the URL from which it was downloaded`]),
    ]);
}

/** Verifies the registry's signatures of the installed packages. A registry without signatures is not an error. */
function checkSignatures(): number {
  const signatures = spawnSync('npm', ['view', 'typescript', 'dist.signatures', '--json'], {
    encoding: 'utf8',
  });
  if (signatures.status !== 0) {
    console.error(`The registry did not respond, so signatures were not checked:\n${signatures.stderr}`);
    // A developer without a network can still use the rest of the check; CI must not skip any.
    return process.env['CI'] ? 1 : 0;
  }
  if (signatures.stdout.trim() === '') {
    console.log('The registry provides no signatures, so signatures were not checked.');
    return 0;
  }
  return spawnSync('npm', ['audit', 'signatures'], { stdio: 'inherit' }).status ?? 1;
}

if (import.meta.main) {
  const errors = findLockfileErrors(JSON.parse(readFileSync('package-lock.json', 'utf8')).packages);
  if (errors.length > 0) {
    console.error(
      `package-lock.json:\n${errors.map((error) => `  ${error}\n`).join('')}Remove these entries and node_modules, and run \`npm install\`.`,
    );
    process.exit(1);
  }
  process.exitCode = checkSignatures();
}
