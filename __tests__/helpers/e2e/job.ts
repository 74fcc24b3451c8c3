import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { ActionsRuntime } from '../../../src/github/actions.ts';
import { runMain } from '../../../src/main.ts';
import { runPost } from '../../../src/post.ts';
import {
  type PhaseResult as BundlePhaseResult,
  bundleFile,
  type Inputs,
  type Phase,
  toInputEnv,
  toStateEnv,
  withStepFiles,
} from '../../../workflow-runner/bundle-step.ts';
import { runInContext } from '../process-context.ts';
import { testsDirectory } from '../root.ts';
import { invalidOutputs } from '../step-end.ts';
import type { EmulatorHarness, FaultMatch } from './emulator-harness.ts';

/** A migration command that executes its first argument as SQL, with the connection in its environment. */
export const queryCommand = `${process.execPath} ${join(testsDirectory, 'helpers', 'e2e', 'query.mjs')}`;

export type { Inputs };

/** The result of main or post of a step. Its log has standard error too. */
export interface PhaseResult extends BundlePhaseResult {
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  /** Called with the process after it has started, for example to kill it. */
  readonly onStarted?: (child: ChildProcess) => void;
  /** `ignore` if another process would keep the output open after the step's process has ended. */
  readonly output?: 'pipe' | 'ignore';
}

/** The inputs of the tutorial, which most tests start from. */
export const defaultInputs: Inputs = {
  'server-name': 'demo-relecloud',
  region: 'westeurope',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
};

type RunPhase = (
  phase: Phase,
  env: Readonly<Record<string, string>>,
  postOptions: SpawnOptions,
) => Promise<ProcessResult>;
type ProcessResult = Pick<PhaseResult, 'exitCode' | 'signal' | 'log'>;

/**
 * A job on its own runner: environment, state and command files. A step runs the sources in this process ({@link step})
 * or the bundle in its own process ({@link spawnStep}); its post runs in the same way. The temporary folder is removed with
 * the emulator.
 */
export class Job {
  readonly tempDirectory: string;
  readonly env: Record<string, string>;
  readonly #pendingPosts: ((
    forged: Readonly<Record<string, string>>,
    options: SpawnOptions,
  ) => Promise<PhaseResult>)[] = [];

  constructor(emulator: EmulatorHarness, env: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    this.tempDirectory = mkdtempSync(join(emulator.tempDirectory, 'job-'));
    this.env = {
      PATH,
      HOME,
      ...emulator.env,
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: this.tempDirectory,
      GITHUB_REPOSITORY: 'relecloud/space-travel',
      GITHUB_REPOSITORY_ID: '4711',
      GITHUB_RUN_ID: String(randomInt(1e9)),
      GITHUB_RUN_ATTEMPT: '1',
      GITHUB_JOB: 'deploy',
      RUNNER_TEMP: this.tempDirectory,
      ...env,
    };
  }

  /** Runs a step `uses: ./` in this process. Later steps get what it exports; {@link runPosts} runs its post. */
  step(inputs: Inputs): Promise<PhaseResult> {
    return this.#runStep(inputs, runSources);
  }

  /**
   * The same with the bundle in its own process: for signals, masks and what else depends on the process. About ten times
   * slower.
   */
  spawnStep(inputs: Inputs, options: SpawnOptions = {}): Promise<PhaseResult> {
    return this.#runStep(inputs, (phase, env, postOptions) =>
      runBundle(phase, env, phase === 'main' ? options : postOptions),
    );
  }

  /**
   * Runs the posts of all steps so far, the last step's first.
   * @param forged state that replaces what main saved, by name
   * @param options for posts of spawned steps
   */
  async runPosts(
    forged: Readonly<Record<string, string>> = {},
    options: SpawnOptions = {},
  ): Promise<readonly PhaseResult[]> {
    const results: PhaseResult[] = [];
    for (const post of this.#pendingPosts.splice(0)) results.push(await post(forged, options));
    return results;
  }

  async #runStep(inputs: Inputs, run: RunPhase): Promise<PhaseResult> {
    const inputEnv = toInputEnv(inputs);
    const result = await this.#runPhase('main', inputEnv, run);
    checkEnd(result);
    Object.assign(this.env, result.exportedEnv);
    this.#pendingPosts.unshift((forged, options) => {
      const stateEnv = toStateEnv({ state: { ...result.state, ...forged } });
      return this.#runPhase('post', { ...inputEnv, ...stateEnv }, run, options);
    });
    return result;
  }

  #runPhase(
    phase: Phase,
    variables: Record<string, string>,
    run: RunPhase,
    options: SpawnOptions = {},
  ): Promise<PhaseResult> {
    return withStepFiles(this.tempDirectory, (files) =>
      run(phase, { ...this.env, ...variables, ...files }, options),
    );
  }
}

