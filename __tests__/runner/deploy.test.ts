import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  findRunningEmulator,
  saveRunningEmulator,
  stopEmulator,
} from '../../workflow-runner/emulator-process.ts';
import type { RunResult } from '../../workflow-runner/run-workflow.ts';
import { repositoryRoot } from '../helpers/root.ts';
import { test } from '../helpers/runner/example-test.ts';
import { isRunning, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

describe('examples/deploy.yml and examples/nightly.yml against the emulated Azure and GitHub', () => {
  const runs: Record<string, RunResult> = {};
  let issueBefore: string | undefined;
  let issueAfter: string | undefined;

  test.beforeAll(async ({ runExample, gitHubTexts }) => {
    const readIssue = async () =>
      Object.entries(await gitHubTexts())
        .find(([title]) => title.startsWith('Issue'))
        ?.join('\n');
    runs['nightlyBefore'] = await runExample('nightly.yml');
    issueBefore = await readIssue();
    runs['first'] = await runExample('deploy.yml');
    runs['second'] = await runExample('deploy.yml');
    runs['nightlyAfter'] = await runExample('nightly.yml');
    issueAfter = await readIssue();
  });

  test('nightly without a server reports it as missing in an issue, and succeeds', () => {
    expect(runs['nightlyBefore']?.exitCode, runs['nightlyBefore']?.log).toBe(0);
    expect(issueBefore).toMatch(/^Issue #\d+ of relecloud\/space-travel, open\n/);
    expect(issueBefore).toContain('demo-relecloud');
  });

  test('the first deploy creates server and database, migrates, and the application reads it as its own role', () => {
    expect(runs['first']?.exitCode, runs['first']?.log).toBe(0);
    expect(runs['first']?.log).toMatch(/\bcreated? server demo-relecloud\b/i);
    expect(runs['first']?.log).toContain('migrated: 2_first-season');
    expect(runs['first']?.log).toContain('DB_USER: relecloud_app');
    expect(runs['first']?.log).toMatch(/Connected to relecloud on \S+ over TLS, its certificate verified/);
    expect(runs['first']?.log).toMatch(/Weekend at Tranquility.*Moon.*2031-07-20.*117/);
  });

  test('the second deploy creates nothing and migrates nothing', () => {
    expect(runs['second']?.exitCode, runs['second']?.log).toBe(0);
    expect(runs['second']?.log).not.toMatch(/\bcreated? (server|database|role|resource group) /i);
    expect(runs['second']?.log).toContain('nothing to migrate');
  });

  test('nightly after the deploy reports no drift and closes the issue', () => {
    expect(runs['nightlyAfter']?.exitCode, runs['nightlyAfter']?.log).toBe(0);
    expect(issueAfter).toMatch(/^Issue #\d+ of relecloud\/space-travel, closed\n/);
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

test('the examples run the bundle of the current sources, in a copy of their project', async ({
  runExample,
  built,
  write,
}) => {
  // Loaded before the script of every step, it prints which script runs.
  const printScript = "console.log('runs', (await import('node:fs')).realpathSync(process.argv[1]))";
  const workflow = workflowWithSteps(
    'uses: actions/checkout@v7',
    'uses: mona/azure-postgresql-action@0123456789012345678901234567890123456789\nwith: { mode: none }',
    'if: always()\nrun: pwd -P; ls -A',
  );
  const { log } = await runExample('deploy.yml', undefined, {
    file: write(workflow),
    gitHub: undefined,
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(printScript)}` },
  });
  expect(log).toContain(`runs ${join(realpathSync(built.bundle), 'index.js')}`);
  expect(log).not.toContain(`runs ${join(repositoryRoot, 'dist')}`);
  expect(log).toContain("'none'");
  expect(log).toMatch(/^ +\/\S+\/space-travel\/space-travel$/m);
  expect(log).toMatch(/^ +package-lock\.json$/m);
  expect(log).not.toContain('node_modules');
});
