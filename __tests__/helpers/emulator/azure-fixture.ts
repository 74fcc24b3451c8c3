import { test as base, inject } from 'vitest';
import { startEmulator } from '../../../emulator/emulator.ts';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { ArmClient } from './arm-client.ts';
import { FakePostgresFactory } from './fake-postgres.ts';

/**
 * Operations end immediately. A test that needs a running operation holds it with the fake PostgreSQL (`postgres.hold`) or
 * uses the fixture `stalled`, so that no test depends on its speed.
 */
const immediateOptions: Partial<EmulatorOptions> = {
  provisionMs: 0,
  firewallDelayMs: 0,
  retryAfterScale: 0.0005,
};

/** Longer than any test runs, in milliseconds. */
const NEVER_ENDING_MS = 24 * 60 * 60 * 1000;

/**
 * The `test` of the emulator's tests. Each file has one emulator and a signed-in client, created for the first test that uses
 * them. For other options see {@link testWith}.
 */
export const test = base
  .extend('emulatorOptions', { scope: 'file' }, async (): Promise<Partial<EmulatorOptions>> => ({}))
  .extend('dataPlane', { scope: 'file' }, async (): Promise<'fake' | 'real'> => 'fake')
  /** The fake PostgreSQL, used unless `dataPlane` is `real`. */
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
  /** A client of another emulator, in which firewall operations never end. */
  .extend('stalled', { scope: 'file' }, async ({ emulatorOptions }, { onCleanup }) => {
    const emulator = await startEmulator({
      ...immediateOptions,
      ...emulatorOptions,
      postgres: new FakePostgresFactory(),
      firewallDelayMs: NEVER_ENDING_MS,
      // Otherwise polls would wait for the end of the operation.
      retryAfterScale: 1,
    });
    onCleanup(() => emulator.close());
    return ArmClient.signIn(emulator);
  });

/**
 * {@link test} with other options for one file. `test.override` would also change other files, because vitest without isolation
 * shares this module between files.
 */
export function testWith(options: Partial<EmulatorOptions>, dataPlane: 'fake' | 'real' = 'fake') {
  return test
    .extend('emulatorOptions', { scope: 'file' }, async () => options)
    .extend('dataPlane', { scope: 'file' }, async () => dataPlane);
}
