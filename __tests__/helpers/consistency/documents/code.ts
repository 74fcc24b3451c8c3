import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { createContext, runInContext } from 'node:vm';
import { hasSqlDetails, parse as parseSql } from 'libpg-query';
import type { CodeBlock, Problem } from '../../document.ts';

const problem = (block: CodeBlock, text: string, lineInBlock = 1): Problem => ({
  line: block.line + lineInBlock - 1,
  text,
});

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Checks SQL with PostgreSQL's own parser. Lines with a command of psql (`\c`) are not SQL. */
export async function findSqlProblems(block: CodeBlock): Promise<readonly Problem[]> {
  const sql = block.text.replace(/^\\.*$/gm, '');
  try {
    await parseSql(sql);
    return [];
  } catch (error) {
    const position = hasSqlDetails(error) ? (error.sqlDetails?.cursorPosition ?? 0) : 0;
    const line = sql.slice(0, position).split('\n').length;
    return [problem(block, `PostgreSQL cannot parse the block: ${messageOf(error)}`, line)];
  }
}

/** Checks JSON, in which `…` may stand for omitted content: `{…}`, `[…]`. */
export function findJsonProblems(block: CodeBlock): readonly Problem[] {
  try {
    JSON.parse(block.text.replaceAll('{…}', '{}').replaceAll('[…]', '[]'));
    return [];
  } catch (error) {
    return [problem(block, `The JSON is not valid: ${messageOf(error)}`)];
  }
}

/** Checks the syntax of TypeScript, which JavaScript is a part of, with the parser that Node.js itself uses. */
export function findScriptProblems(block: CodeBlock): readonly Problem[] {
  try {
    stripTypeScriptTypes(block.text, { mode: 'transform' });
    return [];
  } catch (error) {
    return [problem(block, `The ${block.language} does not parse: ${messageOf(error)}`)];
  }
}

const PYTHON_CHECK = `
import ast, sys
try:
    ast.parse(sys.stdin.read())
except SyntaxError as error:
    print(f"{error.lineno}: {error.msg}")
`;

/** Checks the syntax of Python, on a machine that has it. */
export function findPythonProblems(block: CodeBlock): readonly Problem[] {
  const { stdout } = spawnSync('python3', ['-c', PYTHON_CHECK], { input: block.text, encoding: 'utf8' });
  const [, line = '1', message] = /^(\d+): (.*)/.exec(stdout ?? '') ?? [];
  return message === undefined
    ? []
    : [problem(block, `Python cannot parse the block: ${message}`, Number(line))];
}

interface Mermaid {
  parse(text: string): Promise<unknown>;
}

let mermaid: Mermaid | undefined;

/**
 * Mermaid's parser. The package is a script for browsers, which sets a global variable; it runs in a context of its own, with
 * what it needs of a browser. DOMPurify, which a browser's DOM would create, leaves each text as it is.
 */
function loadMermaid(): Mermaid {
  const path = createRequire(import.meta.url).resolve('@mermaid-js/tiny');
  const context = createContext({ structuredClone, setTimeout, clearTimeout, console, URL });
  runInContext(
    'Function.prototype.addHook = () => {}; Function.prototype.sanitize = (text) => text;',
    context,
  );
  runInContext(readFileSync(path, 'utf8'), context);
  return runInContext('mermaid', context);
}

/** Checks a diagram with Mermaid's own parser. */
export async function findMermaidProblems(block: CodeBlock): Promise<readonly Problem[]> {
  mermaid ??= loadMermaid();
  try {
    await mermaid.parse(block.text);
    return [];
  } catch (error) {
    return [problem(block, `Mermaid cannot parse the diagram: ${messageOf(error)}`)];
  }
}
