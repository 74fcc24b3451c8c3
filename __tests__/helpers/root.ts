import { join } from 'node:path';

/** The checkout. */
export const root = join(import.meta.dirname, '..', '..');

/** The tests' own folder. */
export const tests = join(root, '__tests__');