/**
 * Every end of a step has valid outputs, and a summary unless the process was killed. Checked for each step of each test,
 * so that no end of a mode can be forgotten.
 */
function checkEnd({ outputs, summary, signal, log }: PhaseResult): void {
  const problems = [
    ...invalidOutputs(outputs),
    ...(signal === null && !/^### (✅|⚠️|❌|⏭️) \S/m.test(summary) ? ['the summary has no verdict'] : []),
  ];
  if (problems.length > 0) throw new Error(`The step ended with: ${problems.join('; ')}\n${log}`);
}

/** Sends a signal to a spawned step when the trigger resolves; if it rejects, the step has already ended. */
export const signalWhen = (trigger: Promise<unknown>, signal: NodeJS.Signals): SpawnOptions => ({
  onStarted: (child) =>
    void trigger.then(
      () => child.kill(signal),
      () => {},
    ),
});

/**
 * Spawns a step and kills it while the emulator holds one of its requests or statements, or the answer. The emulator
 * continues with it after the kill.
 */
export async function spawnStepAndKill(
  emulator: EmulatorHarness,
  job: Job,
  inputs: Inputs,
  match: FaultMatch,
  target: 'request' | 'answer' = 'request',
): Promise<PhaseResult> {
  const heldExchange = await emulator.hold(match, target);
  const result = await job.spawnStep(inputs, signalWhen(heldExchange.triggered, 'SIGKILL'));
  await heldExchange.release();
  return result;
}

/** Runs the sources as `src/index.ts` does. */
async function runSources(phase: Phase, env: Readonly<Record<string, string>>): Promise<ProcessResult> {
  let log = '';
  const onOutput = (text: string): void => {
    log += text;
  };
  const exitCode = await runInContext({ env: { ...env }, onOutput }, () =>
    new ActionsRuntime().run(phase === 'main' ? runMain : runPost),
  );
  return { exitCode, signal: null, log };
}

/** Runs the bundle that the global setup has built from the sources. */
async function runBundle(
  phase: Phase,
  env: Readonly<Record<string, string>>,
  { onStarted, output = 'pipe' }: SpawnOptions,
): Promise<ProcessResult> {
  const { bundle, compileCache } = inject('built');
  const child = spawn(process.execPath, [bundleFile(bundle, phase)], {
    env: { NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', output, output],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  const result = new Promise<ProcessResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, log }));
  });
  onStarted?.(child);
  return await result;
}

/** The names in a step's output `dropped`; empty if it has none. */
export const droppedNames = ({ outputs }: PhaseResult): readonly string[] =>
  (JSON.parse(outputs['dropped'] ?? '[]') as { name: string }[]).map(({ name }) => name);

/** Waits until a file exists that a running command creates. The limit only ends a hang. */
export async function waitForFile(file: string): Promise<void> {
  const deadline = performance.now() + 600_000;
  while (!existsSync(file)) {
    if (performance.now() > deadline) throw new Error(`${file} was not created within ten minutes.`);
    await sleep(20);
  }
}
