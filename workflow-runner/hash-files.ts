import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';

function findMatches(workspace: string, pattern: string): string[] {
  return globSync(pattern, { cwd: workspace }).map((path) => join(workspace, path));
}

function isInside(folder: string, path: string): boolean {
  const relativePath = relative(folder, path);
  return relativePath !== '' && !relativePath.startsWith('..') && !isAbsolute(relativePath);
}

/**
 * GitHub's `hashFiles`: SHA-256 over the SHA-256 of each file that the patterns find in the workspace, as hex;
 * empty where there is none. A pattern that begins with `!` takes files away from those found before it.
 */
export function hashFiles(workspace: string, patterns: readonly string[]): string {
  const matchedFiles = new Set<string>();
  for (const pattern of patterns.flatMap((each) => each.split('\n')).map((each) => each.trim())) {
    if (pattern.startsWith('!')) {
      for (const path of findMatches(workspace, pattern.slice(1))) matchedFiles.delete(path);
    } else if (pattern !== '' && !pattern.startsWith('#')) {
      for (const path of findMatches(workspace, pattern)) matchedFiles.add(path);
    }
  }
  const files = [...matchedFiles]
    .filter((path) => isInside(workspace, path) && statSync(path).isFile())
    .toSorted();
  if (files.length === 0) return '';
  const combinedHash = createHash('sha256');
  for (const file of files) combinedHash.update(createHash('sha256').update(readFileSync(file)).digest());
  return combinedHash.digest('hex');
}
