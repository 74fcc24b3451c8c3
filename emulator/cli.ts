import type { Emulator } from './emulator.ts';
import { type EmulatorOptions, parseOptions, USAGE, UsageError } from './options.ts';

function parseOptionsOrExit(): EmulatorOptions {
  if (process.argv.includes('--help')) {
    console.log(USAGE);
    process.exit(0);
  }
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

async function loadAndStart(options: EmulatorOptions): Promise<Emulator> {
  // Loaded after the options have been checked, so that an invalid command line fails immediately.
  const { startEmulator } = await import('./emulator.ts');
  return startEmulator(options);
}

const { trustedRepositories, ...options } = parseOptionsOrExit();
const ownRepository = process.env['GITHUB_REPOSITORY'];
const emulatorPromise = loadAndStart({
  ...options,
  trustedRepositories: [...trustedRepositories, ...(ownRepository ? [ownRepository] : [])],
});

async function shutDown(): Promise<void> {
  const emulator = await emulatorPromise;
  await emulator.close();
  process.exit(0);
}

// A signal during the start waits for the end of the start, then closes the emulator.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown());

// npm runs scripts in a shell. A signal to npm ends the shell but does not reach this process, so it watches its parent.
if (process.env['npm_lifecycle_event'] !== undefined) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) void shutDown();
  }, 200).unref();
}

console.log(JSON.stringify((await emulatorPromise).readyLine));
