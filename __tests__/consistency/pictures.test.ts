import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PICTURE_FILES } from '../../scripts/pictures.ts';
import { findActionSteps, renderComment, renderLog } from '../../scripts/pictures-html.ts';
import { replaceVaryingParts } from '../../scripts/pictures-runs.ts';
import { repositoryRoot } from '../helpers/root.ts';

const folder = join(repositoryRoot, 'docs', 'images');

describe('docs/images/', () => {
  test('has exactly the pictures that `npm run pictures` writes, and the chart of `npm run bench`', () => {
    expect(readdirSync(folder).sort()).toEqual([...PICTURE_FILES.keys(), 'performance.svg'].sort());
  });

  test.each([...PICTURE_FILES])('%s is a PNG file of its width with some content', (name, width) => {
    const content = readFileSync(join(folder, name));
    expect(content.subarray(1, 4).toString('latin1')).toBe('PNG');
    expect(content.readUInt32BE(16)).toBe(width);
    expect(content.readUInt32BE(20)).toBeGreaterThan(300);
    expect(content.readUInt32BE(20)).toBeLessThan(4000);
    expect(content.length).toBeGreaterThan(10_000);
  });

  test('has no picture that no document shows', () => {
    const documents = ['README.md', ...globSync('docs/*.md', { cwd: repositoryRoot })].map((path) =>
      readFileSync(join(repositoryRoot, path), 'utf8'),
    );
    for (const name of readdirSync(folder))
      expect(
        documents.some((text) => text.includes(`images/${name}`)),
        name,
      ).toBe(true);
  });

  test('takes at most 1.2 MB', () => {
    const sizes = readdirSync(folder).map((name) => readFileSync(join(folder, name)).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_200_000);
  });
});

describe('a picture', () => {
  test('has no part that differs in every run', () => {
    const now = Date.UTC(2026, 10, 26, 13, 30);
    const text =
      'Created server at a.postgres.database.azure.localhost (2 min 43 s), connected (0.4 s).\n' +
      'Expires at 2026-12-10 13:30 UTC. client-id d73896eb-7bdb-438f-b681-c9c8c0d2d7f4.\nRemoved gha-temporary-700100200-13679099694-1-35312f9e23.\n';
    expect(replaceVaryingParts(text, now)).toBe(
      'Created server at a.postgres.database.azure.com (2 min 40 s), connected (0.5 s).\n' +
        'Expires at 2031-08-03 02:43 UTC. client-id 6f1c2a34-0b7e-4d1a-9c55-0123456789ab.\nRemoved gha-temporary-700100200-16543210987-1-35312f9e23.\n',
    );
  });

  test('shows of HTML in Markdown only what GitHub keeps', () => {
    const html = renderComment(
      '<!-- id -->\n<details><summary onclick="a()">b</summary>\n\n| c |\n| --- |\n| d |\n</details>\n<script>e</script>',
    );
    expect(html).toContain('<details><summary>b</summary>');
    expect(html).toContain('<td>d</td>');
    expect(html).not.toMatch(/<!--|<script|onclick/);
  });

  test('shows the action’s step of the log and its post with their groups, the inputs folded, and nothing of other steps', () => {
    const log = [
      '  \x1b[1m▶ Database\x1b[0m',
      '    ▼ Run ./',
      '      with:',
      '    ▼ Connect',
      '      Logged in as <admin>.',
      '    \x1b[32m✓ 6 s\x1b[0m',
      '  ▶ Print',
      '    other',
      '  ▶ Post Database',
      '    Access revoked.',
      '  Job deploy: success',
    ].join('\n');
    const shown = renderLog(findActionSteps(log))
      .replace(/<\/div>/g, '\n')
      .replace(/<[^>]*>/g, '');
    expect(shown.split('\n').filter(Boolean)).toEqual([
      '✓ ▾ Database',
      '1▸ Run ./',
      '3▾ Connect',
      '4  Logged in as &lt;admin&gt;.',
      '✓ ▾ Post Database',
      '1Access revoked.',
    ]);
  });

  test('cannot be made of a log without the step', () => {
    expect(() => findActionSteps('  ▶ Print')).toThrow('No step of the log');
  });
});
