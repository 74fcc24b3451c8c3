import { ADMINISTRATOR_ROLE } from '../azure-model/service-roles.ts';
import { encodeMessage, type MessageReplacer, MessageStream } from './message-stream.ts';

/** Looks at the SQL of one message; what it returns is run instead, `undefined` lets the message pass as it is. */
export type StatementRewriter = (sql: string) => string | undefined;

/**
 * The way from a client to PostgreSQL. Bytes pass unchanged, except for a Query or Parse message whose SQL a rule
 * replaces. Replacing it by SQL that fails leaves the rest to PostgreSQL: the error, the state of the transaction, the
 * synchronisation of the extended protocol.
 */
export class RequestFilter extends MessageStream {
  /** @param delayStatement what a statement waits for before PostgreSQL gets it, if anything. */
  constructor(
    rewriters: readonly StatementRewriter[],
    delayStatement: (sql: string) => Promise<void> | undefined = () => undefined,
  ) {
    const createReplacer =
      (type: 'Q' | 'P'): MessageReplacer =>
      (bytes) => {
        const nameEnd = type === 'P' ? bytes.indexOf(0, 5) + 1 : 5;
        const sql = bytes.toString('utf8', nameEnd, bytes.indexOf(0, nameEnd));
        const rewrite = () => rewriteStatement(rewriters, type, bytes.subarray(5, nameEnd), sql);
        return delayStatement(sql)?.then(rewrite) ?? rewrite();
      };
    super(
      new Map([
        ['Q', createReplacer('Q')],
        ['P', createReplacer('P')],
      ]),
    );
  }
}

function rewriteStatement(
  rewriters: readonly StatementRewriter[],
  type: 'Q' | 'P',
  name: Buffer,
  sql: string,
): Buffer | undefined {
  for (const rewriter of rewriters) {
    const replacement = rewriter(sql);
    if (replacement === undefined) continue;
    const noParameterTypes = Buffer.alloc(type === 'P' ? 2 : 0);
    return encodeMessage(type, Buffer.concat([name, Buffer.from(`${replacement}\0`), noParameterTypes]));
  }
  return undefined;
}

const COMMENTS_AND_QUOTED_TEXT =
  /--[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"]|"")*"|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$/g;

/** SQL with comments and quoted text blanked out, so that what is left are words; quoted identifiers stay. */
function blankQuotedText(sql: string): string {
  return sql.replace(COMMENTS_AND_QUOTED_TEXT, (text) => (text.startsWith('"') ? text : ' '));
}

const GRANT_ROLE_STATEMENT = /^\s*grant\s+(?<granted>[^;]+?)\s+to\s+(?<members>[^;]+)$/i;
const RESTRICTED_MEMBER = new RegExp(
  `(?:^|[\\s,])(?:${ADMINISTRATOR_ROLE}|"${ADMINISTRATOR_ROLE}")(?:[\\s,]|$)`,
  'i',
);

/**
 * Azure's patched server guards its own role: `GRANT x TO azure_pg_admin` is refused to everybody (facts.md §5), where
 * PostgreSQL would let the creator of x do it. Privileges on an object (`GRANT … ON … TO`) are another matter. Dynamic
 * SQL inside a function is not looked at.
 */
export function rejectRestrictedRoleGrant(sql: string): string | undefined {
  if (!sql.toLowerCase().includes(ADMINISTRATOR_ROLE)) return undefined;
  const grants = blankQuotedText(sql)
    .split(';')
    .map((statement) => GRANT_ROLE_STATEMENT.exec(statement)?.groups);
  const isRejected = grants.some(
    (grant) =>
      grant && !/\son\s/i.test(grant['granted'] ?? '') && RESTRICTED_MEMBER.test(grant['members'] ?? ''),
  );
  return isRejected
    ? raiseExceptionSql(
        'insufficient_privilege',
        `permission denied to alter restricted role "${ADMINISTRATOR_ROLE}"`,
      )
    : undefined;
}

/** A statement that fails so. The message must be free of quotes and percent signs. */
function raiseExceptionSql(condition: string, message: string): string {
  return `DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '${condition}', MESSAGE = '${message}'; END$$`;
}
