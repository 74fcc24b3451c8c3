import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findReleaseErrors, findSection } from '../../scripts/changelog.ts';

const changelog = `# Changelog

## [Unreleased]

## [1.2.0] - 2026-12-01
### Added
- Something.

## [1.1.0] - 2026-11-01
### Fixed
- Another thing.

[Unreleased]: https://example.com/compare/v1.2.0...HEAD
`;

describe('the notes of a release', () => {
  test('are the section of its version, without its heading and the links of the changelog', () => {
    expect(findSection(changelog, '1.2.0')).toBe('### Added\n- Something.');
    expect(findSection(changelog, '1.1.0')).toBe('### Fixed\n- Another thing.');
    expect(findSection(changelog, '1.0.0')).toBeUndefined();
  });
});

describe('a release', () => {
  test('is possible if the tag, package.json and the changelog have the version, also without a tag', () => {
    expect(findReleaseErrors('1.2.0', 'v1.2.0', changelog)).toEqual([]);
    expect(findReleaseErrors('1.2.0', '', changelog)).toEqual([]);
  });

  test.for([
    ['1.2.0', 'v1.2.1', changelog, 'The tag is v1.2.1, but package.json has the version 1.2.0.'],
    ['1.3.0', '', changelog, 'CHANGELOG.md has no section ## [1.3.0]'],
    ['1.2.0-rc.1', '', changelog, 'not X.Y.Z'],
    ['1.2.0', '', changelog.replace(' - 2026-12-01', ''), 'CHANGELOG.md has no section'],
    ['1.2.0', '', changelog.replace(/### Added\n- Something\.\n/, ''), 'is empty'],
    [
      '1.2.0',
      '',
      changelog.replace('[Unreleased]\n', '[Unreleased]\n- New.\n'),
      'an empty section ## [Unreleased]',
    ],
  ] as const)('is refused: version %s, tag %j', ([version, tag, text, error]) => {
    expect(findReleaseErrors(version, tag, text).join('\n')).toContain(error);
  });
});

test('CHANGELOG.md has the sections that a release reads', () => {
  const text = readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8');
  expect(findSection(text, 'Unreleased')).toBeDefined();
  const titles = text.match(/^## .*/gm) ?? [];
  for (const title of titles)
    expect(title).toMatch(/^## \[(Unreleased\]|\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d)$/);
});
