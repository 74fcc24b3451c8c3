import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findLockfileErrors } from '../../scripts/check-lock.ts';
import { exampleLockfile } from '../../scripts/example-lock.ts';
import { repositoryRoot } from '../helpers/root.ts';

const sha512 = 'sha512-AAAA';

describe('every downloaded package is pinned by its content', () => {
  test('package-lock.json has a SHA-512 integrity value for each package, and no URL of a registry', () => {
    const { packages } = JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8'));
    expect(Object.keys(packages).length).toBeGreaterThan(200);
    expect(findLockfileErrors(packages)).toEqual([]);
  });

  test.each([
    ['no integrity value', {}, ['node_modules/a has no SHA-512 integrity value']],
    ['a weak integrity value', { integrity: 'sha1-AAAA' }, ['node_modules/a has no SHA-512 integrity value']],
    [
      'the URL of a registry',
      { integrity: sha512, resolved: 'https://example.org/a.tgz' },
      ['node_modules/a contains the URL from which it was downloaded'],
    ],
    [
      'a Git repository and no integrity value',
      { resolved: 'git+ssh://git@example.org/a.git#1' },
      expect.objectContaining({ length: 2 }),
    ],
    ['a SHA-512 integrity value', { integrity: sha512 }, []],
    ['a link to a workspace', { link: true, resolved: 'examples/relecloud' }, []],
    ['a bundled package', { inBundle: true }, []],
  ])('an entry with %s', (_, entry, errors) => {
    expect(findLockfileErrors({ '': {}, 'examples/relecloud': {}, 'node_modules/a': entry })).toEqual(errors);
  });
});

test('the lockfile of examples/relecloud has the versions of package-lock.json (otherwise run `npm run example-lock`)', () => {
  const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
  expect(read('examples/relecloud/package-lock.json')).toBe(
    exampleLockfile(JSON.parse(read('package-lock.json'))),
  );
});

describe('every action of another repository is pinned by its content', () => {
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

  test('workflows, examples and documentation use a full commit id', () => {
    expect(uses.length).toBeGreaterThan(10);
    const pinned = /^(\.\/.*|OWNER\/azure-postgresql-action@(v1|FULL_COMMIT_SHA)|[^@]+@[0-9a-f]{40})$/;
    expect(uses.filter(({ action }) => !pinned.test(action))).toEqual([]);
  });
});
