import { sanitizeText } from '../common/sanitize.ts';

/** Markdown in which text from outside stays text: it cannot become markup. */

export function renderTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(row.map(renderCell))),
  ].join('\n');
}

/** Text in a table cell; it cannot end the cell. */
const renderCell = (text: string): string =>
  inlineCode(sanitizeText(text, MAX_CELL_LENGTH).replaceAll('|', '\\|'));

/** Characters of one cell: GitHub rejects a summary of more than 1 MiB. */
const MAX_CELL_LENGTH = 500;

/** Inline code of limited length, with a fence longer than any run of backticks inside. Empty for blank text. */
export function inlineCode(text: string): string {
  const singleLine = sanitizeText(text).replace(/\s+/g, ' ').trim();
  if (singleLine === '') return '';
  const fence = fenceFor(singleLine, 1);
  return fence.length === 1 ? `\`${singleLine}\`` : `${fence} ${singleLine} ${fence}`;
}

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
