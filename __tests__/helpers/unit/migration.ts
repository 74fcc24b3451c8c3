import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { tests } from '../root.ts';

const fixture = join(tests, 'helpers', 'unit', 'run-migration.ts');

export interface GivenMigration {
  readonly command: string;
  readonly workingDirectory?: string;
  /** In milliseconds. */
  readonly timeout?: number;
  readonly environment?: NodeJS.ProcessEnv;
}

interface Ended {
  readonly outcome: string;
  /** Milliseconds, of the time that the test let pass, from the start to the end. */
  readonly took: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A migration in a separate process, with a new workspace and a new temporary folder. */
export interface RunningMigration {
  readonly child: ChildProcess;
  readonly workspace: string;
  readonly temporary: string;
  readonly ended: Promise<Ended>;
  /** Lets time pass for the migration, without end and at once; until then it stands still. */
  letTimePass(): void;
  /** The text of a file of the workspace, once a line of it is complete. */
  line(file: string): Promise<string>;
  /** Kills it and removes its folders. */
  readonly close: () => void;
}

export function startMigration(given: GivenMigration): RunningMigration {
  const workspace = mkdtempSync(join(tmpdir(), 'migration-workspace-'));
  const temporary = mkdtempSync(join(tmpdir(), 'migration-temp-'));
  const child = spawn(process.execPath, [fixture, JSON.stringify(given)], {
    env: { ...process.env, GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temporary },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child;
  const report = child.stdio[3] as NodeJS.ReadableStream & AsyncIterable<Buffer>;
  const texts = Promise.all([text(stdout), text(stderr), text(report)]);
  const ended = Promise.all([texts, once(child, 'exit')]).then(([[out, err, said]]) => {
    const { outcome, took }: Pick<Ended, 'outcome' | 'took'> =
      said === '' ? { outcome: err, took: Number.NaN } : JSON.parse(said);
    return { outcome, took, stdout: out, stderr: err };
  });
  return {
    child,
    workspace,
    temporary,
    ended,
    letTimePass: () => void stdin.end(),
    line: (file) => lineOf(join(workspace, file)),
    close: () => {
      child.kill('SIGKILL');
      for (const pid of startedIn(workspace)) process.kill(pid, 'SIGKILL');
      for (const folder of [workspace, temporary]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Processes that still work in a folder: what a migration has left there when its test failed. */
function startedIn(folder: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => workingFolder(pid) === folder).map(Number);
}

function workingFolder(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

async function lineOf(path: string): Promise<string> {
  for (;;) {
    const written = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (written.endsWith('\n')) return written.trim();
    await sleep(10);
  }
}

/** Resolves once a process has ended, or is a zombie that nobody has waited for yet. */
export async function untilDead(pid: string): Promise<void> {
  while (isAlive(pid)) await sleep(10);
}

export function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
