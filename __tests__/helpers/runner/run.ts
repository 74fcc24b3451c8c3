import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll } from 'vitest';
import { root, tests } from '../root.ts';

/** The checkout that the tests' workflows run in: `uses: ./probe` is fixtures/probe. */
export const workspace = join(tests, 'runner', 'fixtures');

const folder = mkdtempSync(join(tmpdir(), 'runner-test-'));
let files = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file of the test's own and returns its path. */
export function file(content: string, name = 'flow.yml'): string {
  files += 1;
  const path = join(folder, `${files}-${name}`);
  writeFileSync(path, content);
  return path;
}

export interface Finished {
  readonly exitCode: number;
  /** Standard output, then standard error. */
  readonly log: string;
}

/** Starts the runner on a workflow's text, without an emulator. */
export function start(
  workflow: string,
  args: readonly string[] = [],
): { readonly child: ChildProcess; readonly finished: Promise<Finished> } {
  const child = spawn(
    process.execPath,
    ['emulator/runner/cli.ts', file(workflow), '--no-emulator', '--workspace', workspace, ...args],
    {
      cwd: root,
      // The compiled modules serve every run of a test file: half of a short run is compiling.
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'cache') },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const exit = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)));
  const finished = Promise.all([exit, text(child.stdout), text(child.stderr)]).then(
    ([exitCode, out, err]) => ({
      exitCode,
      log: `${out}${err}`,
    }),
  );
  return { child, finished };
}

/** Runs a workflow's text to its end. */
export function run(workflow: string, args: readonly string[] = []): Promise<Finished> {
  return start(workflow, args).finished;
}

/** A workflow with one job of these steps, each a YAML flow or block without its dash. */
export function steps(...each: readonly string[]): string {
  const list = each.map((step) => `      - ${step.trim().replaceAll('\n', '\n        ')}`).join('\n');
  return `on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n${list}\n`;
}

/** A step that runs a script, given as block text. */
export function script(text: string, more = ''): string {
  return `run: |\n${text
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}\n${more}`;
}

/** Whether a process runs; one that has ended and that nobody has waited for does not. */
export function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, 'utf8'));
}
