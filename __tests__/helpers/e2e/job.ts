import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { ActionsRuntime } from '../../../src/github/actions.ts';
import { runMain } from '../../../src/main.ts';
import { runPost } from '../../../src/post.ts';
import { runInContext } from '../process-context.ts';
import { testsDirectory } from '../root.ts';
import type { EmulatorHarness, FaultMatch } from './emulator-harness.ts';

/** A command for a migration: runs one statement by the connection in its environment. */
export const queryCommand = `${process.execPath} ${join(testsDirectory, 'helpers', 'e2e', 'query.mjs')}`;

export type Inputs = Readonly<Record<string, string>>;

/** What main or post of a step left behind. */
export interface PhaseResult {
  /** Null where a signal ended the process. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Standard output and error as the runner would read them, before masking. */
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly exportedEnv: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
}

export interface SpawnOptions {
  /** Called with the child as soon as it runs, to kill or to cancel it. */
  readonly onStarted?: (child: ChildProcess) => void;
  /** `ignore` where a process that outlives the child would keep its output open. */
  readonly output?: 'pipe' | 'ignore';
}

/** The tutorial's own values. */
export const defaultInputs: Inputs = {
  'server-name': 'demo-relecloud',
  region: 'westeurope',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
};

type Phase = 'main' | 'post';
type RunPhase = (
  phase: Phase,
  env: Readonly<Record<string, string>>,
  postOptions: SpawnOptions,
) => Promise<ProcessResult>;
type ProcessResult = Pick<PhaseResult, 'exitCode' | 'signal' | 'log'>;

/**
 * A job on a runner of its own, as far as the action meets it: environment, state and command files. A step runs the
 * sources in this process ({@link step}), or the bundle that was built from them in a process of its own
 * ({@link spawnStep}); its post runs in the same way. The temporary folder goes with the emulator's harness.
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

  /** A step `uses: ./` in this process; what it exports is there for later steps, and its post is due. */
  step(inputs: Inputs): Promise<PhaseResult> {
    return this.#runStep(inputs, runSources);
  }

  /**
   * The same by the built bundle in a process of its own: for signals, masks, and whatever
   * concerns the process itself.
   */
  spawnStep(inputs: Inputs, options: SpawnOptions = {}): Promise<PhaseResult> {
    return this.#runStep(inputs, (phase, env, postOptions) =>
      runBundle(phase, env, phase === 'main' ? options : postOptions),
    );
  }

  /**
   * The posts of all steps so far, last step first.
   * @param forged state that is not what main saved, by its name
   * @param options of spawned steps
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
    Object.assign(this.env, result.exportedEnv);
    this.#pendingPosts.unshift((forged, options) => {
      const state = Object.entries({ ...result.state, ...forged }).map(([name, value]) => [
        `STATE_${name}`,
        value,
      ]);
      return this.#runPhase('post', { ...inputEnv, ...Object.fromEntries(state) }, run, options);
    });
    return result;
  }

  async #runPhase(
    phase: Phase,
    variables: Record<string, string>,
    run: RunPhase,
    options: SpawnOptions = {},
  ): Promise<PhaseResult> {
    const directory = mkdtempSync(join(this.tempDirectory, `${phase}-`));
    const path = (name: string): string => join(directory, name);
    const names = ['OUTPUT', 'ENV', 'STATE', 'STEP_SUMMARY', 'PATH'];
    for (const name of names) writeFileSync(path(name), '');
    const files = Object.fromEntries(names.map((name) => [`GITHUB_${name}`, path(name)]));
    const processResult = await run(phase, { ...this.env, ...variables, ...files }, options);
    const read = (name: string): string => readFileSync(path(name), 'utf8');
    return {
      ...processResult,
      outputs: parseFileCommands(read('OUTPUT')),
      exportedEnv: parseFileCommands(read('ENV')),
      state: parseFileCommands(read('STATE')),
      summary: read('STEP_SUMMARY'),
    };
  }
}

/** Sends a signal to a spawned step at a moment; where that never comes, the step has come to its end before. */
export const signalWhen = (trigger: Promise<unknown>, signal: NodeJS.Signals): SpawnOptions => ({
  onStarted: (child) =>
    void trigger.then(
      () => child.kill(signal),
      () => {},
    ),
});

/**
 * A spawned step that is killed while the emulator holds a request or a statement of it, or its answer; what is held goes
 * on after the kill, as what has left a process does.
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

/** By the sources, as `src/index.ts` runs them. */
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

/** By the bundle that the global setup has built from the sources. */
async function runBundle(
  phase: Phase,
  env: Readonly<Record<string, string>>,
  { onStarted, output = 'pipe' }: SpawnOptions,
): Promise<ProcessResult> {
  const { bundle, compileCache } = inject('built');
  const child = spawn(process.execPath, [join(bundle, phase === 'main' ? 'index.js' : 'post.js')], {
    env: { NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', output, output],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  const ended = new Promise<ProcessResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, log }));
  });
  onStarted?.(child);
  return await ended;
}

function toInputEnv(inputs: Inputs): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
  );
}

/** GitHub's file commands in the heredoc form, which is the only one that @actions/core writes. */
function parseFileCommands(text: string): Record<string, string> {
  const entries = text.matchAll(/^(.*?)<<(ghadelimiter_\S+)\n([\s\S]*?)\n\2$/gm);
  return Object.fromEntries([...entries].map(([, name = '', , value = '']) => [name, value]));
}
