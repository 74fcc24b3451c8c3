import type { Emulator } from './index.ts';
import { type EmulatorOptions, parseOptions, UsageError, usage } from './options.ts';

function optionsOrExit(): EmulatorOptions {
  if (process.argv.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

async function start(options: EmulatorOptions): Promise<Emulator> {
  // Loaded only once the command line is known to be right, so that a wrong one is refused at once.
  const { startEmulator } = await import('./index.ts');
  return startEmulator(options);
}

const starting = start(optionsOrExit());

async function end(): Promise<void> {
  const emulator = await starting;
  await emulator.close();
  process.exit(0);
}

// Before it is ready, too: a signal then waits for the start and takes it back.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end());

// npm runs its scripts in a shell, and a signal to npm ends the shell without reaching us: the shell's end is ours.
if (process.env['npm_lifecycle_event'] !== undefined) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) void end();
  }, 200).unref();
}

console.log(JSON.stringify((await starting).ready));
