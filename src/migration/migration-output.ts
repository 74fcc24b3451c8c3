import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { resolveInTempDirectory } from '../common/paths.ts';

/** Characters of a line that are buffered until its end; a longer line is relayed in parts. */
const MAX_LINE_LENGTH = 1024 * 1024;

/** Characters at the end of the output that are searched for a known cause. */
const MAX_TAIL_LENGTH = 32 * 1024;

/** Milliseconds to wait for the rest of the output while an unknown process keeps the pipe open. */
const DRAIN_TIMEOUT_MS = 1000;

/** At the beginning of a line, after white space as .NET defines it. */
const ADD_MASK = /^[\s\u0085]*(::add-mask(?: .*?)?::.*\S)/is;

/** The older form, anywhere in a line. */
const LEGACY_ADD_MASK = /^##\[add-mask(?: [^\]]*)?\].*\S/is;

/** The `::add-mask::VALUE` command in a line, as the runner parses it; undefined for a line without one or without a value. */
function findAddMask(line: string): string | undefined {
  const [, command] = ADD_MASK.exec(line) ?? [];
  const at = line.indexOf('##[');
  // The runner parses only the first `##[` of a line.
  const [legacyCommand] = (at >= 0 && LEGACY_ADD_MASK.exec(line.slice(at))) || [];
  return command ?? legacyCommand;
}

/**
 * Relays a command's output to standard output with workflow commands stopped, so that nothing in it is a workflow command,
 * except `::add-mask::`. That is written outside the stopped part; otherwise the value would be visible in later lines.
 */
export class MigrationOutput {
  /** Random for each stopped part, and unknown to the command. */
  #token = '';
  #tail = '';

  /** The end of the relayed output, at most {@link MAX_TAIL_LENGTH} characters. */
  get tail(): string {
    return this.#tail;
  }

  async stopCommands(): Promise<void> {
    await writeStdout(this.#stopCommandsLine());
  }

  /** Starts a new line, because the command's output may end without one. */
  async resumeCommands(): Promise<void> {
    await writeStdout(`\n${this.#resumeCommandsLine()}`);
  }

  /** Relays line by line until the source ends. It reads the next chunk after the last one is written. */
  async relay(source: Readable): Promise<void> {
    source.setEncoding('utf8');
    let remainder = '';
    /** Whether `remainder` continues a line whose beginning was already written. */
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
      this.#tail = (this.#tail + chunk).slice(-MAX_TAIL_LENGTH);
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

/** Complete lines with their line endings, and the rest. The runner treats a carriage return as a line ending too. */
function splitCompleteLines(text: string): { readonly lines: readonly string[]; readonly end: string } {
  const lines = text.split(/(?<=\r\n|\n|\r(?!\n))/);
  const last = lines.at(-1) ?? '';
  return /[\r\n]$/.test(last) ? { lines, end: '' } : { lines: lines.slice(0, -1), end: last };
}

/** Writes in one call, so that no other output appears between the lines. */
const writeStdout = (text: string): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });

/** A named pipe. */
export interface Pipe {
  /** File descriptor for the child; to be closed once the child has it. */
  readonly writer: number;
  readonly reader: Readable;
}

/**
 * Opens a named pipe. Node connects children through sockets instead, which commands cannot open as `/dev/stderr`. One pipe
 * for both outputs preserves the order of their lines.
 * @returns undefined if there are no named pipes, such as on Windows
 */
export async function openPipe(): Promise<Pipe | undefined> {
  // The pipes of Git for Windows' mkfifo work only between programs of Git.
  if (process.platform === 'win32') return undefined;
  const path = resolveInTempDirectory(`${randomUUID()}.pipe`);
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', path]);
    // The reader is opened first and without blocking; otherwise each end would wait for the other.
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
 * Waits until all output is relayed, but at most a second, because a process may keep the pipe open.
 * @param relayed promises of {@link MigrationOutput.relay}
 */
export async function drainOutput(sources: readonly Readable[], relayed: Promise<unknown>): Promise<void> {
  const destroy = (): void => sources.forEach((source) => void source.destroy());
  const timeout = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
  timeout.addEventListener('abort', destroy, { once: true });
  // A source that is destroyed before its end rejects.
  await relayed.catch(() => {});
  timeout.removeEventListener('abort', destroy);
}
