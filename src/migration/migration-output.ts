import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { resolveInTempDirectory } from '../common/paths.ts';

/** Characters of a line that are kept until its end comes; what is longer is passed on in parts. */
const MAX_LINE_LENGTH = 1024 * 1024;

/** Milliseconds for the rest of the output, where a process that could not be found holds the pipe open. */
const DRAIN_TIMEOUT_MS = 1000;

/** At the beginning of a line, after white space as .NET defines it. */
const ADD_MASK = /^[\s\u0085]*(::add-mask(?: .*?)?::.*\S)/is;

/** The older form, which can stand anywhere in a line. */
const LEGACY_ADD_MASK = /^##\[add-mask(?: [^\]]*)?\].*\S/is;

/** The `::add-mask::VALUE` of a line, as the runner would read it; undefined for any other line, and without a value. */
function findAddMask(line: string): string | undefined {
  const [, command] = ADD_MASK.exec(line) ?? [];
  const at = line.indexOf('##[');
  // The runner looks at the first that it meets.
  const [legacyCommand] = (at >= 0 && LEGACY_ADD_MASK.exec(line.slice(at))) || [];
  return command ?? legacyCommand;
}

/**
 * Passes a command's output on to standard output with workflow commands stopped, so nothing that it prints is a
 * command; except `::add-mask::`, which is given to the runner outside the stopped part, or the value would
 * show in every later line of the job.
 */
export class MigrationOutput {
  /** Random for each stopped part, and neither in the command's environment nor in its arguments. */
  #token = '';

  async stopCommands(): Promise<void> {
    await writeStdout(this.#stopCommandsLine());
  }

  /** On a separate line, wherever the command's output ended. */
  async resumeCommands(): Promise<void> {
    await writeStdout(`\n${this.#resumeCommandsLine()}`);
  }

  /** Passes on line by line until the source ends; the next chunk is read once the last one is written. */
  async relay(source: Readable): Promise<void> {
    source.setEncoding('utf8');
    let remainder = '';
    /** Whether `rest` continues a line whose beginning has been passed on. */
    let isContinuation = false;
    for await (const chunk of source as AsyncIterable<string>) {
      const { lines, end } = splitCompleteLines(remainder + chunk);
      remainder = end;
      let text = '';
      for (const line of lines) {
        text += isContinuation ? line : this.#passThrough(line);
        isContinuation = false;
      }
      if (remainder.length > MAX_LINE_LENGTH) {
        text += remainder;
        remainder = '';
        isContinuation = true;
      }
      if (text !== '') await writeStdout(text);
    }
    if (remainder !== '') await writeStdout(isContinuation ? remainder : this.#passThrough(remainder));
  }

  #passThrough(line: string): string {
    const mask = findAddMask(line);
    return mask === undefined ? line : `${this.#resumeCommandsLine()}${mask}\n${this.#stopCommandsLine()}`;
  }

  #stopCommandsLine(): string {
    this.#token = randomUUID();
    return `::stop-commands::${this.#token}\n`;
  }

  #resumeCommandsLine(): string {
    return `::${this.#token}::\n`;
  }
}

/** Whole lines with their ends, and what follows them. The runner takes a carriage return for the end of a line too. */
function splitCompleteLines(text: string): { readonly lines: readonly string[]; readonly end: string } {
  const lines = text.split(/(?<=\r\n|\n|\r(?!\n))/);
  const last = lines.at(-1) ?? '';
  return /[\r\n]$/.test(last) ? { lines, end: '' } : { lines: lines.slice(0, -1), end: last };
}

/** In one piece, so that nothing that writes beside us comes between its lines. */
const writeStdout = (text: string): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });

/** A pipe of the system: file descriptor to write to, to be closed once the child has it, and what is read from it. */
export interface Pipe {
  readonly writer: number;
  readonly reader: Readable;
}

/**
 * A real pipe, which Node's own for children are not: those are sockets, which commands cannot open as `/dev/stderr`.
 * One for both outputs keeps the order of their lines.
 * @returns undefined where there are no named pipes, as on Windows
 */
export async function openPipe(): Promise<Pipe | undefined> {
  // The pipes of Git's mkfifo work between Git's programs alone.
  if (process.platform === 'win32') return undefined;
  const path = resolveInTempDirectory(`${randomUUID()}.pipe`);
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', path]);
    // The reader comes first and does not wait, or each end would wait for the other to be opened.
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, 'w');
    return { writer, reader: new Socket({ fd: reader, readable: true, writable: false }) };
  } catch {
    return undefined;
  } finally {
    rmSync(path, { force: true });
  }
}

export const closePipeWriter = ({ writer }: Pipe): void => closeSync(writer);

/**
 * Waits for the end of what is relayed, but not for a process that holds the pipe open without an end.
 * @param relayed as {@link MigrationOutput.relay} returned it
 */
export async function drainOutput(sources: readonly Readable[], relayed: Promise<unknown>): Promise<void> {
  const destroy = (): void => sources.forEach((source) => void source.destroy());
  const timeout = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
  timeout.addEventListener('abort', destroy, { once: true });
  // A source that is destroyed before its end fails.
  await relayed.catch(() => {});
  timeout.removeEventListener('abort', destroy);
}
