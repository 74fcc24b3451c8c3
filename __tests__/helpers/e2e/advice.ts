/** A keyword that begins a statement in a hint. */
const STATEMENT =
  /\b(?:GRANT|REVOKE|ALTER|DROP|REASSIGN|ROLLBACK|COMMIT|SELECT|SET)\b(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^;"'])*;/g;

/**
 * The SQL statements that a message advises, in their order, as a person copies them: from the keyword to the semicolon.
 * Tests execute them in the situation that printed them.
 * @param log of a step; a line of it holds a whole message
 * @param before the text before the first statement, in the same line
 */
export function statementsAfter(log: string, before: string): readonly string[] {
  const line = log.split('\n').find((text) => text.includes(before));
  if (line === undefined) throw new Error(`No message contains "${before}":\n${log}`);
  const message = line
    .slice(line.indexOf(before) + before.length)
    .replaceAll('%0A', '\n')
    .replaceAll('%25', '%');
  const statements = message.match(STATEMENT) ?? [];
  if (statements.length === 0) throw new Error(`No statement follows "${before}": ${message}`);
  return statements;
}
