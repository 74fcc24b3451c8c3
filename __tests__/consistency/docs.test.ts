import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readAction } from '../../scripts/docs/inputs-page.ts';
import { generatePage, pagePaths, readPage } from '../../scripts/docs.ts';
import { codeSpans, tableRows } from '../helpers/consistency/markdown-table.ts';

const { groups, outputs } = readAction();
const inputs = [...groups.values()].flat();

test.each(pagePaths)('%s is the output of `npm run docs`', (path) => {
  expect(readPage(path)).toBe(generatePage(path));
});

describe('docs/inputs.md', () => {
  const page = readPage('docs/inputs.md');

  test('has a row for every input, with its default', () => {
    const rows = tableRows(page, 'input');
    expect(rows.flatMap(({ names }) => names)).toEqual(inputs.map(({ name }) => name));
    const stated = rows.filter(({ cells }) => cells['default'] !== '');
    expect(stated.length).toBeGreaterThan(40);
  });

  test('has a row for every output', () => {
    const rows = tableRows(page, 'output').flatMap(({ names }) => names);
    expect(rows.sort()).toEqual([...outputs.keys()].sort());
  });

  test('has a heading for every group of action.yml', () => {
    for (const group of groups.keys()) expect(page).toContain(`\n### ${group}\n`);
  });
});

describe('README.md', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

  test.each(pagePaths)('links to %s', (path) => {
    expect([...readme.matchAll(/\]\(([^)#]+)/g)].map(([, target]) => target)).toContain(path);
  });

  test('names only inputs and outputs of action.yml in its tables', () => {
    const names = (column: string): readonly string[] =>
      tableRows(readme, column).flatMap((row) => row.names);
    const known = inputs.map(({ name }) => name);
    expect(names('input').filter((name) => !known.includes(name))).toEqual([]);
    expect(names('output').filter((name) => !outputs.has(name))).toEqual([]);
  });

  test('states no other default in its tables than action.yml', () => {
    for (const { names, cells } of tableRows(readme, 'input'))
      for (const value of codeSpans(cells['default'] ?? '')) {
        const stated = inputs.filter(({ name }) => names.includes(name)).map((input) => input.default ?? '');
        expect(stated.flatMap(codeSpans), names.join()).toContain(value);
      }
  });
});
