import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKeyValues } from '../../workflow-runner/step-files.ts';

export type Inputs = Readonly<Record<string, string>>;

/** The result of main or post. */
export interface PhaseResult {
  /** Null if a signal ended the process. */
  readonly exitCode: number | null;
  /** Standard output; the runner has masked nothing in it. */
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
}

const COMMAND_FILES = ['OUTPUT', 'ENV', 'STATE', 'STEP_SUMMARY', 'PATH'];

/**
 * Runs `main` or `post` of a built bundle in its own process, as the runner does.
 * @param bundle folder with index.js and post.js
 * @param env the environment of the job, with inputs and state
 * @param onOutput called with everything that it writes to standard output
 */
export async function runPhase(
  phase: 'main' | 'post',
  bundle: string,
  env: NodeJS.ProcessEnv,
  onOutput: (text: string) => void = () => {},
): Promise<PhaseResult> {
  const directory = mkdtempSync(join(env['RUNNER_TEMP'] ?? tmpdir(), `${phase}-`));
  const path = (name: string): string => join(directory, name);
  try {
    for (const name of COMMAND_FILES) writeFileSync(path(name), '');
    const files = Object.fromEntries(COMMAND_FILES.map((name) => [`GITHUB_${name}`, path(name)]));
    const child = spawn(process.execPath, [join(bundle, phase === 'main' ? 'index.js' : 'post.js')], {
      env: { ...env, ...files },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      onOutput(text);
    });
    const [exitCode] = (await once(child, 'close')) as [number | null];
    // @actions/core ends lines as the system does.
    const read = (name: string) =>
      Object.fromEntries(parseKeyValues(readFileSync(path(name), 'utf8').replaceAll('\r\n', '\n')));
    return { exitCode, log, outputs: read('OUTPUT'), state: read('STATE') };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Environment variables of inputs, as the runner sets them. */
export const toInputEnv = (inputs: Inputs): Record<string, string> =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));

/** Environment variables of the state, as the runner sets them for `post`. */
export const toStateEnv = ({ state }: PhaseResult): Record<string, string> =>
  Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]));
