import { cpSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HOST_SUFFIX } from '../../emulator/core/hosts-file.ts';
import {
  bundleFile,
  type Inputs,
  type Phase,
  toInputEnv,
  toStateEnv,
  type WrittenFiles,
  withStepFiles,
} from '../../workflow-runner/bundle-step.ts';
import { measureNode } from './interleave.ts';

/** What every row needs. */
export interface BenchContext {
  /** The folder of the bundle that is measured. */
  readonly dist: string;
  /** A folder for the files of jobs, removed at the end. */
  readonly directory: string;
  /** The folder of the PostgreSQL templates for emulators; prepared at the first call. */
  readonly templates: () => Promise<string>;
}

export interface PhaseRun extends WrittenFiles {
  /** From the spawn of the process to its exit. */
  readonly milliseconds: number;
}

/** The id of the repository of every job. */
export const REPOSITORY_ID = '4711';

let lastRunId = 1000;

/**
 * A job on a runner of its own, with its own copy of the bundle.
 */
export class BenchJob {
  readonly #bundle: string;
  /** The environment of its steps, without inputs. */
  readonly env: Readonly<Record<string, string>>;

  /** @param emulatorEnv the variables of an emulator; none for a step that sends no request */
  constructor(context: BenchContext, emulatorEnv: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    lastRunId += 1;
    const folder = mkdtempSync(join(context.directory, 'job-'));
    this.#bundle = join(folder, 'dist');
    cpSync(context.dist, this.#bundle, { recursive: true });
    // Beside the bundle, as on GitHub: a bundle in the workspace may behave differently.
    const [temporary, workspace] = [join(folder, 'temp'), join(folder, 'workspace')];
    for (const path of [temporary, workspace]) mkdirSync(path);
    this.env = {
      ...{ PATH, HOME, ...emulatorEnv },
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: workspace,
      GITHUB_REPOSITORY: 'relecloud/space-travel',
      GITHUB_REPOSITORY_ID: REPOSITORY_ID,
      GITHUB_RUN_ID: String(lastRunId),
      GITHUB_RUN_ATTEMPT: '1',
      GITHUB_JOB: 'bench',
      RUNNER_TEMP: temporary,
      TMPDIR: temporary,
    };
  }

  /** The file of the job's own copy of the bundle. */
  file(phase: Phase): string {
    return bundleFile(this.#bundle, phase);
  }

  /** @throws Error with its log if its exit code is another one */
  main(inputs: Inputs, exitCode = 0): Promise<PhaseRun> {
    return this.#run('main', toInputEnv(inputs), exitCode);
  }

  /** Runs post with the state of a main; by default with none. @throws Error with its log if it fails */
  post(main: Pick<WrittenFiles, 'state'> = { state: {} }): Promise<PhaseRun> {
    return this.#run('post', toStateEnv(main), 0);
  }

  async #run(phase: Phase, variables: Readonly<Record<string, string>>, exitCode: number): Promise<PhaseRun> {
    return await withStepFiles(this.env['RUNNER_TEMP'] ?? '', async (files) => {
      const env = { ...this.env, ...variables, ...files };
      return { milliseconds: await measureNode({ args: [this.file(phase)], env, exitCode }) };
    });
  }
}

const PEAK_MEMORY_PRELOAD = pathToFileURL(join(import.meta.dirname, 'peak-memory.mjs')).href;

/**
 * Runs main in a job of its own, and also returns the peak memory of its process in MiB. The process has a lower priority than
 * the emulator.
 */
export async function measureMain(
  context: BenchContext,
  emulatorEnv: Readonly<Record<string, string>>,
  inputs: Inputs,
): Promise<{ readonly milliseconds: number; readonly peakMib: number }> {
  const file = join(mkdtempSync(join(context.directory, 'peak-')), 'mib');
  const nodeOptions = `${emulatorEnv['NODE_OPTIONS'] ?? ''} --import=${PEAK_MEMORY_PRELOAD}`.trim();
  const env = { ...emulatorEnv, NODE_OPTIONS: nodeOptions, BENCH_PEAK_FILE: file };
  const { milliseconds } = await new BenchJob(context, env).main(inputs);
  return { milliseconds, peakMib: Number(readFileSync(file, 'utf8')) };
}

/** The inputs of a typical step: one server, a database, and a role whose password is derived. */
export const typicalInputs = {
  'server-name': 'bench',
  'resource-group': 'bench',
  region: 'westeurope',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
  'app-username': 'relecloud_app',
  'app-password-key': Buffer.from('a key of thirty-two bytes, just!').toString('base64'),
};

/** A declared firewall rule for the address that the emulator sees runners at. */
export const runnerRange = 'runners=198.51.100.7';

/** The login of the administrator in {@link typicalInputs}, for a server of an emulator. */
export const adminLogin = (server: string) => ({
  host: `${server}${HOST_SUFFIX}`,
  database: 'postgres',
  user: typicalInputs['admin-username'],
  password: typicalInputs['admin-password'],
});
