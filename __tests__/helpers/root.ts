import { join } from 'node:path';

/** The repository's root. */
export const repositoryRoot = join(import.meta.dirname, '..', '..');

/** The folder __tests__. */
export const testsDirectory = join(repositoryRoot, '__tests__');
