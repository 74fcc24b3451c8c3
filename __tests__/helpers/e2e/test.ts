import { test as base } from 'vitest';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { EmulatorHarness } from './emulator-harness.ts';

/**
 * The end-to-end tests' `test`: one emulator for each file that asks for it, whose records of requests and statements
 * and whose faults are empty before each test. Other options for a file: `test.override({ emulatorOptions: … })`.
 */
export const test = base
  .extend('emulatorOptions', { scope: 'file' }, async (): Promise<Partial<EmulatorOptions>> => ({}))
  .extend('emulator', { scope: 'file' }, async ({ emulatorOptions }, { onCleanup }) => {
    const emulator = await EmulatorHarness.start(emulatorOptions);
    onCleanup(() => emulator.close());
    return emulator;
  })
  .extend('forgotten', { auto: true }, async ({ emulator }) => {
    await emulator.forget();
    return undefined;
  });
