import type { Readable } from 'node:stream';

/** What a client may send before its session, by the code in the packet (PostgreSQL's protocol, "Message Formats"). */
export const REQUEST_CODES = { cancel: 80877102, ssl: 80877103, gssEncryption: 80877104 } as const;

/** PostgreSQL's own limit on the length of such a packet, in bytes. */
const MAX_STARTUP_PACKET_BYTES = 10_000;

/** A packet of the time before the session. */
export interface StartupPacket {
  /** One of {@link REQUEST_CODES}, or the protocol's version. */
  readonly code: number;
  /** As it came, length included. */
  readonly bytes: Buffer;
}

/** Read so many bytes from a paused stream; undefined if it ends before. */
export function readBytes(stream: Readable, size: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const finish = (bytes: Buffer | undefined) => {
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onEnd);
      resolve(bytes);
    };
    const onEnd = () => finish(undefined);
    const onReadable = () => {
      const bytes: Buffer | null = stream.read(size);
      if (bytes !== null) finish(bytes.length === size ? bytes : undefined);
    };
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onEnd);
    onReadable();
  });
}

/** Read one packet; undefined if the client went away or speaks something else. */
export async function readStartupPacket(stream: Readable): Promise<StartupPacket | undefined> {
  const head = await readBytes(stream, 4);
  const length = head?.readUInt32BE(0) ?? 0;
  if (!head || length < 8 || length > MAX_STARTUP_PACKET_BYTES) return undefined;
  const body = await readBytes(stream, length - 4);
  return body && { code: body.readUInt32BE(0), bytes: Buffer.concat([head, body]) };
}

/** The user and the database that a startup packet names; PostgreSQL takes the user's name for a missing database. */
export function parseUserAndDatabase({ bytes }: StartupPacket): { user: string; database: string } {
  const words = bytes.toString('utf8', 8).split('\0');
  const parameters = new Map<string, string>();
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) {
    parameters.set(words[i] ?? '', words[i + 1] ?? '');
  }
  const user = parameters.get('user') ?? '';
  return { user, database: parameters.get('database') || user };
}

/** An ErrorResponse that ends the connection, in the protocol's bytes. */
export function encodeFatalError(sqlstate: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlstate}\0M${message}\0\0`);
  const head = Buffer.alloc(5, 'E');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
