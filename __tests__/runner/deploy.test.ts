import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type EmulatorProcess,
  findKeptEmulator,
  keepEmulator,
  startEmulator,
  stopEmulator,
} from '../../emulator/runner/emulator-process.ts';
import { exampleValues } from '../../emulator/runner/example-values.ts';
import { type RunResult, runWorkflow } from '../../emulator/runner/index.ts';
import { root } from '../helpers/root.ts';
import { isRunning } from '../helpers/runner/run.ts';

describe('examples/deploy.yml against the emulated Azure', () => {
  let emulator: EmulatorProcess;
  const runs: RunResult[] = [];

  beforeAll(async () => {
    emulator = await startEmulator(
      root,
      ['--provision', '200', '--firewall-delay', '100', '--blocked', 'reject'],
      false,
    );
    const { env, clientSecret } = emulator;
    const options = { file: join(root, 'examples', 'deploy.yml'), workspace: root, env };
    for (const _each of ['first', 'second']) {
      runs.push(await runWorkflow({ ...options, ...exampleValues(env, clientSecret) }));
    }
  });

  afterAll(() => stopEmulator(emulator));

  test('the first run makes server and database, migrates, and prints the catalogue', () => {
    expect(runs[0]?.exitCode).toBe(0);
    expect(runs[0]?.log).toContain('Server created: true');
    expect(runs[0]?.log).toContain('migrated: 2_first-season');
    expect(runs[0]?.log).toMatch(/Connected to relecloud on \S+ over TLS, its certificate verified/);
    expect(runs[0]?.log).toMatch(/Weekend at Tranquility.*Moon.*2031-07-20.*117/);
  });

  test('the second run changes nothing', () => {
    expect(runs[1]?.exitCode).toBe(0);
    expect(runs[1]?.log).toContain('Server created: false');
    expect(runs[1]?.log).toMatch(/^ +Changes: \[\]$/m);
    expect(runs[1]?.log).toContain('nothing to migrate');
  });

  test('neither log nor summary shows the password', () => {
    for (const { log, summary } of runs) {
      expect(log + summary).not.toContain('VerySecurePassword');
    }
  });

  test('a kept emulator is found by the next call, readable by its user only, and gone once it has ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kept-'));
    try {
      keepEmulator(folder, emulator);
      expect(statSync(join(folder, '.emulator')).mode & 0o777).toBe(0o700);
      expect(statSync(join(folder, '.emulator', 'kept.json')).mode & 0o777).toBe(0o600);
      expect(await findKeptEmulator(folder)).toEqual(emulator);
      await stopEmulator(emulator);
      expect(isRunning(emulator.pid)).toBe(false);
      expect(await findKeptEmulator(folder)).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
