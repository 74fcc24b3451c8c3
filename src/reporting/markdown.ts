import { sanitizeText } from '../common/sanitize.ts';

/** Markdown of which nothing that comes from outside can become markup. */

export function renderTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(row.map(renderCell))),
  ].join('\n');
}

/** Text from outside inside a table: nothing in it can end the cell or become markup. */
const renderCell = (text: string): string =>
  inlineCode(sanitizeText(text, MAX_CELL_LENGTH).replaceAll('|', '\\|'));

/** Characters of one cell: GitHub drops a summary of more than 1 MiB whole. */
const MAX_CELL_LENGTH = 500;

/** Inline code, bounded; a fence longer than any run of back-ticks inside. Of nothing: nothing, for two back-ticks would open a span. */
export function inlineCode(text: string): string {
  const singleLine = sanitizeText(text).replace(/\s+/g, ' ').trim();
  if (singleLine === '') return '';
  const fence = fenceFor(singleLine, 1);
  return fence.length === 1 ? `\`${singleLine}\`` : `${fence} ${singleLine} ${fence}`;
}

/** A block of code. */
export function codeBlock(text: string): string {
  const fence = fenceFor(text, 3);
  return `${fence}\n${text}\n${fence}`;
}

function fenceFor(text: string, minLength: number): string {
  const longest = (text.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 0);
  return '`'.repeat(Math.max(minLength, longest + 1));
}

export const blockquote = (text: string): string =>
  text
    .split('\n')
    .map((line) => `> ${inlineCode(line)}  `)
    .join('\n');
