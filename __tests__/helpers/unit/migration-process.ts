import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { testsDirectory } from '../root.ts';

const scriptPath = join(testsDirectory, 'helpers', 'unit', 'run-migration.ts');

export interface MigrationOptions {
  readonly command: string;
  readonly workingDirectory?: string;
  /** In milliseconds. */
  readonly timeoutMs?: number;
  readonly environment?: NodeJS.ProcessEnv;
}

interface MigrationResult {
  readonly outcome: string;
  /** Fake time from the start to the end. */
  readonly elapsedMs: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A migration in a separate process, with its own workspace and temporary folder. */
export interface RunningMigration {
  readonly child: ChildProcess;
  readonly workspace: string;
  readonly tempDirectory: string;
  readonly finished: Promise<MigrationResult>;
  /** Lets the stopped time of the migration pass, without real waiting. */
  advanceTime(): void;
  /** The first line of a file in the workspace, once it is complete. */
  readLine(file: string): Promise<string>;
  /** Kills the process and removes its folders. */
  readonly close: () => void;
}

export function startMigration(options: MigrationOptions): RunningMigration {
  const workspace = mkdtempSync(join(tmpdir(), 'migration-workspace-'));
  const tempDirectory = mkdtempSync(join(tmpdir(), 'migration-temp-'));
  const child = spawn(process.execPath, [scriptPath, JSON.stringify(options)], {
    env: { ...process.env, GITHUB_WORKSPACE: workspace, RUNNER_TEMP: tempDirectory },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child;
  const report = child.stdio[3] as NodeJS.ReadableStream & AsyncIterable<Buffer>;
  const texts = Promise.all([text(stdout), text(stderr), text(report)]);
  const finished = Promise.all([texts, once(child, 'exit')]).then(([[out, err, reported]]) => {
    const { outcome, elapsedMs }: Pick<MigrationResult, 'outcome' | 'elapsedMs'> =
      reported === '' ? { outcome: err, elapsedMs: Number.NaN } : JSON.parse(reported);
    return { outcome, elapsedMs, stdout: out, stderr: err };
  });
  return {
    child,
    workspace,
    tempDirectory,
    finished,
    advanceTime: () => void stdin.end(),
    readLine: (file) => waitForLine(join(workspace, file)),
    close: () => {
      child.kill('SIGKILL');
      for (const pid of processesIn(workspace)) process.kill(pid, 'SIGKILL');
      for (const folder of [workspace, tempDirectory]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Processes in a folder, which a migration has left there if its test failed. */
function processesIn(folder: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => workingDirectoryOf(pid) === folder).map(Number);
}

function workingDirectoryOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

async function waitForLine(path: string): Promise<string> {
  for (;;) {
    const written = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (written.endsWith('\n')) return written.trim();
    await sleep(10);
  }
}

/** Resolves once a process has ended or is a zombie. */
export async function waitForExit(pid: string): Promise<void> {
  while (isRunning(pid)) await sleep(10);
}

export function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
