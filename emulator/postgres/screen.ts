import { MessageStream, message, type Replacer } from './messages.ts';
import { administrators } from './service-roles.ts';

/** Looks at the SQL of one message; what it returns is run instead, `undefined` lets the message pass as it is. */
export type StatementRule = (sql: string) => string | undefined;

/**
 * The way from a client to PostgreSQL. Bytes pass unchanged, except for a Query or Parse message whose SQL a rule
 * replaces. Replacing it by SQL that fails leaves the rest to PostgreSQL: the error, the state of the transaction, the
 * synchronisation of the extended protocol.
 */
export class StatementScreen extends MessageStream {
  /** @param holdStart what a statement waits for before PostgreSQL gets it, if anything. */
  constructor(
    rules: readonly StatementRule[],
    holdStart: (sql: string) => Promise<void> | undefined = () => undefined,
  ) {
    const screened =
      (type: 'Q' | 'P'): Replacer =>
      (bytes) => {
        const nameEnd = type === 'P' ? bytes.indexOf(0, 5) + 1 : 5;
        const sql = bytes.toString('utf8', nameEnd, bytes.indexOf(0, nameEnd));
        const replaced = () => replaceStatement(rules, type, bytes.subarray(5, nameEnd), sql);
        return holdStart(sql)?.then(replaced) ?? replaced();
      };
    super(
      new Map([
        ['Q', screened('Q')],
        ['P', screened('P')],
      ]),
    );
  }
}

function replaceStatement(
  rules: readonly StatementRule[],
  type: 'Q' | 'P',
  name: Buffer,
  sql: string,
): Buffer | undefined {
  for (const rule of rules) {
    const replacement = rule(sql);
    if (replacement === undefined) continue;
    const noParameterTypes = Buffer.alloc(type === 'P' ? 2 : 0);
    return message(type, Buffer.concat([name, Buffer.from(`${replacement}\0`), noParameterTypes]));
  }
  return undefined;
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
