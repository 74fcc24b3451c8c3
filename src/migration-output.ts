import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { inTemporaryFolder } from './folders.ts';

/** Characters of a line that are kept until its end comes; what is longer is passed on in parts. */
const MAX_LINE = 1024 * 1024;

/** Milliseconds for the rest of the output, where a process that could not be found holds the pipe open. */
const DRAIN_TIMEOUT_MS = 1000;

/** At the beginning of a line, after white space as .NET defines it. */
const addMask = /^[\s\u0085]*(::add-mask(?: .*?)?::.*\S)/is;

/** The older form, which can stand anywhere in a line. */
const olderAddMask = /^##\[add-mask(?: [^\]]*)?\].*\S/is;

/** The `::add-mask::VALUE` of a line, as the runner would read it; undefined for any other line, and without a value. */
function addMaskIn(line: string): string | undefined {
  const [, command] = addMask.exec(line) ?? [];
  const at = line.indexOf('##[');
  // The runner looks at the first that it meets.
  const [older] = (at >= 0 && olderAddMask.exec(line.slice(at))) || [];
  return command ?? older;
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
    await write(this.#stop());
  }

  /** On a separate line, wherever the command's output ended. */
  async resumeCommands(): Promise<void> {
    await write(`\n${this.#resume()}`);
  }

  /** Passes on line by line until the source ends; the next chunk is read once the last one is written. */
  async relay(source: Readable): Promise<void> {
    source.setEncoding('utf8');
    let rest = '';
    /** Whether `rest` continues a line whose beginning has been passed on. */
    let continues = false;
    for await (const chunk of source as AsyncIterable<string>) {
      const { lines, end } = splitLines(rest + chunk);
      rest = end;
      let text = '';
      for (const line of lines) {
        text += continues ? line : this.#passed(line);
        continues = false;
      }
      if (rest.length > MAX_LINE) {
        text += rest;
        rest = '';
        continues = true;
      }
      if (text !== '') await write(text);
    }
    if (rest !== '') await write(continues ? rest : this.#passed(rest));
  }

  #passed(line: string): string {
    const mask = addMaskIn(line);
    return mask === undefined ? line : `${this.#resume()}${mask}\n${this.#stop()}`;
  }

  #stop(): string {
    this.#token = randomUUID();
    return `::stop-commands::${this.#token}\n`;
  }

  #resume(): string {
    return `::${this.#token}::\n`;
  }
}

/** Whole lines with their ends, and what follows them. The runner takes a carriage return for the end of a line too. */
function splitLines(text: string): { readonly lines: readonly string[]; readonly end: string } {
  const lines = text.split(/(?<=\r\n|\n|\r(?!\n))/);
  const last = lines.at(-1) ?? '';
  return /[\r\n]$/.test(last) ? { lines, end: '' } : { lines: lines.slice(0, -1), end: last };
}

/** In one piece, so that nothing that writes beside us comes between its lines. */
const write = (text: string): Promise<void> =>
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
  const path = inTemporaryFolder(`${randomUUID()}.pipe`);
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

export const closeWriter = ({ writer }: Pipe): void => closeSync(writer);

/**
 * Waits for the end of what is relayed, but not for a process that holds the pipe open without an end.
 * @param relayed as {@link MigrationOutput.relay} returned it
 */
export async function drained(sources: readonly Readable[], relayed: Promise<unknown>): Promise<void> {
  const destroy = (): void => sources.forEach((source) => void source.destroy());
  const timeout = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
  timeout.addEventListener('abort', destroy, { once: true });
  // A source that is destroyed before its end fails.
  await relayed.catch(() => {});
  timeout.removeEventListener('abort', destroy);
}
