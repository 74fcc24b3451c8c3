import { Transform, type TransformCallback } from 'node:stream';
import { administrators } from './roles.ts';

/** Looks at the SQL of one message; what it returns is run instead, `undefined` lets the message pass as it is. */
export type StatementRule = (sql: string) => string | undefined;

/** Messages above this many bytes are data, not the one statement that a rule looks for, and are not held back. */
const longestScreened = 1 << 20;

const query = 'Q'.charCodeAt(0);
const parse = 'P'.charCodeAt(0);

/**
 * The way from a client to PostgreSQL, from behind the startup packet on. Bytes pass unchanged, except for a Query or
 * Parse message whose SQL a rule replaces. Replacing it by SQL that fails leaves the rest to PostgreSQL: the error, the
 * state of the transaction, the synchronisation of the extended protocol.
 */
export class StatementScreen extends Transform {
  readonly #rules: readonly StatementRule[];
  #held: Buffer = Buffer.alloc(0);
  /** Bytes still to come of a message that passes without a look. */
  #passing = 0;

  constructor(rules: readonly StatementRule[]) {
    super();
    this.#rules = rules;
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
      if (!isScreened(bytes[at]) || length > longestScreened) {
        this.#passing = length;
        continue;
      }
      if (bytes.length - at < length) break;
      const replacement = this.#replace(bytes.subarray(at, at + length));
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

  #replace(message: Buffer): Buffer | undefined {
    const isParse = message[0] === parse;
    const nameEnd = isParse ? message.indexOf(0, 5) + 1 : 5;
    const sqlEnd = message.indexOf(0, nameEnd);
    const sql = message.toString('utf8', nameEnd, sqlEnd);
    for (const rule of this.#rules) {
      const replacement = rule(sql);
      if (replacement === undefined) continue;
      const name = message.subarray(5, nameEnd);
      const noParameterTypes = Buffer.alloc(isParse ? 2 : 0);
      const body = Buffer.concat([name, Buffer.from(`${replacement}\0`), noParameterTypes]);
      const head = Buffer.from([isParse ? parse : query, 0, 0, 0, 0]);
      head.writeUInt32BE(body.length + 4, 1);
      return Buffer.concat([head, body]);
    }
    return undefined;
  }
}

function isScreened(type: number | undefined): boolean {
  return type === query || type === parse;
}

const opaque =
  /--[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"]|"")*"|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$/g;

/** SQL with comments and quoted text blanked out, so that what is left are words; quoted identifiers stay. */
function skeleton(sql: string): string {
  return sql.replace(opaque, (text) => (text.startsWith('"') ? text : ' '));
}

const membership = /^\s*grant\s+(?<granted>[^;]+?)\s+to\s+(?<members>[^;]+)$/i;
const restricted = new RegExp(`(?:^|[\\s,])(?:${administrators}|"${administrators}")(?:[\\s,]|$)`, 'i');

/**
 * Azure's patched server guards its own role: `GRANT x TO azure_pg_admin` is refused to everybody (facts.md §5), where
 * PostgreSQL would let the creator of x do it. Privileges on an object (`GRANT … ON … TO`) are another matter. Dynamic
 * SQL inside a function is not looked at.
 */
export function refuseRestrictedRole(sql: string): string | undefined {
  if (!sql.toLowerCase().includes(administrators)) return undefined;
  const grants = skeleton(sql)
    .split(';')
    .map((statement) => membership.exec(statement)?.groups);
  const refused = grants.some(
    (grant) => grant && !/\son\s/i.test(grant['granted'] ?? '') && restricted.test(grant['members'] ?? ''),
  );
  return refused
    ? raise('insufficient_privilege', `permission denied to alter restricted role "${administrators}"`)
    : undefined;
}

/** A statement that fails so. The message must be free of quotes and percent signs. */
function raise(condition: string, message: string): string {
  return `DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '${condition}', MESSAGE = '${message}'; END$$`;
}
