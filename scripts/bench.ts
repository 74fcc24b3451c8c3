import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEmulator } from '../emulator/emulator.ts';
import { type Phase, runPhase, toInputEnv, toStateEnv } from '../workflow-runner/bundle-step.ts';
import { measureClones } from './bench-clone.ts';

/**
 * Prints measurements as a table. Absolute times depend on the machine and vary, so quote only the last column, a ratio
 * within one run.
 */

const distDirectory = fileURLToPath(new URL('../dist/', import.meta.url));
const tempDirectory = mkdtempSync(join(tmpdir(), 'bench-'));

/** Runs main or post of dist/ and returns how many seconds it takes, and the variables of its state. */
async function measurePhase(
  phase: Phase,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly seconds: number; readonly stateEnv: Readonly<Record<string, string>> }> {
  const { PATH = '', HOME = '' } = process.env;
  const start = performance.now();
  const result = await runPhase(phase, distDirectory, {
    ...{ PATH, HOME, RUNNER_TEMP: tempDirectory, GITHUB_WORKSPACE: tempDirectory },
    ...env,
  });
  const seconds = (performance.now() - start) / 1000;
  if (result.exitCode !== 0) throw new Error(`${phase} exited with code ${result.exitCode}:\n${result.log}`);
  return { seconds, stateEnv: toStateEnv(result) };
}

interface ResultRow {
  readonly what: string;
  readonly measured: string;
  readonly against: string;
  readonly ratio: string;
}

const toResultRow = (what: string, value: number, against: string, baselineSeconds: number): ResultRow => ({
  what,
  measured: `${value.toFixed(2)} s`,
  against: `${against}: ${baselineSeconds.toFixed(2)} s`,
  ratio: (value / baselineSeconds).toFixed(2),
});

/** Seconds that the SDK's poller takes to create a firewall rule. */
async function measureSdkPoller(env: Readonly<Record<string, string>>): Promise<number> {
  const script = fileURLToPath(new URL('sdk-poller.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: { ...process.env, ...env },
  });
  return Number(stdout);
}

async function measureAction(): Promise<ResultRow[]> {
  // With Azure's Retry-After, and rules that take effect after three seconds.
  const emulator = await startEmulator({ retryAfterScale: 1, firewallDelayMs: 3000 });
  try {
    const inputs = toInputEnv({
      'server-name': 'bench',
      region: 'westeurope',
      'admin-username': 'relecloud_admin',
      'admin-password': 'VerySecurePassword!1',
      database: 'relecloud',
    });
    const env = {
      ...emulator.readyLine.env,
      GITHUB_REPOSITORY_ID: '1',
      GITHUB_RUN_ID: '1',
      GITHUB_RUN_ATTEMPT: '1',
    };
    const { seconds: emptyPost } = await measurePhase('post', {});
    const { seconds: firstRun, stateEnv } = await measurePhase('main', { ...env, ...inputs });
    const { seconds: sameJobRun } = await measurePhase('main', { ...env, ...inputs });
    const { seconds: postSeconds } = await measurePhase('post', { ...env, ...stateEnv });
    const otherJob = { RUNNER_TEMP: mkdtempSync(join(tempDirectory, 'job-')), GITHUB_RUN_ID: '2' };
    const { seconds: blockedRun } = await measurePhase('main', { ...env, ...inputs, ...otherJob });
    const sdkSeconds = await measureSdkPoller({
      ...emulator.readyLine.env,
      CLIENT_SECRET: emulator.readyLine.clientSecret,
    });
    return [
      toResultRow(
        'later run, from blocked by the firewall to published',
        blockedRun,
        'SDK’s poller, only the rule',
        sdkSeconds,
      ),
      toResultRow('post, removes the rule', postSeconds, 'SDK’s poller, only the rule', sdkSeconds),
      toResultRow(
        'second run of a job',
        sameJobRun,
        'first run (creation takes 2 s in the emulator)',
        firstRun,
      ),
      toResultRow('second run of a job', sameJobRun, 'post without state (start of the bundle)', emptyPost),
    ];
  } finally {
    await emulator.close();
    rmSync(tempDirectory, { recursive: true, force: true });
  }
}

const measureCloneStrategies = async () =>
  (await measureClones()).map(({ major, size, walLog, fileCopy }) => ({
    what: `clone of ${size} MiB on PostgreSQL ${major}`,
    measured: `WAL_LOG ${walLog.toFixed(2)} s`,
    against: `FILE_COPY: ${fileCopy.toFixed(2)} s`,
    ratio: (walLog / fileCopy).toFixed(2),
  }));

if (process.argv[2] === 'clone') {
  console.table(await measureCloneStrategies());
  process.exit();
}
console.table(await measureAction());
console.log(`dist/index.js: ${(statSync(join(distDirectory, 'index.js')).size / 2 ** 20).toFixed(1)} MiB`);
