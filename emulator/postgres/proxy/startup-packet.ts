import type { Readable } from 'node:stream';

/** Codes of the packets that a client can send before its session (PostgreSQL, "Message Formats"). */
export const REQUEST_CODES = { cancel: 80877102, ssl: 80877103, gssEncryption: 80877104 } as const;

/** PostgreSQL's limit on the length of a packet, in bytes. */
const MAX_STARTUP_PACKET_BYTES = 10_000;

/** A packet that a client sends before its session. */
export interface StartupPacket {
  /** One of {@link REQUEST_CODES}, or the protocol version. */
  readonly code: number;
  /** The whole packet with its length. */
  readonly bytes: Buffer;
}

/** Read `size` bytes from a paused stream, or undefined if it ends earlier. */
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

/** Read one packet, or undefined if the client disconnects or uses another protocol. */
export async function readStartupPacket(stream: Readable): Promise<StartupPacket | undefined> {
  const head = await readBytes(stream, 4);
  const length = head?.readUInt32BE(0) ?? 0;
  if (!head || length < 8 || length > MAX_STARTUP_PACKET_BYTES) return undefined;
  const body = await readBytes(stream, length - 4);
  return body && { code: body.readUInt32BE(0), bytes: Buffer.concat([head, body]) };
}

/** The packet with one more parameter. PostgreSQL uses the last value of a parameter. */
export function addParameter({ code, bytes }: StartupPacket, name: string, value: string): StartupPacket {
  // The packet ends with an empty name.
  const added = Buffer.concat([bytes.subarray(0, -1), Buffer.from(`${name}\0${value}\0\0`)]);
  added.writeUInt32BE(added.length, 0);
  return { code, bytes: added };
}

/** The user and the database in a startup packet. The default database has the name of the user. */
export function parseUserAndDatabase({ bytes }: StartupPacket): { user: string; database: string } {
  const words = bytes.toString('utf8', 8).split('\0');
  const parameters = new Map<string, string>();
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) {
    parameters.set(words[i] ?? '', words[i + 1] ?? '');
  }
  const user = parameters.get('user') ?? '';
  return { user, database: parameters.get('database') || user };
}
