import {
  type Figure,
  formatAgainst,
  formatMeasured,
  formatResult,
  formatTarget,
  isTargetMet,
  resultOf,
} from './figures.ts';

const metText = (figure: Figure): string =>
  ({ true: 'yes', false: 'NO', undefined: '' })[`${isTargetMet(figure)}`];

/** The figures as a text with columns, absolute times included. */
export function toTextTable(figures: readonly Figure[]): string {
  const lines = [
    ['row', 'what', 'measured', 'against', 'result', 'target', 'met'],
    ...figures.map((figure) => [
      figure.row,
      figure.what,
      formatMeasured(figure),
      formatAgainst(figure),
      formatResult(figure, resultOf(figure)),
      formatTarget(figure),
      metText(figure),
    ]),
  ];
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The figures as a table of Markdown, without absolute times: they say nothing about another machine. */
export function toMarkdownTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    `\`${figure.row}\``,
    figure.what,
    figure.against,
    formatResult(figure, resultOf(figure)),
    formatTarget(figure),
  ]);
  return [['row', 'what', 'against', 'result', 'target'], Array(5).fill('---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

const BLOCK_START = '<!-- bench:begin -->';
const BLOCK_END = '<!-- bench:end -->';

/**
 * Replaces what is between the two markers of a document.
 * @throws Error if the document does not have both
 */
export function replaceFigures(document: string, table: string): string {
  const start = document.indexOf(BLOCK_START);
  const end = document.indexOf(BLOCK_END);
  if (start === -1 || end < start) throw new Error(`The document needs ${BLOCK_START} and ${BLOCK_END}.`);
  return `${document.slice(0, start)}${BLOCK_START}\n${table}\n${document.slice(end)}`;
}
