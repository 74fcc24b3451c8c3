import { join } from 'node:path';

/** The checkout. */
export const repositoryRoot = join(import.meta.dirname, '..', '..');

/** The tests' own folder. */
export const testsDirectory = join(repositoryRoot, '__tests__');
