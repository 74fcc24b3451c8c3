import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './root.ts';

/** A fenced code block of a document. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** The text of the last heading before it. */
  readonly heading: string;
}

/** The code blocks of a document, in their order; without the indentation that they have in a list. */
export function codeBlocks(document: string): readonly CodeBlock[] {
  const markdown = readFileSync(join(repositoryRoot, document), 'utf8');
  const blocks: CodeBlock[] = [];
  let heading = '';
  for (const [, level, title = '', indent = '', language = '', code = ''] of markdown.matchAll(
    /^(?:(#+) (.+)|( *)```(\w+)\n([\s\S]*?)\n *```$)/gm,
  )) {
    if (level !== undefined) heading = title;
    else blocks.push({ language, code: `${code.replaceAll(new RegExp(`^${indent}`, 'gm'), '')}\n`, heading });
  }
  return blocks;
}

/** The code of the blocks of one language below a heading. Throws if there is none. */
export function blocksUnder(document: string, heading: string, language: string): readonly string[] {
  const found = codeBlocks(document).filter(
    (block) => block.heading === heading && block.language === language,
  );
  if (found.length === 0) throw new Error(`${document} has no ${language} block below "${heading}".`);
  return found.map(({ code }) => code);
}

/** The file that a block names in the comment of its first line, such as `// knexfile.mjs`. */
export function fileName(code: string): string | undefined {
  return /^(?:#|\/\/) ([\w./-]+\.\w+)/.exec(code)?.[1];
}
