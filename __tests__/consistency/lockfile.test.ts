import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findLockfileErrors } from '../../scripts/check-lock.ts';
import { repositoryRoot } from '../helpers/root.ts';

const sha512 = 'sha512-AAAA';

describe('every package that is downloaded is known by its content', () => {
  test('package-lock.json has a SHA-512 integrity value for each, and names no host', () => {
    const { packages } = JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8'));
    expect(Object.keys(packages).length).toBeGreaterThan(200);
    expect(findLockfileErrors(packages)).toEqual([]);
  });

  test.each([
    ['no integrity value', {}, ['node_modules/a has no SHA-512 integrity value']],
    ['a weak one', { integrity: 'sha1-AAAA' }, ['node_modules/a has no SHA-512 integrity value']],
    [
      'a host',
      { integrity: sha512, resolved: 'https://example.org/a.tgz' },
      ['node_modules/a names where it was downloaded from'],
    ],
    [
      'a repository',
      { resolved: 'git+ssh://git@example.org/a.git#1' },
      expect.objectContaining({ length: 2 }),
    ],
    ['what it needs', { integrity: sha512 }, []],
    ['a link', { link: true, resolved: 'examples/relecloud' }, []],
    ['a place within another package', { inBundle: true }, []],
  ])('an entry with %s', (_, entry, faults) => {
    expect(findLockfileErrors({ '': {}, 'examples/relecloud': {}, 'node_modules/a': entry })).toEqual(faults);
  });
});

describe('every action of another repository is known by its content', () => {
  const files = globSync(['.github/workflows/*.yml', 'examples/*.yml', 'README.md', 'docs/*.md'], {
    cwd: repositoryRoot,
  });
  const uses = files.flatMap((file) =>
    [...readFileSync(join(repositoryRoot, file), 'utf8').matchAll(/^ *(?:- )?uses: *(\S+)/gm)].map(
      ([, action = '']) => ({
        file,
        action,
      }),
    ),
  );

  test('workflows, examples and the documentation name its commit', () => {
    expect(uses.length).toBeGreaterThan(10);
    const pinned = /^(\.\/.*|OWNER\/azure-postgresql-action@FULL_COMMIT_SHA|[^@]+@[0-9a-f]{40})$/;
    expect(uses.filter(({ action }) => !pinned.test(action))).toEqual([]);
  });
});
