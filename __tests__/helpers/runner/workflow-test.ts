import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { test as base, inject } from 'vitest';
import { type RunOptions, type RunResult, runWorkflow } from '../../../workflow-runner/run-workflow.ts';
import { repositoryRoot, testsDirectory } from '../root.ts';

/** The workspace of the tests' workflows: `uses: ./probe` is fixtures/probe. */
export const workspace = join(testsDirectory, 'runner', 'fixtures');

export interface CliResult {
  readonly exitCode: number;
  /** Standard output, then standard error. */
  readonly log: string;
}

/**
 * `test` for the workflow runner. `write` writes a file and returns its path, `run` runs a workflow's text in this
 * process, and `start` runs it through the command line in another process, for signals, exit codes and arguments.
 */
export const test = base
  .extend('compileCache', { scope: 'file' }, async () => inject('built').compileCache)
  // vitest passes a fixture's second argument only if the first one names another fixture.
  .extend('write', { scope: 'file' }, async ({ compileCache: _ }, { onCleanup }) => {
    const folder = mkdtempSync(join(tmpdir(), 'runner-test-'));
    onCleanup(() => rmSync(folder, { recursive: true, force: true }));
    let files = 0;
    return (content: string, name = 'flow.yml'): string => {
      files += 1;
      const path = join(folder, `${files}-${name}`);
      writeFileSync(path, content);
      return path;
    };
  })
  .extend('run', { scope: 'file' }, async ({ write }) => {
    return (workflow: string, options: Partial<RunOptions> = {}): Promise<RunResult> =>
      runWorkflow({ file: write(workflow), workspace, ...options });
  })
  .extend('start', { scope: 'file' }, async ({ write, compileCache }) => {
    return (workflow: string, args: readonly string[] = []): CliProcess =>
      spawnRunnerCli(
        [write(workflow), '--no-emulator', '--workspace', workspace, ...args],
        // Compiling takes half of a short run.
        { ...process.env, NODE_COMPILE_CACHE: compileCache },
      );
  });

interface CliProcess {
  readonly child: ChildProcess;
  readonly finished: Promise<CliResult>;
}

function spawnRunnerCli(args: readonly string[], env: NodeJS.ProcessEnv): CliProcess {
  const child = spawn(process.execPath, ['workflow-runner/cli.ts', ...args], {
    cwd: repositoryRoot,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)));
  const finished = Promise.all([exit, text(child.stdout), text(child.stderr)]).then(
    ([exitCode, out, err]) => ({
      exitCode,
      log: `${out}${err}`,
    }),
  );
  return { child, finished };
}

/** A workflow with one job that has these steps, each as YAML without its dash. */
export function workflowWithSteps(...stepSources: readonly string[]): string {
  const list = stepSources.map((step) => `      - ${step.trim().replaceAll('\n', '\n        ')}`).join('\n');
  return `on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n${list}\n`;
}

/** A step that runs a script of several lines. */
export function scriptStep(text: string, moreKeys = ''): string {
  return `run: |\n${text
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}\n${moreKeys}`;
}

/** Whether a process is running; a zombie is not. */
export function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, 'utf8'));
}

/** Waits until a process has exited. The limit only ends a hang. */
export async function waitForExit(pid: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (isRunning(pid)) {
    if (performance.now() > deadline) throw new Error(`Process ${pid} still runs after two minutes.`);
    await delay(10);
  }
}
