/** A row of a Markdown table: the names in back-ticks of its first cell, and its other cells by their column's head. */
export interface Row {
  readonly names: readonly string[];
  readonly cells: Readonly<Record<string, string>>;
}

/** What stands in back-ticks. */
export const literals = (cell: string): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, literal = '']) => literal);

/** All rows of the tables whose first column has this head. */
export function rowsOf(markdown: string, head: string): readonly Row[] {
  const rows: Row[] = [];
  let heads: readonly string[] = [];
  for (const line of markdown.split('\n')) {
    const cells = line.trim().startsWith('|')
      ? line
          .trim()
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((c) => c.trim())
      : [];
    if (cells.length === 0) heads = [];
    else if (heads.length === 0) heads = cells.map((cell) => cell.toLowerCase());
    else if (heads[0] === head && !cells.every((cell) => /^:?-+:?$/.test(cell))) {
      rows.push({
        names: literals(cells[0] ?? ''),
        cells: Object.fromEntries(heads.map((name, i) => [name, cells[i] ?? ''])),
      });
    }
  }
  return rows;
}
