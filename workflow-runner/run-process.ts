import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { findDescendants, killProcess } from './process-table.ts';

/** How long a cancelled step's process has after each signal, in milliseconds. */
export interface CancellationGrace {
  readonly interruptMs: number;
  readonly terminateMs: number;
}

/** GitHub's own: SIGINT, 7500 ms, SIGTERM, 2500 ms, then the process tree is killed (workflow cancellation reference). */
export const GITHUB_CANCELLATION_GRACE: CancellationGrace = { interruptMs: 7500, terminateMs: 2500 };

export interface ProcessOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing of this process's own is added. */
  readonly env: Readonly<Record<string, string>>;
  /** Called for each line of standard output and standard error, without its end. */
  readonly onLine: (line: string) => void;
  /** Its abort cancels the process as GitHub does. */
  readonly cancellation: AbortSignal;
  readonly cancellationGrace: CancellationGrace;
}

// A background process may hold the streams open; GitHub's runner waits this long for them after the exit.
const STREAM_CLOSE_TIMEOUT_MS = 5000;

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

const runningPids = new Set<number>();

// From the top, so that no shell is left to report on what it started.
function killTree(pid: number): void {
  for (const each of [pid, ...findDescendants(pid)]) killProcess(each);
}

// Steps have process groups of their own, so they would outlive a runner that is stopped at once.
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
  const endsWithin = async (milliseconds: number) => {
    const waiting = new AbortController();
    const ended = await Promise.race([
      exited.then(() => true),
      delay(milliseconds, false, { signal: waiting.signal }).catch(() => false),
    ]);
    waiting.abort();
    return ended;
  };
  child.kill('SIGINT');
  if (await endsWithin(grace.interruptMs)) return;
  child.kill('SIGTERM');
  if (await endsWithin(grace.terminateMs)) return;
  killTree(pid);
}

/**
 * Runs a step's process in a process group of its own, so that Ctrl-C reaches it only through the runner.
 * @returns its exit code; 128 and the signal's number for one that a signal ended, as shells count.
 * @throws where it cannot be started.
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
