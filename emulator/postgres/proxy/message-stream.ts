import { Transform, type TransformCallback } from 'node:stream';

/** Longer messages contain data. They pass unchanged and are not buffered. */
const MAX_BUFFERED_BYTES = 1 << 20;

/**
 * Returns the replacement of a message, or undefined to pass it unchanged. A promise delays the message, and everything
 * after it, until it is settled.
 */
export type MessageReplacer = (message: Buffer) => Buffer | undefined | Promise<Buffer | undefined>;

/**
 * One direction of a session after the startup packet. A message has a type byte, a length and a body. Bytes pass unchanged,
 * except for complete messages of the types with a replacer.
 */
export class MessageStream extends Transform {
  readonly #replacers: ReadonlyMap<string, MessageReplacer>;
  #buffered: Buffer = Buffer.alloc(0);
  /** Remaining bytes of a message that passes unchanged. */
  #passThroughBytes = 0;

  /** @param replacers by the letter of the message type. */
  constructor(replacers: ReadonlyMap<string, MessageReplacer>) {
    super();
    this.#replacers = replacers;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#forward(this.#buffered.length > 0 ? Buffer.concat([this.#buffered, chunk]) : chunk, 0, done);
  }

  #forward(bytes: Buffer, start: number, done: TransformCallback): void {
    let sent = start;
    let at = start;
    for (let next = this.#nextChunk(bytes, at); next !== undefined; next = this.#nextChunk(bytes, at)) {
      const original = bytes.subarray(at, at + next.length);
      const replacement = next.replacer?.(original);
      at += next.length;
      if (replacement === undefined) continue;
      const before = bytes.subarray(sent, at - next.length);
      if (before.length > 0) this.push(before);
      sent = at;
      if (replacement instanceof Promise) {
        replacement.then((other) => {
          this.push(other ?? original);
          this.#forward(bytes, sent, done);
        }, done);
        return;
      }
      this.push(replacement);
    }
    if (at > sent) this.push(bytes.subarray(sent, at));
    this.#buffered = bytes.subarray(at);
    done();
  }

  /** The next bytes that belong together, and their replacer. Undefined if the message is incomplete. */
  #nextChunk(
    bytes: Buffer,
    at: number,
  ): { readonly length: number; readonly replacer?: MessageReplacer } | undefined {
    if (this.#passThroughBytes > 0 && at < bytes.length) {
      const length = Math.min(this.#passThroughBytes, bytes.length - at);
      this.#passThroughBytes -= length;
      return { length };
    }
    if (bytes.length - at < 5) return undefined;
    const length = bytes.readUInt32BE(at + 1) + 1;
    const replacer = this.#replacers.get(String.fromCharCode(bytes[at] ?? 0));
    if (!replacer || length > MAX_BUFFERED_BYTES) {
      this.#passThroughBytes = length;
      return this.#nextChunk(bytes, at);
    }
    return bytes.length - at < length ? undefined : { length, replacer };
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#buffered);
  }
}

/** A message in the wire format. */
export function encodeMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** An ErrorResponse that ends the connection, in the wire format. */
export function encodeFatalError(sqlstate: string, message: string): Buffer {
  return encodeMessage('E', Buffer.from(`SFATAL\0VFATAL\0C${sqlstate}\0M${message}\0\0`));
}
