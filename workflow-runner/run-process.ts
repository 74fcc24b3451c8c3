import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a cancelled step's process may run on after each signal, in milliseconds. */
export interface CancellationGrace {
  readonly interruptMs: number;
  readonly terminateMs: number;
}

/** GitHub's values: SIGINT, 7500 ms, SIGTERM, 2500 ms, then the process tree is killed (workflow cancellation reference). */
export const GITHUB_CANCELLATION_GRACE: CancellationGrace = { interruptMs: 7500, terminateMs: 2500 };

export interface ProcessOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: the process inherits no other variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Called with each line of standard output and standard error, without its line break. */
  readonly onLine: (line: string) => void;
  /** Aborting it cancels the process as GitHub does. */
  readonly cancellation: AbortSignal;
  readonly cancellationGrace: CancellationGrace;
}

// A background process can keep the streams open; GitHub's runner waits this long for them after the exit.
const STREAM_CLOSE_TIMEOUT_MS = 5000;

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

const runningPids = new Set<number>();

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function readFileOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended since it was listed, or belongs to another user.
    return '';
  }
}

function readProcess(pid: string): ProcessEntry {
  const stat = readFileOrEmpty(`/proc/${pid}/stat`);
  // The name is in parentheses and can itself contain parentheses, so the other fields start after the last one.
  const nameEnd = stat.lastIndexOf(')');
  const parent = Number(stat.slice(nameEnd + 2).split(' ')[1] ?? 0);
  return { pid: Number(pid), parent, name: stat.slice(stat.indexOf('(') + 1, nameEnd) };
}

function listProcesses(): ProcessEntry[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(readProcess);
  } catch {
    return [];
  }
}

/** The ids of all descendants of a process; empty on other systems than Linux. */
function findDescendants(pid: number): number[] {
  const processes = listProcesses();
  const descendantsOf = (parent: number): number[] =>
    processes
      .filter((each) => each.parent === parent)
      .flatMap((each) => [each.pid, ...descendantsOf(each.pid)]);
  return descendantsOf(pid);
}

/** Kills a process with SIGKILL; does nothing if it has ended. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/**
 * The processes that were started with an entry `NAME=value` in their environment; empty on other systems than Linux.
 */
export function findByEnvironment(variable: string): { readonly pid: number; readonly name: string }[] {
  return listProcesses().filter(({ pid }) =>
    readFileOrEmpty(`/proc/${pid}/environ`).split('\0').includes(variable),
  );
}

// Parents first, so that no shell reports the end of its children.
function killTree(pid: number): void {
  for (const each of [pid, ...findDescendants(pid)]) killProcess(each);
}

// Each step has its own process group, so it would outlive a runner that exits at once.
process.on('exit', () => runningPids.forEach(killTree));

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }))
    onLine(line);
}

async function cancelProcess(
  child: ChildProcess,
  grace: CancellationGrace,
  exited: Promise<unknown>,
): Promise<void> {
  const pid = child.pid;
  if (pid === undefined) return;
  const exitsWithin = async (milliseconds: number) => {
    const timer = new AbortController();
    const hasExited = await Promise.race([
      exited.then(() => true),
      delay(milliseconds, false, { signal: timer.signal }).catch(() => false),
    ]);
    timer.abort();
    return hasExited;
  };
  child.kill('SIGINT');
  if (await exitsWithin(grace.interruptMs)) return;
  child.kill('SIGTERM');
  if (await exitsWithin(grace.terminateMs)) return;
  killTree(pid);
}

/**
 * Runs a step's process in its own process group, so that Ctrl-C reaches it only through the runner.
 * @returns its exit code; 128 plus the signal's number if a signal ended it, as in shells.
 * @throws if it cannot be started.
 */
export async function runProcess(options: ProcessOptions): Promise<number> {
  const child = spawn(options.file, [...options.args], {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = once(child, 'exit');
  if (child.pid !== undefined) runningPids.add(child.pid);
  const streams = Promise.all([child.stdout, child.stderr].map((each) => readLines(each, options.onLine)));
  const onAbort = () => void cancelProcess(child, options.cancellationGrace, exited);
  options.cancellation.addEventListener('abort', onAbort, { once: true });
  if (options.cancellation.aborted) onAbort();
  try {
    await exited;
  } finally {
    if (child.pid !== undefined) runningPids.delete(child.pid);
    options.cancellation.removeEventListener('abort', onAbort);
  }
  await Promise.race([streams, delay(STREAM_CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  child.stdout.destroy();
  child.stderr.destroy();
  return child.exitCode ?? 128 + (SIGNAL_NUMBERS[child.signalCode ?? ''] ?? 0);
}
