import { test as base } from 'vitest';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { EmulatorHarness } from './emulator-harness.ts';

/**
 * `test` for end-to-end tests: one emulator for each file that uses it. Its recorded requests and statements and its
 * faults are cleared before each test.
 */
export const test = base
  .extend('emulatorOptions', { scope: 'file' }, async (): Promise<Partial<EmulatorOptions>> => ({}))
  .extend('emulator', { scope: 'file' }, async ({ emulatorOptions }, { onCleanup }) => {
    const emulator = await EmulatorHarness.start(emulatorOptions);
    onCleanup(() => emulator.close());
    return emulator;
  })
  .extend('clearedRecords', { auto: true }, async ({ emulator }) => {
    await emulator.clearRecords();
    return undefined;
  });

/**
 * {@link test} with other options for one file. `test.override` at the top of a file would also change the options of
 * every file that shares this module.
 */
export const testWith = (options: Partial<EmulatorOptions>) =>
  test.extend('emulatorOptions', { scope: 'file' }, async () => options);
