import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readAction } from '../../scripts/docs/inputs-page.ts';
import { generatePage, pagePaths, readPage } from '../../scripts/docs.ts';
import { errorCatalog, errorGroups } from '../../src/common/errors.ts';
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

describe('docs/troubleshooting.md', () => {
  const page = readPage('docs/troubleshooting.md');
  const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  const codes = Object.keys(errorCatalog);

  test('has one heading for every error, and no other heading in code', () => {
    const inCode = headings.filter((heading) => /^`.*`$/.test(heading));
    expect(inCode.sort()).toEqual(codes.map((code) => `\`${code}\``).sort());
  });

  test('has a section for every subject of the catalog', () => {
    expect(headings).toEqual(expect.arrayContaining(Object.keys(errorGroups)));
  });

  test.each(codes)('states meaning, causes, remedies and a typical message of %s', (code) => {
    const [, section = ''] = page.split(`\n### \`${code}\`\n`);
    const [meaning = '', causes = '', remedies = '', message = ''] = section.split(
      /\nTypical causes:\n|\nWhat to do:\n\n- |\nA typical message:\n/,
    );
    expect(meaning.trim()).toMatch(/^[A-Z][\s\S]{20,}\.$/);
    expect(causes).toMatch(/^\n- \S/);
    expect(remedies.trim()).toMatch(/^[A-Z`][\s\S]*[.:`]$/);
    expect(message.split('\n```')[1]).toContain(`\n(${code})`);
  });

  test('links within the page have a heading', () => {
    const anchors = headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
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
