import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { Azure } from './emulator-harness.ts';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** A command for a migration: runs one statement by the connection in its environment. */
export const queryCommand = `${process.execPath} ${fileURLToPath(new URL('query.mjs', import.meta.url))}`;

export type Inputs = Readonly<Record<string, string>>;

/** What a half of the action left behind. */
export interface HalfResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Standard output and error as the runner would read them, before masking. */
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly exported: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
}

export interface HalfOptions {
  /** Told the child as soon as it runs, to kill or to cancel it. */
  readonly started?: (child: ChildProcess) => void;
  /** `ignore` where a process that outlives the child would keep its output open. */
  readonly output?: 'pipe' | 'ignore';
}

/** The tutorial's own values (contract.md). */
export const tutorial: Inputs = {
  'server-name': 'demo-relecloud',
  region: 'westeurope',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
};

const temporary: string[] = [];
afterAll(() => {
  for (const directory of temporary.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/**
 * A job on a runner of its own, as far as the action meets it: environment, state and command files. Steps run the
 * built dist/ in a process of its own; the temporary folder goes with the test file.
 */
export class Job {
  readonly temp = mkdtempSync(join(tmpdir(), 'job-'));
  readonly env: Record<string, string>;
  readonly #posts: (() => Promise<HalfResult>)[] = [];

  constructor(azure: Azure, env: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    this.env = {
      PATH,
      HOME,
      ...azure.env,
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: this.temp,
      GITHUB_REPOSITORY: 'relecloud/space-travel',
      GITHUB_REPOSITORY_ID: '4711',
      GITHUB_RUN_ID: String(randomInt(1e9)),
      GITHUB_RUN_ATTEMPT: '1',
      GITHUB_JOB: 'deploy',
      RUNNER_TEMP: this.temp,
      ...env,
    };
    temporary.push(this.temp);
  }

  /** A step `uses: ./`; what it exports is there for later steps, and its post is due. */
  async step(inputs: Inputs, options: HalfOptions = {}): Promise<HalfResult> {
    const env = { ...this.env, ...inputVariables(inputs) };
    const result = await this.#half('index.js', env, options);
    Object.assign(this.env, result.exported);
    const state = Object.entries(result.state).map(([name, value]) => [`STATE_${name}`, value]);
    this.#posts.unshift(() =>
      this.#half('post.js', { ...this.env, ...inputVariables(inputs), ...Object.fromEntries(state) }, {}),
    );
    return result;
  }

  /** The posts of all steps so far, last step first. */
  async post(): Promise<readonly HalfResult[]> {
    const results: HalfResult[] = [];
    for (const post of this.#posts.splice(0)) results.push(await post());
    return results;
  }

  async #half(
    file: string,
    env: Record<string, string>,
    { started, output = 'pipe' }: HalfOptions,
  ): Promise<HalfResult> {
    const directory = mkdtempSync(join(this.temp, 'half-'));
    const path = (name: string): string => join(directory, name);
    const files = ['OUTPUT', 'ENV', 'STATE', 'STEP_SUMMARY', 'PATH'];
    for (const name of files) writeFileSync(path(name), '');
    const variables = Object.fromEntries(files.map((name) => [`GITHUB_${name}`, path(name)]));
    const child = spawn(process.execPath, [join(dist, file)], {
      env: { ...env, ...variables },
      stdio: ['ignore', output, output],
    });
    started?.(child);
    let log = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (log += text));
    const [exitCode, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
      (resolve, reject) => {
        child.once('error', reject);
        child.once('close', (...how) => resolve(how));
      },
    );
    const read = (name: string): string => readFileSync(path(name), 'utf8');
    return {
      exitCode,
      signal,
      log,
      outputs: keyValues(read('OUTPUT')),
      exported: keyValues(read('ENV')),
      state: keyValues(read('STATE')),
      summary: read('STEP_SUMMARY'),
    };
  }
}

function inputVariables(inputs: Inputs): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
  );
}

/** GitHub's file commands in the heredoc form, which is the only one that @actions/core writes. */
function keyValues(text: string): Record<string, string> {
  const entries = text.matchAll(/^(.*?)<<(ghadelimiter_\S+)\n([\s\S]*?)\n\2$/gm);
  return Object.fromEntries([...entries].map(([, name = '', , value = '']) => [name, value]));
}
