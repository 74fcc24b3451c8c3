import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEmulator } from '../emulator/emulator.ts';
import { measureClones } from './bench-clone.ts';

/**
 * Prints measurements as a table. Absolute times depend on the machine and vary, so quote only the last column, a ratio
 * within one run.
 */

const distDirectory = fileURLToPath(new URL('../dist/', import.meta.url));
const tempDirectory = mkdtempSync(join(tmpdir(), 'bench-'));

/** Runs a file of dist/ in a process and returns how many seconds it takes. */
async function measureProcess(file: string, env: Readonly<Record<string, string>>): Promise<number> {
  const start = performance.now();
  const files = ['OUTPUT', 'ENV', 'STATE', 'STEP_SUMMARY'].map((name) => [
    `GITHUB_${name}`,
    join(tempDirectory, name),
  ]);
  for (const [, path = ''] of files) writeFileSync(path, '');
  const { PATH = '', HOME = '' } = process.env;
  const variables = {
    PATH,
    HOME,
    RUNNER_TEMP: tempDirectory,
    GITHUB_WORKSPACE: tempDirectory,
    ...Object.fromEntries(files),
    ...env,
  };
  const child = spawn(process.execPath, [join(distDirectory, file)], {
    env: variables,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${file} exited with code ${code}:\n${log}`);
  return (performance.now() - start) / 1000;
}

/** The state that the last process saved, as the environment variables that the runner passes to post. */
function readSavedState(): Record<string, string> {
  const entries = readFileSync(join(tempDirectory, 'STATE'), 'utf8').matchAll(
    /^(.*?)<<(ghadelimiter_\S+)\n([\s\S]*?)\n\2$/gm,
  );
  return Object.fromEntries([...entries].map(([, name, , value = '']) => [`STATE_${name}`, value]));
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
    const inputs = {
      'INPUT_SERVER-NAME': 'bench',
      INPUT_REGION: 'westeurope',
      'INPUT_ADMIN-USERNAME': 'relecloud_admin',
      'INPUT_ADMIN-PASSWORD': 'VerySecurePassword!1',
      INPUT_DATABASE: 'relecloud',
    };
    const env = {
      ...emulator.readyLine.env,
      GITHUB_REPOSITORY_ID: '1',
      GITHUB_RUN_ID: '1',
      GITHUB_RUN_ATTEMPT: '1',
    };
    const emptyPost = await measureProcess('post.js', {});
    const firstRun = await measureProcess('index.js', { ...env, ...inputs });
    const state = readSavedState();
    const sameJobRun = await measureProcess('index.js', { ...env, ...inputs });
    const postSeconds = await measureProcess('post.js', { ...env, ...state });
    const otherJob = { RUNNER_TEMP: mkdtempSync(join(tempDirectory, 'job-')), GITHUB_RUN_ID: '2' };
    const blockedRun = await measureProcess('index.js', { ...env, ...inputs, ...otherJob });
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
