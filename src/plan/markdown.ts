import { bounded } from '../bounds.ts';

/** Markdown of which nothing that comes from outside can become markup. */

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map((row) => line(row.map(cell)))].join('\n');
}

/** Text from outside inside a table: nothing in it can end the cell or become markup. */
const cell = (text: string): string => code(bounded(text, MAX_CELL).replaceAll('|', '\\|'));

/** Characters of one cell: GitHub drops a summary of more than 1 MiB whole. */
const MAX_CELL = 500;

/** Inline code, bounded; a fence longer than any run of back-ticks inside. Of nothing: nothing, for two back-ticks would open a span. */
export function code(text: string): string {
  const flat = bounded(text).replace(/\s+/g, ' ').trim();
  if (flat === '') return '';
  const fence = fenceFor(flat, 1);
  return fence.length === 1 ? `\`${flat}\`` : `${fence} ${flat} ${fence}`;
}

/** A block of code. */
export function codeBlock(text: string): string {
  const fence = fenceFor(text, 3);
  return `${fence}\n${text}\n${fence}`;
}

function fenceFor(text: string, least: number): string {
  const longest = (text.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 0);
  return '`'.repeat(Math.max(least, longest + 1));
}

export const quote = (text: string): string =>
  text
    .split('\n')
    .map((line) => `> ${code(line)}  `)
    .join('\n');
