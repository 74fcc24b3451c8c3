import { Transform, type TransformCallback } from 'node:stream';

/** Messages above this many bytes are data, not what anybody looks for, and are not held back. */
const MAX_BUFFERED_BYTES = 1 << 20;

/**
 * What stands in the place of a message; `undefined` lets it pass as it is. A promise holds it, and all that comes after
 * it, until it is settled.
 */
export type MessageReplacer = (message: Buffer) => Buffer | undefined | Promise<Buffer | undefined>;

/**
 * One direction of a session, from behind the startup packet on: messages of a type byte, a length and a body. Bytes pass
 * unchanged, except for messages of the types that have a replacer, which are held until they are whole.
 */
export class MessageStream extends Transform {
  readonly #replacers: ReadonlyMap<string, MessageReplacer>;
  #buffered: Buffer = Buffer.alloc(0);
  /** Bytes still to come of a message that passes without a look. */
  #passThroughBytes = 0;

  /** @param replacers by the letter of the type. */
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

  /** How many bytes come next that belong together, with the replacer if there is one; undefined where some are missing. */
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

/** A message in the protocol's bytes. */
export function encodeMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
