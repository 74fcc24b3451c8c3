import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { prepareTemplates } from '../../emulator/postgres/cluster/template-cluster.ts';
import { build } from '../../scripts/build.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The bundle, built from the sources as they are now, and a folder for Node's compile cache. */
    built: { readonly bundle: string; readonly compileCache: string };
    /** Directory of PostgreSQL templates for all emulators. */
    postgresTemplates: string;
  }
}

/** Projects whose tests run the bundle, and those that run an emulator. */
const projectsWithBundle = ['runner', 'e2e'];
const projectsWithEmulator = ['emulator', ...projectsWithBundle];

/** Makes once, for all test files, what takes long to make: the bundle and PostgreSQL's templates. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const isSelected = (names: readonly string[]): boolean =>
    project.vitest.projects.some(({ name }) => names.includes(name));
  const bundleDirectory = mkdtempSync(join(tmpdir(), 'built-'));
  // Of this run alone: the bundle may be built for another purpose at the same time.
  const compileDirectory = join('build', `test-${process.pid}`);
  const removeFiles = (): void => {
    for (const directory of [bundleDirectory, compileDirectory])
      rmSync(directory, { recursive: true, force: true });
  };
  try {
    const [templates] = await Promise.all([
      isSelected(projectsWithEmulator) ? prepareTemplates() : undefined,
      isSelected(projectsWithBundle) ? build(join(bundleDirectory, 'dist'), compileDirectory) : undefined,
    ]);
    if (templates) project.provide('postgresTemplates', templates.directory);
    project.provide('built', {
      bundle: join(bundleDirectory, 'dist'),
      compileCache: join(bundleDirectory, 'compile-cache'),
    });
    return async () => {
      await templates?.close();
      removeFiles();
    };
  } catch (error) {
    removeFiles();
    throw error;
  }
}
