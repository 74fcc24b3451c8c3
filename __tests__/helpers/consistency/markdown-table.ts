/** A row of a Markdown table: the names in back-ticks of its first cell, and its other cells by their column's head. */
export interface TableRow {
  readonly names: readonly string[];
  readonly cells: Readonly<Record<string, string>>;
}

/** The texts in backticks. */
export const codeSpans = (cell: string): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, literal = '']) => literal);

/** All rows of the tables whose first column has this head. */
export function tableRows(markdown: string, firstColumn: string): readonly TableRow[] {
  const rows: TableRow[] = [];
  let columnNames: readonly string[] = [];
  for (const line of markdown.split('\n')) {
    const cells = line.trim().startsWith('|')
      ? line
          .trim()
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((c) => c.trim())
      : [];
    if (cells.length === 0) columnNames = [];
    else if (columnNames.length === 0) columnNames = cells.map((cell) => cell.toLowerCase());
    else if (columnNames[0] === firstColumn && !cells.every((cell) => /^:?-+:?$/.test(cell))) {
      rows.push({
        names: codeSpans(cells[0] ?? ''),
        cells: Object.fromEntries(columnNames.map((name, i) => [name, cells[i] ?? ''])),
      });
    }
  }
  return rows;
}
