import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CodeBlock, Document, Problem } from '../../document.ts';
import { repositoryRoot } from '../../root.ts';
import {
  findJsonProblems,
  findMermaidProblems,
  findPythonProblems,
  findScriptProblems,
  findSqlProblems,
} from './code.ts';
import { findShellProblems } from './shell.ts';
import { findYamlProblems, hasWholeWorkflow } from './yaml.ts';

type BlockCheck = (block: CodeBlock) => readonly Problem[] | Promise<readonly Problem[]>;

/** For languages without a parser here. Their variables are checked, as those of every block (variables.ts). */
const onlyVariables: BlockCheck = () => [];

/** The check of each language. A document cannot use another language. */
const CHECKS: Readonly<Record<string, BlockCheck>> = {
  yaml: findYamlProblems,
  sh: findShellProblems,
  sql: findSqlProblems,
  json: findJsonProblems,
  js: findScriptProblems,
  ts: findScriptProblems,
  python: findPythonProblems,
  mermaid: findMermaidProblems,
  ...Object.fromEntries(
    [
      'text',
      'ruby',
      'csharp',
      'java',
      'php',
      'ini',
      'properties',
      'hcl',
      'bicep',
      'powershell',
      'prisma',
    ].map((language) => [language, onlyVariables]),
  ),
};

/** What the check of its language finds in each code block. */
export async function findBlockProblems({ blocks }: Document): Promise<readonly Problem[]> {
  const problems = await Promise.all(
    blocks.map(async (block) => {
      const check = CHECKS[block.language];
      if (check !== undefined) return check(block);
      const languages = Object.keys(CHECKS).join(', ');
      const text =
        block.language === ''
          ? `The code block has no language. Use one of: ${languages}.`
          : `No check exists for the language '${block.language}'. Use one of: ${languages}; or add a check in __tests__/helpers/consistency/documents/checks.ts.`;
      return [{ line: block.line - 1, text }];
    }),
  );
  return problems.flat();
}

/**
 * Code blocks that differ from the file that the comment before them names. A block repeats a workflow from its name on,
 * without the comment that heads the file.
 */
export function findCopyProblems({ blocks }: Document): readonly Problem[] {
  return blocks.flatMap(({ file, line, text }) => {
    if (file === undefined) return [];
    const path = join(repositoryRoot, file);
    if (!existsSync(path))
      return [{ line, text: `The comment before the block names ${file}, which does not exist.` }];
    const content = readFileSync(path, 'utf8');
    const expected = content
      .slice(Math.max(content.search(/^name:/m), 0))
      .trimEnd()
      .split('\n');
    const actual = text.trimEnd().split('\n');
    const difference = expected.findIndex((expectedLine, index) => expectedLine !== actual[index]);
    const index = difference >= 0 ? difference : expected.length;
    if (difference < 0 && actual.length === expected.length) return [];
    return [
      {
        line: line + index,
        text: `The block differs from ${file}: it has ${JSON.stringify(actual[index] ?? 'no line')}, the file ${JSON.stringify(expected[index] ?? 'no line')}. Copy the file from 'name:' on.`,
      },
    ];
  });
}

/** Workflows of a document that repeat no file, so that nothing runs them. */
export const findUntestedWorkflows = ({ blocks }: Document): readonly Problem[] =>
  blocks
    .filter(({ language, file, text }) => language === 'yaml' && file === undefined && hasWholeWorkflow(text))
    .map(({ line }) => ({
      line,
      text: 'The workflow is no copy of an example. Copy a file of examples/ from its line `name:` on, and write the comment `<!-- examples/FILE.yml -->` before the block.',
    }));
