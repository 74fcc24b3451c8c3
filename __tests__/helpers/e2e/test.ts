import { test as base } from 'vitest';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { EmulatorHarness } from './emulator-harness.ts';

/**
 * The `test` of end-to-end tests: one emulator for each file that asks for it, whose records of requests and statements
 * and whose faults are empty before each test.
 */
export const test = base
  .extend('emulatorOptions', { scope: 'file' }, async (): Promise<Partial<EmulatorOptions>> => ({}))
  .extend('emulator', { scope: 'file' }, async ({ emulatorOptions }, { onCleanup }) => {
    const emulator = await EmulatorHarness.start(emulatorOptions);
    onCleanup(() => emulator.close());
    return emulator;
  })
  .extend('forgotten', { auto: true }, async ({ emulator }) => {
    await emulator.clearRecords();
    return undefined;
  });

/**
 * {@link test} with other options for one file. `test.override` at the top of a file would change what every file gets
 * that shares this module with it.
 */
export const testWith = (options: Partial<EmulatorOptions>) =>
  test.extend('emulatorOptions', { scope: 'file' }, async () => options);
