import { defineConfig } from 'vitest/config';

/**
 * Levels whose files share the modules of a worker: loading them takes longer than the tests do, so a worker for each of
 * two cores is faster than more. What a test changes in its process, it restores.
 */
const sharing = ['unit', 'consistency'];

/** A level of the tests: the files of one folder. */
const level = (name: string) => ({
  test: {
    name,
    ...(sharing.includes(name)
      ? { isolate: false, pool: 'threads' as const, maxWorkers: 2 }
      : // After the others: projects of one group have to have the same number of workers.
        { isolate: name === 'runner', sequence: { groupOrder: 1 } }),
    include: [`__tests__/${name}/**/*.test.ts`],
    // They end a test that hangs, and decide nothing else: on a busy machine everything takes longer.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});

export default defineConfig({
  test: {
    projects: ['unit', 'consistency', 'emulator', 'runner', 'e2e'].map(level),
    globalSetup: '__tests__/helpers/global-setup.ts',
    // Much of the time is spent waiting for the emulated Azure, so more workers than cores pay.
    maxWorkers: 4,
  },
});
