import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  findRunningEmulator,
  saveRunningEmulator,
  stopEmulator,
} from '../../workflow-runner/emulator-process.ts';
import { type RunResult, runWorkflow } from '../../workflow-runner/run-workflow.ts';
import { repositoryRoot } from '../helpers/root.ts';
import { test } from '../helpers/runner/example-test.ts';
import { isRunning, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

describe('examples/deploy.yml and examples/nightly.yml against the emulated Azure and GitHub', () => {
  const runs: Record<string, RunResult> = {};

  test.beforeAll(async ({ runExample }) => {
    runs['nightlyBefore'] = await runExample('nightly.yml');
    runs['first'] = await runExample('deploy.yml');
    runs['second'] = await runExample('deploy.yml');
    runs['nightlyAfter'] = await runExample('nightly.yml');
  });

  test('nightly without a server reports it as missing, opens an issue and succeeds', () => {
    expect(runs['nightlyBefore']?.exitCode, runs['nightlyBefore']?.log).toBe(0);
    expect(runs['nightlyBefore']?.log).toMatch(/^ +Drifted: true$/m);
    expect(runs['nightlyBefore']?.log).toMatch(/Opened issue #\d+ about drift/);
    expect(runs['nightlyBefore']?.log).toContain('"kind": "missing"');
  });

  test('the first deploy creates server and database, migrates, and prints the catalogue', () => {
    expect(runs['first']?.exitCode, runs['first']?.log).toBe(0);
    expect(runs['first']?.log).toContain('Server created: true');
    expect(runs['first']?.log).toContain('migrated: 2_first-season');
    expect(runs['first']?.log).toMatch(/Connected to relecloud on \S+ over TLS, its certificate verified/);
    expect(runs['first']?.log).toMatch(/Weekend at Tranquility.*Moon.*2031-07-20.*117/);
  });

  test('the second deploy changes nothing', () => {
    expect(runs['second']?.exitCode, runs['second']?.log).toBe(0);
    expect(runs['second']?.log).toContain('Server created: false');
    expect(runs['second']?.log).toMatch(/^ +Changes: \[\]$/m);
    expect(runs['second']?.log).toContain('nothing to migrate');
  });

  test('nightly after the deploy reports no drift and closes the issue', () => {
    expect(runs['nightlyAfter']?.exitCode, runs['nightlyAfter']?.log).toBe(0);
    expect(runs['nightlyAfter']?.log).toMatch(/^ +Drifted: false$/m);
    expect(runs['nightlyAfter']?.log).toMatch(/Closed issue #\d+ about drift/);
    expect(runs['nightlyAfter']?.summary).toContain('is as declared');
  });

  test('no log and no summary contains a secret', ({ secrets }) => {
    expect(secrets).toContain('VerySecurePassword!1');
    for (const { log, summary } of Object.values(runs)) {
      expect(log + summary).not.toContain('VerySecurePassword');
      for (const secret of secrets) expect(log + summary).not.toContain(secret);
    }
  });

  test('an emulator started with --keep is found by the next run until it stops, and only its user can read how to reach it', async ({
    emulator,
  }) => {
    const folder = mkdtempSync(join(tmpdir(), 'kept-'));
    try {
      saveRunningEmulator(folder, emulator);
      expect(statSync(join(folder, '.emulator')).mode & 0o777).toBe(0o700);
      expect(statSync(join(folder, '.emulator', 'kept.json')).mode & 0o777).toBe(0o600);
      expect(await findRunningEmulator(folder)).toEqual(emulator);
      await stopEmulator(emulator);
      expect(isRunning(emulator.pid)).toBe(false);
      expect(await findRunningEmulator(folder)).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test('the examples run the bundle of the current sources, in the checkout of the test', async ({
  workspace,
  built,
  write,
}) => {
  // Loaded before the script of every step, it prints which script runs.
  const printScript = "console.log('runs', (await import('node:fs')).realpathSync(process.argv[1]))";
  const { log } = await runWorkflow({
    file: write(
      workflowWithSteps(
        'uses: ./\nwith: { mode: none }',
        'if: always()\nrun: pwd -P\nworking-directory: examples',
      ),
    ),
    workspace,
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(printScript)}` },
  });
  expect(log).toContain(`runs ${join(realpathSync(built.bundle), 'index.js')}`);
  expect(log).not.toContain(`runs ${join(repositoryRoot, 'dist')}`);
  expect(log).toContain("'none'");
  expect(log).toMatch(new RegExp(`^ +${join(realpathSync(repositoryRoot), 'examples')}$`, 'm'));
});
