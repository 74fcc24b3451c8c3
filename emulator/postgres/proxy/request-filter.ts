import { ADMINISTRATOR_ROLE } from '../azure-model/role-model.ts';
import { encodeMessage, type MessageReplacer, MessageStream } from './message-stream.ts';

/** Returns the SQL to run instead of the SQL of a message, or undefined to pass it unchanged. */
export type StatementRewriter = (sql: string) => string | undefined;

/**
 * The stream from a client to PostgreSQL. Bytes pass unchanged, except for Query and Parse messages whose SQL a rewriter
 * replaces. A rewriter refuses a statement by replacing it with SQL that fails: PostgreSQL then creates the error, and keeps
 * the state of the transaction and of the extended protocol.
 */
export class RequestFilter extends MessageStream {
  /** @param delayStatement returns a promise to delay a statement. */
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

/** Replace comments and quoted text with spaces. Quoted identifiers stay. */
function blankQuotedText(sql: string): string {
  return sql.replace(COMMENTS_AND_QUOTED_TEXT, (text) => (text.startsWith('"') ? text : ' '));
}

const GRANT_ROLE_STATEMENT = /^\s*grant\s+(?<granted>[^;]+?)\s+to\s+(?<members>[^;]+)$/i;
const RESTRICTED_MEMBER = new RegExp(
  `(?:^|[\\s,])(?:${ADMINISTRATOR_ROLE}|"${ADMINISTRATOR_ROLE}")(?:[\\s,]|$)`,
  'i',
);

/**
 * Azure's patched server refuses `GRANT role TO azure_pg_admin`, which PostgreSQL permits to the creator of the role. Grants
 * on objects (`GRANT … ON … TO`) are permitted. Dynamic SQL in functions is not checked.
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

const CREATE_DATABASE_STATEMENT = /^\s*create\s+database\b/i;

/**
 * An elastic cluster refuses `CREATE DATABASE` (documented; the code and the message are inferred). The statement cannot run
 * inside a function, so the SQL of the client is all there is to check.
 */
export function rejectDatabaseCreation(sql: string): string | undefined {
  const statements = blankQuotedText(sql).split(';');
  return statements.some((statement) => CREATE_DATABASE_STATEMENT.test(statement))
    ? raiseExceptionSql('feature_not_supported', 'CREATE DATABASE is not supported on an elastic cluster')
    : undefined;
}

/** SQL that fails with this condition. The message must not contain quotes or percent signs. */
function raiseExceptionSql(condition: string, message: string): string {
  return `DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '${condition}', MESSAGE = '${message}'; END$$`;
}
