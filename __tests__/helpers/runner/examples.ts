import { join } from 'node:path';
import { type EmulatorProcess, startEmulator } from '../../../emulator/runner/emulator-process.ts';
import { exampleValues } from '../../../emulator/runner/example-values.ts';
import { gitHubControl, type RunResult, runWorkflow } from '../../../emulator/runner/index.ts';
import { root } from '../root.ts';

/** An emulator of its own process, as `npm start` has one; to be stopped by the caller. */
export const emulatorForExamples = (): Promise<EmulatorProcess> =>
  startEmulator(root, ['--provision', '200', '--firewall-delay', '100', '--blocked', 'reject'], false);

/** Runs a workflow of examples/, on an event of examples/events/ if one is named. */
export async function runExample(
  emulator: EmulatorProcess,
  workflow: string,
  event?: string,
): Promise<RunResult> {
  const { env, clientSecret } = emulator;
  return await runWorkflow({
    file: join(root, 'examples', workflow),
    ...(event === undefined ? {} : { event: join(root, 'examples', 'events', event) }),
    workspace: root,
    env,
    gitHub: gitHubControl(emulator),
    ...exampleValues(env, clientSecret),
  });
}
