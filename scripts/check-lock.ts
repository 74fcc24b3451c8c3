import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** An entry of package-lock.json, as far as it matters here. */
export interface LockedPackage {
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
}

/**
 * What is wrong with a lockfile: every package that is downloaded needs an integrity value (SHA-512), so that `npm ci`
 * takes nothing else for it, and no entry may name the host from which somebody happened to install.
 * @param packages by their folders; links, workspaces and what comes within another package are not downloaded
 * @returns a sentence for each fault
 */
export function findLockfileErrors(packages: Readonly<Record<string, LockedPackage>>): readonly string[] {
  return Object.entries(packages)
    .filter(([path, { link, inBundle }]) => path.includes('node_modules/') && !link && !inBundle)
    .flatMap(([path, { integrity, resolved }]) => [
      ...(integrity?.startsWith('sha512-') ? [] : [`${path} has no SHA-512 integrity value`]),
      ...(resolved === undefined ? [] : [`${path} names where it was downloaded from`]),
    ]);
}

/** Verifies the registry's signatures of what is installed; a registry that serves none is no fault of the packages. */
function checkSignatures(): number {
  const signatures = spawnSync('npm', ['view', 'typescript', 'dist.signatures', '--json'], {
    encoding: 'utf8',
  });
  if (signatures.status !== 0) {
    console.error(
      `The registry in use did not answer, so signatures were not checked:\n${signatures.stderr}`,
    );
    // Without a network the rest of the check is of use; in CI nothing may pass unchecked.
    return process.env['CI'] ? 1 : 0;
  }
  if (signatures.stdout.trim() === '') {
    console.log('The registry in use serves no signatures, so the packages’ signatures were not checked.');
    return 0;
  }
  return spawnSync('npm', ['audit', 'signatures'], { stdio: 'inherit' }).status ?? 1;
}

if (import.meta.main) {
  const faults = findLockfileErrors(JSON.parse(readFileSync('package-lock.json', 'utf8')).packages);
  if (faults.length > 0) {
    console.error(
      `package-lock.json:\n${faults.map((fault) => `  ${fault}\n`).join('')}Remove these entries and node_modules, and run \`npm install\`.`,
    );
    process.exit(1);
  }
  process.exitCode = checkSignatures();
}
