import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { blocksUnder } from '../helpers/document.ts';
import { testsDirectory } from '../helpers/root.ts';
import { test } from '../helpers/runner/example-test.ts';

/** A repository of a user, whose `npm run migrate` creates a table and whose `npm test` reads it. */
function createRepository(folder: string): void {
  const query = `node ${join(testsDirectory, 'helpers', 'e2e', 'query.mjs')}`;
  const repository = {
    name: 'relecloud',
    version: '1.0.0',
    scripts: {
      migrate: `${query} "CREATE TABLE trips AS SELECT 4711 AS price"`,
      test: `${query} "SELECT current_user, price FROM trips"`,
    },
  };
  const { name, version } = repository;
  const lock = { name, version, lockfileVersion: 3, packages: { '': { name, version } } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(repository));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
}

/** The workflow of docs/jobs.md, with a masked value as another output of the first job. */
function workflow(): string {
  const [text = ''] = blocksUnder('docs/jobs.md', 'The connection in another job', 'yaml');
  const created = text.split('\n').find((line) => line.includes('created: ${{')) ?? '';
  const url = '      url: ${{ steps.database.outputs.database-url }}';
  expect(created).not.toBe('');
  return (
    text
      // Its packages do not matter here.
      .replaceAll('run: npm ci', "run: 'true'")
      .replace(created, `${created}\n${url}`)
      .replace('run: npm test', 'run: echo "url=<${{ needs.migrate.outputs.url }}>" && npm test')
  );
}

describe('the workflow of docs/jobs.md', () => {
  test('lets a second job use the database by running the step again, since GitHub drops a masked output', async ({
    runExample,
    write,
  }) => {
    const repository = mkdtempSync(join(tmpdir(), 'jobs-guide-'));
    try {
      createRepository(repository);
      const result = await runExample('deploy.yml', undefined, {
        file: write(workflow()),
        repository,
        eventName: 'push',
      });
      expect(result.exitCode, result.log).toBe(0);
      expect(result.jobs['migrate']?.outputs).toEqual({ created: 'true' });
      expect(result.log).toMatch(/Skip output 'url' since it may contain secret/);
      expect(result.log).toContain('A run of this workflow has created the database.');
      expect(result.log).toContain('url=<>');
      expect(result.log).toContain('[{"current_user":"relecloud_app","price":4711}]');
    } finally {
      rmSync(repository, { recursive: true, force: true });
    }
  });
});
