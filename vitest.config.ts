import { defineConfig } from 'vitest/config';

/** A level of the tests: the files of one folder. */
const level = (name: string, options: object) => ({
  test: {
    name,
    include: [`__tests__/${name}/**/*.test.ts`],
    // They only end a test that hangs, because tests take longer on a busy machine.
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    // Files of a worker share its modules, since loading them takes longer than many tests do; what a test changes in its
    // process for itself, it restores.
    isolate: false,
    ...options,
  },
});

/** Tests that compute and do not wait: a worker for each of two cores. */
const computing = { pool: 'threads', maxWorkers: 2 };

/** Tests that wait for the emulated Azure much of the time: more workers than cores pay. After the others. */
const waiting = { sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    projects: [
      level('unit', computing),
      level('consistency', computing),
      level('emulator', waiting),
      level('runner', waiting),
      level('e2e', waiting),
      level('smoke', waiting),
    ],
    globalSetup: '__tests__/helpers/global-setup.ts',
    maxWorkers: 4,
  },
});
