import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { prepareTemplates } from '../../emulator/postgres/cluster/template-cluster.ts';
import { build } from '../../scripts/build.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the bundle, built from the current sources, and a folder for Node's compile cache. */
    built: { readonly bundle: string; readonly compileCache: string };
    /** The folder of the PostgreSQL templates for all emulators. */
    postgresTemplates: string;
  }
}

const projectsWithBundle = ['runner', 'e2e', 'smoke'];
// Not smoke, which also runs where the emulator's PostgreSQL does not.
const projectsWithPostgres = ['emulator', 'runner', 'e2e'];

/** Builds the bundle and prepares the PostgreSQL templates once for all test files, because both take long. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const isSelected = (names: readonly string[]): boolean =>
    project.vitest.projects.some(({ name }) => names.includes(name));
  const bundleDirectory = mkdtempSync(join(tmpdir(), 'built-'));
  // A folder for this run alone, because `npm run build` can run at the same time.
  const compileDirectory = join('build', `test-${process.pid}`);
  const removeFiles = (): void => {
    for (const directory of [bundleDirectory, compileDirectory])
      rmSync(directory, { recursive: true, force: true });
  };
  try {
    const [templates] = await Promise.all([
      isSelected(projectsWithPostgres) ? prepareTemplates() : undefined,
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
