import { readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';

interface LockedPackage {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lockfile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const PROJECT = 'examples/relecloud';

/** The folder in which Node.js finds a dependency of the package in `folder`. */
function resolve(packages: Lockfile['packages'], folder: string, name: string): string {
  const candidate = posix.join(folder, 'node_modules', name);
  if (candidate in packages) return candidate;
  if (folder === '.') throw new Error(`package-lock.json has no ${name}. Run \`npm install\`.`);
  return resolve(packages, posix.dirname(folder), name);
}

/**
 * The lockfile of examples/relecloud as a project of its own, with the versions of this repository's lockfile. So npm's cache
 * has all its packages after `npm ci` of this repository.
 * @throws if the lockfile does not have all dependencies, or has them below another package.
 */
export function exampleLockfile({ lockfileVersion, packages }: Lockfile): string {
  const project = packages[PROJECT] ?? {};
  const found = new Map<string, LockedPackage>();
  const pending = [PROJECT];
  for (const folder of pending) {
    const { dependencies, optionalDependencies } = packages[folder] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const dependency = resolve(packages, folder, name);
      if (dependency !== `node_modules/${name}`) throw new Error(`${dependency} is not at the top.`);
      if (!found.has(dependency)) pending.push(dependency);
      found.set(dependency, packages[dependency] ?? {});
    }
  }
  const { version, ...declared } = project;
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  const name = posix.basename(PROJECT);
  const lockfile = {
    ...{ name, version, lockfileVersion, requires: true },
    packages: { '': { name, version, ...declared }, ...Object.fromEntries(sorted) },
  };
  return `${JSON.stringify(lockfile, undefined, 2)}\n`;
}

if (import.meta.main) {
  const lockfile = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  writeFileSync(`${PROJECT}/package-lock.json`, exampleLockfile(lockfile));
}
