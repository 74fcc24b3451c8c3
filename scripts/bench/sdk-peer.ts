import { fileURLToPath } from 'node:url';
import type { BenchEmulator } from './bench-emulator.ts';
import { measureNode } from './interleave.ts';
import type { SdkWork } from './sdk-wait.ts';

/** Runs {@link SdkWork} in its own process, and waits until it ends. @throws Error with its output if it fails */
export async function runSdk(emulator: BenchEmulator, work: SdkWork): Promise<void> {
  const { PATH = '', HOME = '' } = process.env;
  const { env, clientSecret } = emulator.readyLine;
  await measureNode({
    args: [fileURLToPath(new URL('sdk-wait.ts', import.meta.url))],
    env: { PATH, HOME, ...env, CLIENT_SECRET: clientSecret, SDK_WORK: JSON.stringify(work) },
    exitCode: 0,
  });
}
