import { Transform, type TransformCallback } from 'node:stream';

/** Messages above this many bytes are data, not what anybody looks for, and are not held back. */
const longestHeld = 1 << 20;

/** What stands in the place of a message; `undefined` lets it pass as it is. */
export type Replacer = (message: Buffer) => Buffer | undefined;

/**
 * One direction of a session, from behind the startup packet on: messages of a type byte, a length and a body. Bytes pass
 * unchanged, except for messages of the types that have a replacer, which are held until they are whole.
 */
export class MessageStream extends Transform {
  readonly #replacers: ReadonlyMap<string, Replacer>;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes still to come of a message that passes without a look. */
  #passing = 0;

  /** @param replacers by the letter of the type. */
  constructor(replacers: ReadonlyMap<string, Replacer>) {
    super();
    this.#replacers = replacers;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    let sent = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#passing > 0) {
        const skipped = Math.min(this.#passing, bytes.length - at);
        this.#passing -= skipped;
        at += skipped;
        continue;
      }
      if (bytes.length - at < 5) break;
      const length = bytes.readUInt32BE(at + 1) + 1;
      const replacer = this.#replacers.get(String.fromCharCode(bytes[at] ?? 0));
      if (!replacer || length > longestHeld) {
        this.#passing = length;
        continue;
      }
      if (bytes.length - at < length) break;
      const replacement = replacer(bytes.subarray(at, at + length));
      if (replacement) {
        this.push(bytes.subarray(sent, at));
        this.push(replacement);
        sent = at + length;
      }
      at += length;
    }
    if (at > sent) this.push(bytes.subarray(sent, at));
    this.#held = bytes.subarray(at);
    done();
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#held);
  }
}

/** A message in the protocol's bytes. */
export function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
