import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { descendants, kill } from './process-table.ts';

/** How long a cancelled step's process has after each signal, in milliseconds. */
export interface Grace {
  readonly interrupt: number;
  readonly terminate: number;
}

/** GitHub's own: SIGINT, 7500 ms, SIGTERM, 2500 ms, then the process tree is killed (workflow cancellation reference). */
export const gitHubGrace: Grace = { interrupt: 7500, terminate: 2500 };

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing of this process's own is added. */
  readonly env: Readonly<Record<string, string>>;
  /** Called for each line of standard output and standard error, without its end. */
  readonly onLine: (line: string) => void;
  /** Its abort cancels the process as GitHub does. */
  readonly cancellation: AbortSignal;
  readonly grace: Grace;
}

// A background process may hold the streams open; GitHub's runner waits this long for them after the exit.
const streamsGrace = 5000;

const signalNumbers: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

const running = new Set<number>();

// From the top, so that no shell is left to report on what it started.
function killTree(pid: number): void {
  for (const each of [pid, ...descendants(pid)]) kill(each);
}

// Steps have process groups of their own, so they would outlive a runner that is stopped at once.
process.on('exit', () => running.forEach(killTree));

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }))
    onLine(line);
}

async function cancel(child: ChildProcess, grace: Grace, exited: Promise<unknown>): Promise<void> {
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
  if (await endsWithin(grace.interrupt)) return;
  child.kill('SIGTERM');
  if (await endsWithin(grace.terminate)) return;
  killTree(pid);
}

/**
 * Runs a step's process in a process group of its own, so that Ctrl-C reaches it only through the runner.
 * @returns its exit code; 128 and the signal's number for one that a signal ended, as shells count.
 * @throws where it cannot be started.
 */
export async function runProcess(command: Command): Promise<number> {
  const child = spawn(command.file, [...command.args], {
    cwd: command.cwd,
    env: { ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = once(child, 'exit');
  if (child.pid !== undefined) running.add(child.pid);
  const streams = Promise.all([child.stdout, child.stderr].map((each) => readLines(each, command.onLine)));
  const onAbort = () => void cancel(child, command.grace, exited);
  command.cancellation.addEventListener('abort', onAbort, { once: true });
  if (command.cancellation.aborted) onAbort();
  try {
    await exited;
  } finally {
    if (child.pid !== undefined) running.delete(child.pid);
    command.cancellation.removeEventListener('abort', onAbort);
  }
  await Promise.race([streams, delay(streamsGrace, undefined, { ref: false })]);
  child.stdout.destroy();
  child.stderr.destroy();
  return child.exitCode ?? 128 + (signalNumbers[child.signalCode ?? ''] ?? 0);
}
