import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StepFiles } from './step-files.ts';

/** One step of this action without a workflow: for tests, measurements and the run against real Azure. */

export type Inputs = Readonly<Record<string, string>>;

export type Phase = 'main' | 'post';

/** What a phase has written to the files of its step. */
export interface WrittenFiles {
  readonly outputs: Readonly<Record<string, string>>;
  readonly exportedEnv: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** The result of main or post. */
export interface PhaseResult extends WrittenFiles {
  /** Null if a signal ended the process. */
  readonly exitCode: number | null;
  /** Standard output; the runner has masked nothing in it. */
  readonly log: string;
}

/**
 * Runs a phase with new files of a step, and reads what it has written to them.
 * @param temporary folder for the files
 * @param run gets the variables that name the files
 * @throws Error if a file has an invalid format
 */
export async function withStepFiles<T extends object>(
  temporary: string,
  run: (env: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T & WrittenFiles> {
  const files = await StepFiles.create(temporary);
  const result = await run(files.env);
  const { output, env, state, summary, errors } = await files.readAndRemove();
  if (errors.length > 0) throw new Error(errors.join('\n'));
  return {
    ...result,
    outputs: Object.fromEntries(output),
    exportedEnv: Object.fromEntries(env),
    state: Object.fromEntries(state),
    summary,
  };
}

/** The file of the bundle that runs a phase. */
export const bundleFile = (bundle: string, phase: Phase): string =>
  join(bundle, phase === 'main' ? 'index.js' : 'post.js');

/**
 * Runs `main` or `post` of a built bundle in its own process, as the runner does.
 * @param bundle folder with index.js and post.js
 * @param env the environment of the job, with inputs and state
 * @param onOutput called with everything that it writes to standard output
 */
export async function runPhase(
  phase: Phase,
  bundle: string,
  env: NodeJS.ProcessEnv,
  onOutput: (text: string) => void = () => {},
): Promise<PhaseResult> {
  const directory = mkdtempSync(join(env['RUNNER_TEMP'] ?? tmpdir(), `${phase}-`));
  try {
    return await withStepFiles(directory, async (files) => {
      const child = spawn(process.execPath, [bundleFile(bundle, phase)], {
        env: { ...env, ...files },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let log = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        onOutput(text);
      });
      const [exitCode] = (await once(child, 'close')) as [number | null];
      return { exitCode, log };
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Environment variables of inputs, as the runner sets them. */
export const toInputEnv = (inputs: Inputs): Record<string, string> =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));

/** Environment variables of the state, as the runner sets them for `post`. */
export const toStateEnv = ({ state }: Pick<WrittenFiles, 'state'>): Record<string, string> =>
  Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]));
