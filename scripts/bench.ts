import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEmulator } from '../emulator/index.ts';
import { measureClones } from './bench-clone.ts';

/**
 * The measurements, as a table. Absolute times are this machine's and noisy; the last column, a ratio within one run,
 * is what may be quoted.
 */

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const temp = mkdtempSync(join(tmpdir(), 'bench-'));

/** Seconds that a process of the built bundle takes. */
async function seconds(file: string, env: Readonly<Record<string, string>>): Promise<number> {
  const start = performance.now();
  const files = ['OUTPUT', 'ENV', 'STATE', 'STEP_SUMMARY'].map((name) => [
    `GITHUB_${name}`,
    join(temp, name),
  ]);
  for (const [, path = ''] of files) writeFileSync(path, '');
  const { PATH = '', HOME = '' } = process.env;
  const variables = {
    PATH,
    HOME,
    RUNNER_TEMP: temp,
    GITHUB_WORKSPACE: temp,
    ...Object.fromEntries(files),
    ...env,
  };
  const child = spawn(process.execPath, [join(dist, file)], {
    env: variables,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${file} ended with ${code}:\n${log}`);
  return (performance.now() - start) / 1000;
}

/** The state that the last half left, as the runner hands it to post. */
function lastState(): Record<string, string> {
  const entries = readFileSync(join(temp, 'STATE'), 'utf8').matchAll(
    /^(.*?)<<(ghadelimiter_\S+)\n([\s\S]*?)\n\2$/gm,
  );
  return Object.fromEntries([...entries].map(([, name, , value = '']) => [`STATE_${name}`, value]));
}

interface Row {
  readonly what: string;
  readonly measured: string;
  readonly against: string;
  readonly ratio: string;
}

const row = (what: string, value: number, against: string, other: number): Row => ({
  what,
  measured: `${value.toFixed(2)} s`,
  against: `${against}: ${other.toFixed(2)} s`,
  ratio: (value / other).toFixed(2),
});

/** Seconds that the SDK's own poller takes for a firewall rule. */
async function sdkPoller(env: Readonly<Record<string, string>>): Promise<number> {
  const script = fileURLToPath(new URL('sdk-poller.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: { ...process.env, ...env },
  });
  return Number(stdout);
}

async function measure(): Promise<Row[]> {
  // The service's own Retry-After, with a rule that works after three seconds.
  const emulator = await startEmulator({ retryAfter: 1, firewallDelay: 3000 });
  try {
    const inputs = {
      'INPUT_SERVER-NAME': 'bench',
      INPUT_REGION: 'westeurope',
      'INPUT_ADMIN-USERNAME': 'relecloud_admin',
      'INPUT_ADMIN-PASSWORD': 'VerySecurePassword!1',
      INPUT_DATABASE: 'relecloud',
    };
    const env = {
      ...emulator.ready.env,
      GITHUB_REPOSITORY_ID: '1',
      GITHUB_RUN_ID: '1',
      GITHUB_RUN_ATTEMPT: '1',
    };
    const nothing = await seconds('post.js', {});
    const first = await seconds('index.js', { ...env, ...inputs });
    const state = lastState();
    const within = await seconds('index.js', { ...env, ...inputs });
    const post = await seconds('post.js', { ...env, ...state });
    const otherJob = { RUNNER_TEMP: mkdtempSync(join(temp, 'job-')), GITHUB_RUN_ID: '2' };
    const shutOut = await seconds('index.js', { ...env, ...inputs, ...otherJob });
    const sdk = await sdkPoller({ ...emulator.ready.env, CLIENT_SECRET: emulator.ready.clientSecret });
    return [
      row(
        'a later run: shut out → logged in and published',
        shutOut,
        'the SDK’s poller for the rule alone',
        sdk,
      ),
      row('post: the rule removed', post, 'the SDK’s poller for a rule', sdk),
      row('again within the job', within, 'first run (creation takes 2 s here)', first),
      row('again within the job', within, 'an empty post (start of the bundle)', nothing),
    ];
  } finally {
    await emulator.close();
    rmSync(temp, { recursive: true, force: true });
  }
}

/** Clones by both strategies; the last column is what may be quoted. */
const clones = async () =>
  (await measureClones()).map(({ major, size, walLog, fileCopy }) => ({
    what: `clone of ${size} MiB on PostgreSQL ${major}`,
    measured: `WAL_LOG ${walLog.toFixed(2)} s`,
    against: `FILE_COPY: ${fileCopy.toFixed(2)} s`,
    ratio: (walLog / fileCopy).toFixed(2),
  }));

if (process.argv[2] === 'clone') {
  console.table(await clones());
  process.exit();
}
console.table(await measure());
console.log(`dist/index.js: ${(statSync(join(dist, 'index.js')).size / 2 ** 20).toFixed(1)} MiB`);
