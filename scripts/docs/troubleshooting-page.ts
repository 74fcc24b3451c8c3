import type { ErrorEntry } from '../../src/common/error-catalog/error-entry.ts';
import { type ErrorCode, errorGroups } from '../../src/common/errors.ts';
import { exampleErrorOf } from './error-examples.ts';
import { markNames } from './input-names.ts';
import { code, linkPages, wrap } from './markdown.ts';

/*
 * The errors of docs/troubleshooting.md: one heading for each code of the catalog, by subject.
 */

const list = (items: readonly string[]): string =>
  items.map((item) => `- ${wrap(format(item), '  ')}`).join('\n');

/** Wraps each line of a message, as a reader's window does. */
const wrapLines = (message: string): string =>
  message
    .split('\n')
    .map((line) => {
      const [indent = ''] = /^\s*(?:- )?/.exec(line) ?? [];
      return indent + wrap(line.slice(indent.length), ' '.repeat(indent.length));
    })
    .join('\n');

const format = (text: string): string => linkPages(markNames(text));

function describeError([name, { meaning, causes, remedies }]: readonly [string, ErrorEntry]): string {
  const example = exampleErrorOf(name as ErrorCode).message;
  return [
    `### ${code(name)}`,
    `${wrap(format(meaning))}\n`,
    `Typical causes:\n\n${list(causes)}\n`,
    `What to do:\n\n${list(remedies)}\n`,
    `A typical message:\n\n\`\`\`text\n${wrapLines(example)}\n\`\`\``,
  ].join('\n');
}

/** The generated parts of docs/troubleshooting.md. */
export const troubleshootingPageParts = (): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(errorGroups).map(([group, errors]) => [
      `errors, ${group}`,
      Object.entries<ErrorEntry>(errors).map(describeError).join('\n\n'),
    ]),
  );
