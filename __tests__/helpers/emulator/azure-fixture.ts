import { test as base, inject } from 'vitest';
import { startEmulator } from '../../../emulator/emulator.ts';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { ArmClient } from './arm-client.ts';
import { FakePostgresFactory } from './fake-postgres.ts';

/**
 * Operations end at once: a test that looks at one under way holds it, by the fake PostgreSQL (`postgres.hold`) or in
 * {@link test}'s `stalled`, so that no test depends on being faster than a duration.
 */
const immediateOptions: Partial<EmulatorOptions> = {
  provisionMs: 0,
  firewallDelayMs: 0,
  retryAfterScale: 0.0005,
};

/** Longer than any test runs, in milliseconds. */
const NEVER_ENDING_MS = 24 * 60 * 60 * 1000;

/**
 * The `test` of the emulator's own tests, with what a file shares: one emulator, signed in to. Everything is made for
 * the first test that asks for it. Other options for a file: {@link testWith}.
 */
export const test = base
  .extend('emulatorOptions', { scope: 'file' }, async (): Promise<Partial<EmulatorOptions>> => ({}))
  .extend('dataPlane', { scope: 'file' }, async (): Promise<'fake' | 'real'> => 'fake')
  /** The data plane that only remembers, unless `dataPlane` is real. */
  .extend('postgres', { scope: 'file' }, async () => new FakePostgresFactory())
  .extend('emulator', { scope: 'file' }, async ({ emulatorOptions, dataPlane, postgres }, { onCleanup }) => {
    const emulator = await startEmulator({
      ...immediateOptions,
      ...(dataPlane === 'fake' ? { postgres } : { postgresTemplateDirectory: inject('postgresTemplates') }),
      ...emulatorOptions,
    });
    onCleanup(() => emulator.close());
    return emulator;
  })
  .extend('arm', { scope: 'file' }, async ({ emulator }) => ArmClient.signIn(emulator))
  /** Another emulator, in which no firewall operation ends. */
  .extend('stalled', { scope: 'file' }, async ({ emulatorOptions }, { onCleanup }) => {
    const emulator = await startEmulator({
      ...immediateOptions,
      ...emulatorOptions,
      postgres: new FakePostgresFactory(),
      firewallDelayMs: NEVER_ENDING_MS,
      // Polls are answered at once, and not held for an end that does not come.
      retryAfterScale: 1,
    });
    onCleanup(() => emulator.close());
    return ArmClient.signIn(emulator);
  });

/**
 * {@link test} with other options for one file. `test.override` at the top of a file would change what every file gets
 * that shares this module with it, as they do where vitest does not isolate them.
 */
export function testWith(options: Partial<EmulatorOptions>, dataPlane: 'fake' | 'real' = 'fake') {
  return test
    .extend('emulatorOptions', { scope: 'file' }, async () => options)
    .extend('dataPlane', { scope: 'file' }, async () => dataPlane);
}
