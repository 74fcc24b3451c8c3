import { readFileSync } from 'node:fs';

/**
 * What makes a commit unfit for a release, a line each.
 * @param version of package.json
 * @param tag that the release is requested for, such as `v1.2.3`; empty if package.json alone decides
 * @param changelog text of CHANGELOG.md
 */
export function findReleaseErrors(version: string, tag: string, changelog: string): readonly string[] {
  const errors: string[] = [];
  if (!/^\d+\.\d+\.\d+$/.test(version)) errors.push(`package.json has the version ${version}, not X.Y.Z.`);
  if (tag !== '' && tag !== `v${version}`)
    errors.push(`The tag is ${tag}, but package.json has the version ${version}.`);
  const section = findSection(changelog, version);
  if (section === undefined) errors.push(`CHANGELOG.md has no section ## [${version}] - YYYY-MM-DD.`);
  else if (section === '') errors.push(`The section of ${version} in CHANGELOG.md is empty.`);
  if (findSection(changelog, 'Unreleased') !== '')
    errors.push('CHANGELOG.md must have an empty section ## [Unreleased]: move its entries to the version.');
  return errors;
}

/**
 * The text of a version's section in a changelog of the form of Keep a Changelog, without its heading.
 * @returns undefined if there is no such section, or if it has no date
 */
export function findSection(changelog: string, version: string): string | undefined {
  const date = version === 'Unreleased' ? '' : ' - \\d{4}-\\d\\d-\\d\\d';
  const heading = new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\]${date}\n`);
  const section = changelog.split(/^(?=## )/m).find((text) => heading.test(text));
  // Links of the whole changelog follow the last section.
  return section
    ?.replace(heading, '')
    .replace(/^\[[^\]]+\]: .*$/gm, '')
    .trim();
}

/** `node scripts/changelog.ts [TAG]` prints the notes of the version in package.json, and fails if it cannot be released. */
if (import.meta.main) {
  const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
  const { version }: { readonly version: string } = JSON.parse(read('package.json'));
  const changelog = read('CHANGELOG.md');
  const errors = findReleaseErrors(version, process.argv[2] ?? '', changelog);
  if (errors.length > 0) {
    console.error(errors.join('\n'));
    process.exit(1);
  }
  console.log(findSection(changelog, version));
}
