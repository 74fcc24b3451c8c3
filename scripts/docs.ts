import { readFileSync, writeFileSync } from 'node:fs';
import { inputsPageParts } from './docs/inputs-page.ts';
import { troubleshootingPageParts } from './docs/troubleshooting-page.ts';

/*
 * Writes the generated parts of docs/inputs.md and docs/troubleshooting.md. Each is between two comments, and the text around
 * them is written manually:
 *
 *     <!-- generated: NAME -->
 *     <!-- end of NAME -->
 */

/** The generated parts of each page, by name. */
const pages: Readonly<Record<string, () => ReadonlyMap<string, string>>> = {
  'docs/inputs.md': inputsPageParts,
  'docs/troubleshooting.md': troubleshootingPageParts,
};

export const pagePaths = Object.keys(pages);

const toUrl = (path: string): URL => new URL(`../${path}`, import.meta.url);

/** The text of a page as it is written. */
export const readPage = (path: string): string => readFileSync(toUrl(path), 'utf8');

/**
 * The text of a page with all of its generated parts.
 * @throws if the page has no place for a part, or a place for a part that does not exist
 */
export function generatePage(path: string): string {
  const parts = pages[path]?.() ?? new Map<string, string>();
  const missing = new Set(parts.keys());
  const text = readPage(path).replaceAll(
    /(<!-- generated: (.+?) -->\n)[\s\S]*?(<!-- end of \2 -->)/g,
    (_, begin: string, name: string, end: string) => {
      const part = parts.get(name);
      if (part === undefined) throw new Error(`${path}: nothing generates '${name}'`);
      missing.delete(name);
      return `${begin}${part}\n${end}`;
    },
  );
  if (missing.size > 0) throw new Error(`${path} has no place for: ${[...missing].join(', ')}`);
  return text;
}

if (import.meta.main) for (const path of pagePaths) writeFileSync(toUrl(path), generatePage(path));
