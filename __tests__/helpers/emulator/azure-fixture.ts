import { afterAll, beforeAll } from 'vitest';
import { type Emulator, startEmulator } from '../../../emulator/index.ts';
import type { EmulatorOptions } from '../../../emulator/options.ts';
import { Arm } from './arm.ts';
import { FakePostgresFactory } from './fake-postgres.ts';

/** What a test file works with; filled before its first test. */
export interface Bench {
  emulator: Emulator;
  arm: Arm;
  readonly postgres: FakePostgresFactory;
}

// Quick enough to wait for, slow enough to be seen under way.
const quick: Partial<EmulatorOptions> = { provision: 200, firewallDelay: 60, retryAfter: 0.0005 };

/** One emulator for a test file, signed in to; on a data plane that only remembers, unless `real`. */
export function useEmulator(
  options: Partial<EmulatorOptions> = {},
  dataPlane: 'fake' | 'real' = 'fake',
): Bench {
  const bench = { postgres: new FakePostgresFactory() } as Bench;
  beforeAll(async () => {
    const postgres = dataPlane === 'fake' ? bench.postgres : undefined;
    bench.emulator = await startEmulator({ ...quick, postgres, ...options });
    bench.arm = await Arm.signIn(bench.emulator);
  });
  afterAll(() => bench.emulator.close());
  return bench;
}
