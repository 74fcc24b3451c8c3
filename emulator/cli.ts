import { type Emulator, startEmulator } from './index.ts';
import { type EmulatorOptions, parseOptions, UsageError, usage } from './options.ts';

function optionsOrExit(): EmulatorOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

function endOnSignal(emulator: Emulator): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      emulator.close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
  }
}

const emulator = await startEmulator(optionsOrExit());
endOnSignal(emulator);
console.log(JSON.stringify(emulator.ready));
