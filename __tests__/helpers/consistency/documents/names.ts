import { errorCatalog } from '../../../../src/common/errors.ts';
import type { Document, Located, Problem } from '../../document.ts';
import { tableRows } from '../markdown-table.ts';
import { findInputErrors, inputNames, outputNames } from './inputs.ts';
import { missingPaths, missingScripts } from './shell.ts';

const errorCodes: ReadonlySet<string> = new Set(Object.keys(errorCatalog));
const knownNames = [...inputNames, ...outputNames, ...errorCodes];

/** How many characters differ between two texts of about the same length. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, character] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const substitution = (row[j] ?? 0) + (character === other ? 0 : 1);
      next.push(Math.min(substitution, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The name that a misspelled one probably means: only long names differ by accident. */
const closestName = (text: string): string | undefined =>
  knownNames.find((name) => name.length >= 8 && name !== text && editDistance(name, text) <= 2);

/** Documents about this repository's own files. */
const isAboutSources = (path: string): boolean =>
  /^(CONTRIBUTING\.md|docs\/(architecture|maintaining)\.md|docs\/azure-behavior\.md|(emulator|workflow-runner|__tests__)\/)/.test(
    path,
  );

const SOURCE_FOLDERS = ['src', 'docs', 'examples', 'emulator', 'workflow-runner', 'scripts', '__tests__'];

function describeSpan(text: string, isAboutCode: boolean): readonly string[] {
  const problems = missingScripts(text).map(
    (script) => `No package.json has the script '${script}'. Correct the command.`,
  );
  if (isAboutCode)
    problems.push(
      ...missingPaths(text, SOURCE_FOLDERS).map((path) => `${path} does not exist. Correct the path.`),
    );
  const [, name = '', value] = /^([a-z]+(?:-[a-z0-9]+)*)(?:: (.+))?$/.exec(text) ?? [];
  if (value !== undefined && inputNames.has(name) && !/[…<,|]|[A-Z]{4,}/.test(value))
    problems.push(...findInputErrors({ [name]: value }, false));
  if (name.includes('-') && !knownNames.includes(name)) {
    const closest = closestName(name);
    if (closest !== undefined) problems.push(`Nothing is named '${name}'. Did you mean '${closest}'?`);
  }
  const [, output = ''] = /^steps\.(?:database|ID)\.outputs\.([\w-]+)$/.exec(text) ?? [];
  if (output !== '' && !outputNames.has(output))
    problems.push(`action.yml has no output '${output}'. Correct the name.`);
  return problems;
}

/** The line of the first occurrence of a text. */
const lineOf = (document: Document, text: string): number =>
  document.text.slice(0, document.text.indexOf(text)).split('\n').length;

/**
 * Names in backticks that do not exist: inputs, their values, outputs and error codes (also in a table whose first column is
 * "error", "input" or "output"), npm scripts, and in documents about the sources their paths.
 */
export function findNameProblems(document: Document): readonly Problem[] {
  const isAboutCode = isAboutSources(document.path);
  const inText = document.codeSpans.flatMap(({ line, text }: Located) =>
    describeSpan(text, isAboutCode).map((problem) => ({ line, text: problem })),
  );
  const tables = [
    { column: 'error', names: errorCodes },
    { column: 'input', names: inputNames },
    { column: 'output', names: outputNames },
  ];
  const inTables = tables.flatMap(({ column, names }) =>
    tableRows(document.text, column)
      .flatMap((row) => row.names)
      .filter((name) => /^[a-z0-9-]+$/.test(name) && !names.has(name))
      .map((name) => ({
        line: lineOf(document, `\`${name}\``),
        text: `There is no ${column} '${name}', which a table of this document lists. Correct or remove it.`,
      })),
  );
  return [...inText, ...inTables];
}
