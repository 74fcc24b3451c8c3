import { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';

/** The file descriptor of standard output. */
const STANDARD_OUTPUT = 1;
/** Milliseconds until the next attempt, if the reader of a pipe that does not block has not made room. */
const RETRY_PAUSE_MS = 1;

/**
 * Writes a text completely before it returns, so nothing is lost at the end of the process.
 * @throws the error of the file system, such as EPIPE when the reader has ended
 */
export function writeCompletely(descriptor: number, text: string): void {
  let rest: Uint8Array = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_PAUSE_MS);
    }
  }
}

/**
 * Replaces `process.stdout`, which @actions/core writes to. To create that stream for a pipe, Node.js loads much of its network
 * library, which a step that ends at once does not need. A reader that reads nothing blocks the process.
 */
export function replaceStandardOutput(): void {
  const write = (text: string, onWritten?: () => void): true => {
    writeCompletely(STANDARD_OUTPUT, text);
    onWritten?.();
    return true;
  };
  // `console` adds listeners.
  const stream = Object.assign(new EventEmitter(), { write });
  Object.defineProperty(process, 'stdout', { value: stream, configurable: true });
}
