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
  // Loaded only once the command line is known to be right, so that a wrong one is refused at once.
  const { startEmulator } = await import('./emulator.ts');
  return startEmulator(options);
}

const emulatorPromise = loadAndStart(parseOptionsOrExit());

async function shutDown(): Promise<void> {
  const emulator = await emulatorPromise;
  await emulator.close();
  process.exit(0);
}

// Before it is ready, too: a signal then waits for the start and takes it back.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown());

// npm runs its scripts in a shell, and a signal to npm ends the shell without reaching us: the shell's end is ours.
if (process.env['npm_lifecycle_event'] !== undefined) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) void shutDown();
  }, 200).unref();
}

console.log(JSON.stringify((await emulatorPromise).readyLine));
