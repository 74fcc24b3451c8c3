import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmulatorProcess, stopEmulator } from '../../emulator/runner/emulator-process.ts';
import { exampleValues } from '../../emulator/runner/example-values.ts';
import type { RunResult } from '../../emulator/runner/index.ts';
import { emulatorForExamples, runExample } from '../helpers/runner/examples.ts';

describe('examples/nightly.yml against the emulated Azure and GitHub', () => {
  let emulator: EmulatorProcess;
  const runs: Record<string, RunResult> = {};

  beforeAll(async () => {
    emulator = await emulatorForExamples();
    runs['before'] = await runExample(emulator, 'nightly.yml');
    runs['deployed'] = await runExample(emulator, 'deploy.yml');
    runs['after'] = await runExample(emulator, 'nightly.yml');
  }, 180_000);

  afterAll(() => stopEmulator(emulator));

  test('without a server: one missing, an issue, and a green job', () => {
    expect(runs['before']?.exitCode, runs['before']?.log).toBe(0);
    expect(runs['before']?.log).toMatch(/^ +Drifted: true$/m);
    expect(runs['before']?.log).toMatch(/Issue #\d+: opened\./);
    expect(runs['before']?.log).toContain('"kind": "missing"');
  });

  test('what deploy.yml has made is what the file declares; the issue is closed', () => {
    expect(runs['deployed']?.exitCode, runs['deployed']?.log).toBe(0);
    expect(runs['after']?.exitCode, runs['after']?.log).toBe(0);
    expect(runs['after']?.log).toMatch(/^ +Drifted: false$/m);
    expect(runs['after']?.log).toMatch(/Issue #\d+: closed\./);
    expect(runs['after']?.summary).toContain('Everything is as declared.');
  });

  test('no log, no summary shows a secret', () => {
    const { secrets } = exampleValues(emulator.env, emulator.clientSecret);
    for (const { log, summary } of Object.values(runs))
      for (const secret of Object.values(secrets)) expect(log + summary).not.toContain(secret);
  });
});
